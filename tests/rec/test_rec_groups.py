"""Groups of weights come back from payloads, and their beginnings from beginnings of payloads."""

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from group_examples import EXPONENTS, Example, Recorder, pyramid
from hypothesis import given, settings
from hypothesis import strategies as st

from combiner_core.rec import (
    BlockCoder,
    Coder,
    EntropyTables,
    GroupDecoder,
    TrellisCoder,
)

TRELLIS = TrellisCoder(state_bits=8)
MODEL = EntropyTables.untrained((8, 8), EXPONENTS)
SEED = 77
MANY_BYTES = 1 << 20


def encoded(
    groups: list[Example], payload_bytes: int, coder: Coder = TRELLIS, model: EntropyTables = MODEL
) -> tuple[Recorder, list[np.ndarray]]:
    encoder = Recorder.message(coder, model, SEED, payload_bytes)
    return encoder, [encoder.encode(group) for group in groups]


def decoded(
    groups: list[Example], payload: bytes, coder: Coder = TRELLIS, model: EntropyTables = MODEL
) -> list[np.ndarray]:
    decoder = GroupDecoder(coder, model, SEED, payload)
    return [decoder.decode(group.prior) for group in groups]


def equal_groups(first: list[np.ndarray], second: list[np.ndarray]) -> list[bool]:
    return [np.array_equal(a, b) for a, b in zip(first, second, strict=True)]


def test_weights_approach_their_targets_and_only_existing_ones_are_decoded():
    groups = pyramid(2)
    encoder, sent = encoded(groups, MANY_BYTES, TrellisCoder(state_bits=12))
    for group, values in zip(groups, sent, strict=True):
        assert not values[~group.coded].any()
        weights = group.coded & (group.log_variance > 0)
        before = ((group.mean / 16 - group.target)[weights] ** 2).mean()
        after = ((values / 16 - group.target)[weights] ** 2).mean()
        assert after < 1.7 < before
    assert encoder.bits < 1.04 * sum(
        np.log2(1 + 2.0 ** (g.log_variance[g.coded] / 8)).sum() / 2 + 10 for g in groups
    )


def test_the_payload_is_no_longer_than_its_information():
    groups = pyramid(3)
    encoder, sent = encoded(groups, MANY_BYTES)
    payload_bytes = int(encoder.bits / 8) + 9
    short, _ = encoded(groups, payload_bytes)
    assert short.fits
    assert all(equal_groups(decoded(groups, short.payload()), sent))


