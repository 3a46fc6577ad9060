"""Schedules are exact, total and fair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.rec.bit_allocation import bits_per_weight, blocks, max_total_bits

RATES = st.lists(st.integers(1, 1 << 20), min_size=1, max_size=200).map(np.array)
TOTAL = st.integers(0, 2**31 - 1)


@given(RATES, TOTAL)
def test_bits_sum_to_the_total_and_follow_the_rates(rates: np.ndarray, total_bits: int):
    bits = bits_per_weight(rates, total_bits, max_bits=2**31)
    assert bits.dtype == np.int64
    assert bits.sum() == total_bits
    assert (bits >= 0).all()
    # At every point the stream is behind its share by less than a bit, and never ahead.
    sum_rates = int(rates.sum())
    sent = reached = 0
    for rate, new_bits in zip(rates.tolist(), bits.tolist(), strict=True):
        reached += rate
        sent += new_bits
        assert 0 <= total_bits * reached - sent * sum_rates < sum_rates


@given(RATES, TOTAL)
def test_more_bits_never_end_a_weight_earlier(rates: np.ndarray, total_bits: int):
    fewer = bits_per_weight(rates, total_bits // 2, max_bits=2**31)
    more = bits_per_weight(rates, total_bits, max_bits=2**31)
    assert (np.cumsum(more) >= np.cumsum(fewer)).all()


@given(RATES, st.integers(1, 8))
def test_the_largest_total_is_safe_and_close_to_the_limit(rates: np.ndarray, max_bits: int):
    total_bits = max_total_bits(rates, max_bits)
    assert bits_per_weight(rates, total_bits, max_bits).sum() == total_bits
    assert total_bits >= max_bits
    if total_bits < 2**31 - 1:  # one more and some weight has a share above its limit
        assert (total_bits + 1) * int(rates.max()) > max_bits * int(rates.sum())


@given(RATES, TOTAL.filter(bool))
def test_blocks_are_contiguous_and_of_about_equal_rate(rates: np.ndarray, n_blocks: int):
    n_blocks = n_blocks % 300 + 1
    bounds = blocks(rates, n_blocks)
    assert bounds.shape == (n_blocks + 1,)
    assert bounds.dtype == np.int64
    assert bounds[0] == 0
    assert bounds[-1] == len(rates)
    assert (np.diff(bounds) >= 0).all()
    cumulative = np.concatenate([[0], np.cumsum(rates)])
    shares = np.arange(n_blocks + 1) * rates.sum() / n_blocks
    assert (np.abs(cumulative[bounds] - shares) <= rates.max() / 2 + 1e-6).all()


def test_schedules_at_the_largest_sizes_match_exact_integers():
    rates = np.full(3, (2**31 - 1) // 3)
    rates[2] += 2**31 - 1 - rates.sum()
    total = 2**31 - 1
    cumulative = np.cumsum(rates).tolist()
    exact = [total * c // cumulative[-1] for c in cumulative]
    assert np.cumsum(bits_per_weight(rates, total, 2**31)).tolist() == exact
    assert blocks(rates, 3).tolist() == [0, 1, 2, 3]


def test_golden_schedules():
    rates = np.array([5, 1, 1, 1, 300, 7, 40, 2, 2, 2])
    assert bits_per_weight(rates, 20, 20).tolist() == [0, 0, 0, 0, 17, 0, 2, 0, 0, 1]
    assert blocks(rates, 4).tolist() == [0, 4, 5, 5, 10]
    assert max_total_bits(rates, 8) == 9


def test_unsigned_and_small_integers_are_welcome():
    rates = np.array([200, 255, 255], dtype=np.uint8)
    wide = rates.astype(np.int64)
    assert (bits_per_weight(rates, 10, 8) == bits_per_weight(wide, 10, 8)).all()
    assert (blocks(rates, 2) == blocks(wide, 2)).all()
    assert max_total_bits(rates, 8) == max_total_bits(wide, 8)


def test_no_weights_take_no_bits():
    none = np.zeros(0, dtype=np.int64)
    assert len(bits_per_weight(none, 0, 8)) == 0
    assert blocks(none, 0).tolist() == [0]
    assert max_total_bits(none, 8) == 0


@pytest.mark.parametrize(
    "rates",
    [
        np.array([1, 0, 2]),
        np.array([1, -1]),
        np.array([1.0, 2.0]),
        np.ones((2, 2), dtype=np.int64),
        np.array([2**31 - 1, 1]),
        np.array([2**63, 2**63], dtype=np.uint64),
    ],
    ids=["zero", "negative", "float", "matrix", "sum", "huge"],
)
def test_bad_rates_are_refused(rates: np.ndarray):
    with pytest.raises(ValueError, match="rates must"):
        bits_per_weight(rates, 4, 8)
    with pytest.raises(ValueError, match="rates must"):
        blocks(rates, 4)
    with pytest.raises(ValueError, match="rates must"):
        max_total_bits(rates, 4)


def test_bad_totals_are_refused():
    rates = np.array([1, 1, 6])
    with pytest.raises(ValueError, match="over 8"):
        bits_per_weight(rates, 12, 8)
    for total in (-1, 2**31):
        with pytest.raises(ValueError, match="outside"):
            bits_per_weight(rates, total, 8)
    with pytest.raises(ValueError, match="no weight"):
        bits_per_weight(rates[:0], 1, 8)
    with pytest.raises(ValueError, match="at least one block"):
        blocks(rates, 0)
