"""Integer tables, trellises, and what is refused of entropy tables."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from group_examples import some_tables, some_taps

from combiner_core.rec import EntropyTables, Taps, wire
from combiner_core.rec.dependent_quantiser import STATE_COUNTS, predecessors, transitions
from combiner_core.rec.groups import GroupDecoder, GroupEncoder
from combiner_core.rec.logistic_mixing import initial_mixing
from combiner_core.rec.variance_bins import N_BINS, bin_octaves, bins, clamped, deviations, octaves


def far_from_boundary(values: np.ndarray) -> bool:
    return bool((np.abs(values - np.floor(values) - 0.5) > 1e-6).all())


def test_no_table_can_round_differently_elsewhere() -> None:
    exact = np.array([4096 * 2 ** (e / 32) for e in range(-256, 385)])
    assert far_from_boundary(exact)
    np.testing.assert_array_equal(deviations(), np.rint(exact))
    ratios = 2.0 ** (np.array([-6, -4, -2, 0, 3]) / 4)
    thresholds = np.maximum(np.rint(exact), 8192)[:, None] * ratios
    # halves of integers are exact
    for ratio, column in zip(ratios, thresholds.T, strict=True):
        assert np.log2(ratio).is_integer() or far_from_boundary(column)
    factors = 4096 * 2.0 ** (np.arange(-32, 33) / 4)
    assert far_from_boundary(factors[factors != np.rint(factors)])
    digest = hashlib.sha256(deviations().astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "f1ff8602c1a9fcab"


def test_no_table_of_mixing_can_round_differently_elsewhere() -> None:
    mixing = initial_mixing()
    share = (np.arange(1 << 14) + 0.5) / (1 << 14)
    exact = 256 * (np.log(share) - np.log1p(-share))
    assert far_from_boundary(exact)
    np.testing.assert_array_equal(mixing.logits, np.rint(exact))
    exact = (1 << 21) * (1 + np.tanh(np.arange(-3072, 3073) / 512))
    assert far_from_boundary(exact[exact != 1 << 21])
    np.testing.assert_array_equal(mixing.shares, np.clip(np.rint(exact), 64, (1 << 22) - 64))
    digest = hashlib.sha256(mixing.shares.astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "aef1956a704ff5b0"


def test_bins_are_ascending_and_all_used() -> None:
    assert (np.diff(bins().astype(int)) >= 0).all()
    assert set(bins()) == set(range(N_BINS))
    for number, middle in enumerate(bin_octaves()):
        assert bins()[np.argmin(abs(octaves() - middle))] == number


def test_log_variances_are_held_in_range() -> None:
    held = clamped(np.array([-(10**6), wire.MIN_LOG_VARIANCE, 5, wire.MAX_LOG_VARIANCE, 10**6]))
    np.testing.assert_array_equal(held, [-256, -256, 5, 384, 384])


@pytest.mark.parametrize("states", STATE_COUNTS)
def test_every_state_follows_one_by_either_parity(states: int) -> None:
    following = transitions(states)
    before = predecessors(following)
    for parity in range(2):
        np.testing.assert_array_equal(following[before[:, parity], parity], np.arange(states))


def test_the_trellis_of_eight_states_is_the_usual_one() -> None:
    expected = [[0, 2], [5, 7], [1, 3], [4, 6], [2, 0], [7, 5], [3, 1], [6, 4]]
    np.testing.assert_array_equal(transitions(8), expected)


@pytest.mark.parametrize("states", [0, 2, 3, 512])
def test_there_is_no_other_trellis(states: int) -> None:
    with pytest.raises(ValueError, match="states"):
        transitions(states)
    for coder in (
        lambda: GroupEncoder(some_tables(), states),
        lambda: GroupDecoder(some_tables(), b"", states),
    ):
        with pytest.raises(ValueError, match="states"):
            coder()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("steps", lambda a: a[:-1]),
        ("steps", lambda a: a.astype(np.int64)),
        ("steps", lambda a: 0 * a),
        ("corrections", lambda a: a[:, :1]),
        ("probabilities", lambda a: 0 * a),
        ("probabilities", lambda a: a[:1]),
        ("confidences", lambda a: a.astype(np.int32)),
    ],
)
def test_tables_that_are_none_are_refused(name: str, change) -> None:
    tables = some_tables()
    with pytest.raises(ValueError, match="table"):
        replace(tables, **{name: change(getattr(tables, name))})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("places", lambda a: a[0]),
        ("places", lambda a: a.astype(np.int16)),
        ("places", lambda a: a + np.int8(3)),
        ("places", lambda a: a - np.int8(3)),
        ("places", lambda a: np.repeat(a, 20, 1)),
        ("weights", lambda a: a[:, :, :1]),
        ("weights", lambda a: -1 - a),
        ("parents", lambda a: a[:1]),
        ("expected", lambda a: a[:, :1]),
        ("expected", lambda a: -1 - a),
    ],
)
def test_taps_that_are_none_are_refused(name: str, change) -> None:
    taps = some_taps()
    with pytest.raises(ValueError, match=r"."):
        replace(taps, **{name: change(getattr(taps, name))})


def test_nothing_around_can_count() -> None:
    tables = EntropyTables.untrained(Taps.none(2, 5))
    assert tables.taps.classes == 5
    assert tables.probabilities.shape[0] == 5
