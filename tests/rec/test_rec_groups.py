"""Groups of weights come back from payloads, and their beginnings from beginnings of payloads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from group_examples import (
    CHANNELS,
    Example,
    decoded,
    encoded,
    example,
    pyramid,
    some_tables,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_decoder import ReferenceDecoder

from combiner_core.rec import EntropyTables, Grid, IntegerPrior, Plane
from combiner_core.rec.dependent_quantiser import STATE_COUNTS, USUAL_STATES, transitions
from combiner_core.rec.groups import GroupDecoder, GroupEncoder

TABLES = some_tables()


def assert_equal(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for one, other in zip(first, second, strict=True):
        assert one.dtype == other.dtype == np.int32
        np.testing.assert_array_equal(one, other)


def by_reference(
    tables: EntropyTables, examples: list[Example], payload: bytes, states: int = USUAL_STATES
) -> list[np.ndarray]:
    decoder = ReferenceDecoder(tables, payload, states)
    return [decoder.decode(one.prior) for one in examples]


@pytest.mark.parametrize("shift", [-6.0, 0.0, 5.0])
@pytest.mark.parametrize("states", STATE_COUNTS)
def test_a_decoder_written_once_more_reads_the_same(states: int, shift: float) -> None:
    examples = pyramid(states, shift)
    payload, groups = encoded(TABLES, examples, states=states)
    sent = [group.values for group in groups]
    assert_equal(decoded(TABLES, examples, payload, states), sent)
    assert_equal(by_reference(TABLES, examples, payload, states), sent)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=150), st.sampled_from([-5.0, 1.0, 9.0]))
def test_any_bytes_mean_the_same_to_both(payload: bytes, shift: float) -> None:
    examples = pyramid(2, shift)
    assert_equal(decoded(TABLES, examples, payload), by_reference(TABLES, examples, payload))


@pytest.mark.parametrize("byte", [0, 1, 127, 128, 254, 255])
def test_bytes_that_nobody_wrote_end_somewhere(byte: int) -> None:
    rng = np.random.default_rng(byte)
    grid = Grid(CHANNELS, 60, 70)
    examples = [example(rng, grid, [Plane(c)], (60, 70), 20.0, c) for c in range(CHANNELS)]
    for values in decoded(TABLES, examples, bytes([byte]) * 3000):
        assert abs(values.astype(np.int64)).max() < 2**31


def test_every_beginning_gives_the_first_weights() -> None:
    examples = pyramid(7)
    payload, groups = encoded(TABLES, examples)
    sent = np.concatenate([group.values.ravel() for group in groups])
    means = np.concatenate([one.prior.default.ravel() for one in examples])
    sizes = np.concatenate([group.sizes.ravel() for group in groups])
    last = 0
    for length in range(len(payload) + 1):
        parts = decoded(TABLES, examples, payload[:length])
        received = np.concatenate([part.ravel() for part in parts])
        wrong = np.flatnonzero(received != sent)
        reached = int(wrong[0]) if len(wrong) else len(sent)
        np.testing.assert_array_equal(received[reached:], means[reached:])
        assert reached >= last
        last = reached
        # not one byte more than it takes
        assert (reached == len(sent)) == (length == len(payload))
    assert sizes.any()


def test_what_comes_after_a_message_changes_nothing() -> None:
    examples = pyramid(8)
    payload, groups = encoded(TABLES, examples)
    for ending in (b"\0" * 9, b"\xff" * 9, b"\x5a" * 9):
        first = decoded(TABLES, examples, payload + ending)
        reached = max(i for i, group in enumerate(groups) if group.sizes.any())
        assert_equal(first[:reached], [group.values for group in groups[:reached]])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.tuples(st.integers(1, 4), st.integers(1, 19), st.integers(1, 19)),
    st.sampled_from([-400, -190, -60, 10, 90, 200, 380, 600]),
    st.sampled_from([0, 1, 100, 2000, 2**31 - 1]),
    st.sampled_from([0.0, 0.5, 30.0, 1e9, 1e30]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([None, 3, 32]),
)
def test_any_group_comes_back(seed, shape, log_variance, mean, spread, share, noise) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid(4 * CHANNELS, *shape[1:])
    examples = []
    for index in range(3):
        target = (spread * rng.standard_normal(shape)).astype(np.float32)
        means = rng.integers(-mean, mean, shape, endpoint=True).astype(np.int32)
        variances = np.asarray(log_variance + rng.integers(-30, 30, shape))
        scales = None if noise is None else rng.integers(-noise, noise, shape, endpoint=True)
        planes = tuple(Plane(4 * index + number) for number in range(shape[0]))
        coded = rng.random(shape) < share
        prior = IntegerPrior(grid, planes, index, means, variances, coded, scales)
        examples.append(Example(prior, target))
    payload, groups = encoded(TABLES, examples)
    assert_equal(decoded(TABLES, examples, payload), [group.values for group in groups])
    for one, group in zip(examples, groups, strict=True):
        assert not group.values[~one.prior.coded].any()
        assert not group.sizes[~one.prior.coded].any()


def test_an_empty_payload_leaves_the_means() -> None:
    examples = pyramid(5)
    assert_equal(decoded(TABLES, examples, b""), [one.prior.default for one in examples])


def test_what_is_at_its_mean_needs_no_message() -> None:
    examples = [Example(one.prior, (one.prior.mean / 16).astype(np.float32)) for one in pyramid(6)]
    assert encoded(TABLES, examples)[0] == b""


def test_a_full_encoder_takes_no_more() -> None:
    examples = pyramid(9)
    encoder = GroupEncoder(TABLES, most_bytes=30)
    sent = [encoder.encode(*one).values for one in examples]
    assert encoder.full
    np.testing.assert_array_equal(sent[-1], examples[-1].prior.default)
    whole, _ = encoded(TABLES, examples)
    cut = encoder.payload()[:30]
    assert cut == whole[:30]


def test_sides_agree_in_different_processes() -> None:
    examples = pyramid(11)
    payload, groups = encoded(TABLES, examples)
    script = (
        "import sys\n"
        f"sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]}\n"
        "from group_examples import decoded, pyramid, some_tables\n"
        "parts = decoded(some_tables(), pyramid(11), sys.stdin.buffer.read())\n"
        "sys.stdout.buffer.write(b''.join(part.tobytes() for part in parts))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=payload, capture_output=True, check=True
    )
    assert done.stdout == b"".join(group.values.tobytes() for group in groups)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros((2, 4, 5), np.int64)},
        {"coded": np.ones((2, 4, 5), np.int8)},
        {"coded": np.ones((2, 4, 4), bool)},
        {"log_variance": np.zeros((2, 4, 5), np.float32)},
        {"noise": np.zeros((2, 4, 5), np.float32)},
        {"noise": np.full((2, 4, 5), 33)},
        {"planes": (Plane(0),)},
        {"planes": (Plane(0), Plane(3))},
        {"planes": (Plane(0), Plane(1, -1, 0))},
        {"planes": (Plane(0), Plane(1, 1, 0))},
        {"planes": (Plane(0), Plane(1, 0, 0, 1, 2))},
        {"grid": Grid(CHANNELS, 10, 5), "planes": (Plane(0, row_step=3), Plane(1))},
        {"grid": Grid(CHANNELS, 4, 13), "planes": (Plane(0), Plane(1, column_step=3))},
    ],
)
def test_what_is_no_prior_is_refused(change: dict) -> None:
    shape = (2, 4, 5)
    fields = {
        "grid": Grid(CHANNELS, 4, 5),
        "planes": (Plane(0), Plane(1)),
        "table": 0,
        "mean": np.zeros(shape, np.int32),
        "log_variance": np.zeros(shape, np.int16),
        "coded": np.ones(shape, bool),
    }
    IntegerPrior(**fields)
    with pytest.raises(ValueError, match=r"."):
        IntegerPrior(**(fields | change))


def test_targets_must_be_real_numbers() -> None:
    one = pyramid(1)[0]
    encoder = GroupEncoder(TABLES)
    for target in (
        one.target.astype(np.float64),
        one.target[:1],
        np.full_like(one.target, np.nan),
        np.full_like(one.target, np.inf),
    ):
        with pytest.raises(ValueError, match="target"):
            encoder.encode(one.prior, target)
    assert encoder.payload() == b""


def test_a_parent_must_cover_its_children() -> None:
    parent = Grid(CHANNELS, 4, 4)
    for size in ((9, 8), (8, 9)):
        child = Grid(CHANNELS, *size, parent, (2, 2))
        rng = np.random.default_rng(0)
        examples = [
            example(rng, parent, [Plane(0)], (4, 4), 2.0),
            example(rng, child, [Plane(0)], size, 2.0),
        ]
        with pytest.raises(ValueError, match="cover"):
            encoded(TABLES, examples)
    for wrong in ((0, 4, 4), (3, 0, 4)):
        with pytest.raises(ValueError, match="no places"):
            Grid(*wrong)
    with pytest.raises(ValueError, match="stretched"):
        Grid(3, 4, 4, parent, (2, 3))


def test_a_decoder_keeps_to_the_means_once_the_message_has_ended() -> None:
    examples = pyramid(12)
    payload, _ = encoded(TABLES, examples)
    decoder = GroupDecoder(TABLES, payload[:5])
    parts = [decoder.decode(one.prior) for one in examples]
    assert_equal(parts[1:], [one.prior.default for one in examples[1:]])


@pytest.mark.parametrize("states", [8, USUAL_STATES])
def test_a_trace_tells_what_the_encoder_did(states: int) -> None:
    examples = pyramid(4)
    payload, groups = encoded(TABLES, examples, states=states)
    decoder, following = GroupDecoder(TABLES, payload, states), transitions(states)
    total_bits = 0.0
    for one, group in zip(examples, groups, strict=True):
        traced, coded = decoder.trace(one.prior), one.prior.coded
        np.testing.assert_array_equal(traced.values, group.values)
        np.testing.assert_array_equal(traced.sizes, group.sizes)
        state = 0
        for before, size in zip(traced.states[coded], traced.sizes[coded], strict=True):
            # Weights at the end that the message does without are not read.
            assert before in (state, 0)
            state = following[state, size & 1]
        total_bits += float(traced.spent_bits.sum())
        points = decoder.points(one.prior.table, one.prior.indices[coded], 4)
        if one.prior.noise is None:
            sizes, moved = np.abs(traced.sizes[coded]), traced.values[coded] - one.prior.mean[coded]
            few = sizes < 4
            chosen = points[np.arange(len(sizes)), traced.states[coded] & 1, np.minimum(sizes, 3)]
            np.testing.assert_array_equal(chosen[few], np.abs(moved)[few])
    assert 8 * len(payload) - 40 < total_bits < 8 * len(payload) + 8
    first = GroupDecoder(TABLES, payload, states).trace(examples[0].prior).spent_bits
    np.testing.assert_allclose(first, groups[0].spent_bits, rtol=0.05, atol=0.1)