@settings(max_examples=60)
@given(
    st.integers(0, 1000),
    st.tuples(st.integers(1, 4), st.integers(1, 19), st.integers(1, 19)),
    st.sampled_from([-300, -64, -10, 30, 80, 160, 300]),
    st.sampled_from([0, 1, 100, 2000, 2**31 - 1]),
    st.sampled_from([0.0, 0.5, 30.0, 1e9, 1e30]),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_any_group_comes_back(seed, shape, log_variance, mean, spread, share):
    rng = np.random.default_rng(seed)
    groups = []
    for index in range(3):
        target = (spread * rng.standard_normal(shape)).astype(np.float32)
        means = rng.integers(-mean, mean, shape, endpoint=True).astype(np.int32)
        variances = np.asarray(log_variance + rng.integers(-30, 30, shape))
        coded = rng.random(shape) < share
        groups.append(Example(index, index - 1 if index else None, target, means, variances, coded))
    encoder, sent = encoded(groups, MANY_BYTES)
    assert all(equal_groups(decoded(groups, encoder.payload()), sent))


@pytest.mark.parametrize("payload_bytes", [1, 3, 4, 30, 31, 200, 333])
def test_a_short_payload_is_the_beginning_of_the_message(payload_bytes: int):
    groups = pyramid(5)
    _, sent = encoded(groups, MANY_BYTES)
    short, _ = encoded(groups, payload_bytes)
    assert short.full
    assert not short.fits
    payload = short.payload()
    assert len(payload) == payload_bytes
    received = decoded(groups, payload)
    right = equal_groups(received, sent)
    assert right == sorted(right, reverse=True)
    # nearly all of its bits are of use
    reached = next(i for i in itertools.count() if not right[i])
    prefix = Recorder.message(TRELLIS, MODEL, SEED, MANY_BYTES)
    for group in groups[: reached + 1]:
        prefix.encode(group)
    assert prefix.bits > 8 * payload_bytes - 20


def test_an_empty_payload_leaves_the_means():
    groups = pyramid(5)
    encoder, sent = encoded(groups, 0)
    assert encoder.full
    assert encoder.payload() == b""
    means = [group.mean * group.coded for group in groups]
    assert all(equal_groups(sent, means))
    assert all(equal_groups(decoded(groups, b""), means))


def test_what_fits_is_exactly_received_at_every_length():
    groups = pyramid(6)[:4]
    for payload_bytes in range(int(encoded(groups, MANY_BYTES)[0].bits / 8) - 3, 2000):
        encoder, sent = encoded(groups, payload_bytes)
        if encoder.fits:
            assert all(equal_groups(decoded(groups, encoder.payload()), sent))
            break
        assert encoder.bits > 8 * payload_bytes - 64


@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_bytes_decode_to_something(payload: bytes, example: int):
    for values in decoded(pyramid(example), payload):
        assert values.dtype == np.int32


def test_decoding_never_changes():
    rows, columns = np.indices((12, 20))
    groups = []
    for index in range(6):
        log_variance = np.stack([rows * 7 - 40 + 9 * index, columns * 3 - 30 + 5 * index])
        mean = np.stack([rows * columns, -rows - index]).astype(np.int32)
        coded = np.stack([(rows + columns) % 3 > 0, rows > 1])
        target = np.zeros(mean.shape, np.float32)
        groups.append(
            Example(index, index - 1 if index else None, target, mean, log_variance, coded)
        )
    payload = hashlib.shake_256(b"groups").digest(700)
    digest = hashlib.sha256()
    for coder in (TrellisCoder(state_bits=14), BlockCoder()):
        received = decoded(groups, payload, coder)
        changed = [(v != g.mean * g.coded).mean() for v, g in zip(received, groups, strict=True)]
        assert min(changed[:3]) > 0.2
        digest.update(b"".join(values.astype("<i4").tobytes() for values in received))
    assert digest.hexdigest()[:16] == "402cd254042d0707"


def test_groups_of_any_number_of_weights_are_coded():
    shape = (2, 400, 400)
    rng = np.random.default_rng(0)
    target = 1.5 * rng.standard_normal(shape, dtype=np.float32)
    variances, coded = np.full(shape, 2, np.int32), np.ones(shape, bool)
    group = Example(0, None, target, np.zeros(shape, np.int32), variances, coded)
    encoder, sent = encoded([group], MANY_BYTES)
    assert (sent[0] != 0).mean(axis=(1, 2)).min() > 0.9
    assert all(equal_groups(decoded([group], encoder.payload()), sent))


def test_a_fresh_process_decodes_without_the_compiler(tmp_path: Path):
    groups = pyramid(10)
    encoder, sent = encoded(groups, MANY_BYTES)
    payload = encoder.payload()[: int(encoder.bits / 8) + 9]
    (tmp_path / "payload").write_bytes(payload)
    digest = hashlib.sha256(b"".join(values.tobytes() for values in sent)).hexdigest()
    code = f"""
import sys, hashlib, pathlib
sys.path[:0] = {[str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]!r}
from group_examples import EXPONENTS, pyramid
from combiner_core.rec import EntropyTables, GroupDecoder, TrellisCoder
model = EntropyTables.untrained((8, 8), EXPONENTS)
payload = pathlib.Path("payload").read_bytes()
decoder = GroupDecoder(TrellisCoder(state_bits=8), model, {SEED}, payload)
values = b"".join(decoder.decode(group.prior).tobytes() for group in pyramid(10))
assert hashlib.sha256(values).hexdigest() == "{digest}"
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_a_seed_decides_the_candidates():
    with pytest.raises(ValueError, match="seed"):
        GroupDecoder(TRELLIS, MODEL, -1, b"")
    groups = pyramid(8)
    encoder, sent = encoded(groups, MANY_BYTES)
    other = GroupDecoder(TRELLIS, MODEL, SEED + 1, encoder.payload())
    assert not np.array_equal(other.decode(groups[1].prior), sent[1])


@pytest.mark.parametrize(
    "change",
    [
        {"target": np.full((1, 4, 4), np.nan, np.float32)},
        {"target": np.full((1, 4, 4), np.inf, np.float32)},
        {"target": np.zeros((1, 4, 4))},
        {"target": np.zeros((1, 4, 5), np.float32)},
        {"mean": np.zeros((1, 4, 4), np.int64)},
        {"mean": np.zeros((4, 4), np.int32)},
        {"log_variance": np.zeros((1, 4, 4), np.float32)},
        {"log_variance": np.zeros((2, 4, 4), np.int32)},
        {"coded": np.zeros((1, 4, 4), np.int8)},
        {"coded": np.zeros((1, 0, 4), bool)},
        {"previous": 3},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(change: dict):
    right = Example(
        5,
        None,
        np.zeros((1, 4, 4), np.float32),
        np.zeros((1, 4, 4), np.int32),
        np.zeros((1, 4, 4), np.int32),
        np.ones((1, 4, 4), bool),
    )
    wrong = right._replace(**change)
    with pytest.raises(ValueError, match=r"group|target|means|log-variances"):
        Recorder.message(TRELLIS, MODEL, SEED, 99).encode(wrong)
    with pytest.raises(ValueError, match=r"group|target|means|log-variances"):
        Recorder.counting(MODEL).encode(wrong)
    if "target" not in change:
        with pytest.raises(ValueError, match=r"group|means|log-variances"):
            GroupDecoder(TRELLIS, MODEL, SEED, bytes(99)).decode(wrong.prior)


def test_a_previous_group_must_have_the_same_grid():
    groups = pyramid(9)
    encoder = Recorder.message(TRELLIS, MODEL, SEED, MANY_BYTES)
    encoder.encode(groups[0])
    with pytest.raises(ValueError, match="group 1 cannot follow group 0"):
        encoder.encode(groups[1]._replace(previous=0))


def test_an_outlier_costs_bits_and_not_distortion_where_all_weights_are_quantised(rng):
    shape = (2, 9, 7)
    target = rng.standard_normal(shape).astype(np.float32) / 4
    target[0, 3, 3], target[1, 0, 6] = 295.0, -71.0
    mean, coded = np.zeros(shape, np.int32), np.ones(shape, np.bool_)
    coded[1, 8] = False
    log_variance = rng.integers(-64, 30, shape).astype(np.int16)
    model = EntropyTables.untrained((8, 8), (-2, -1, 0, 1, 2, 4))
    encoder = Recorder.message(TrellisCoder(10), model, 0, 4000)
    example = Example(0, None, target, mean, log_variance, coded, all_scalar=True)
    decoded = encoder.encode(example)
    error = np.abs(decoded / 16 - target)[coded]
    assert error.max() <= 55 / 32 + 1e-6
    assert encoder.bits == pytest.approx(encoder.side_bits)
    decoder = GroupDecoder(TrellisCoder(10), model, 0, encoder.payload())
    np.testing.assert_array_equal(decoder.decode(example.prior), decoded)
    assert not decoded[~coded].any()
