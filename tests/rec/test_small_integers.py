"""Arrays of small integers: exact round trips, and any bytes."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from combiner_core.rec import small_integers
from combiner_core.rec.small_integers import MAX_VALUE, from_bytes, to_bytes

SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=12)
ARRAYS = arrays(np.int8, SHAPES, elements=st.integers(-MAX_VALUE, MAX_VALUE))


@given(ARRAYS)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(values: np.ndarray) -> None:
    assert np.array_equal(from_bytes(to_bytes(values), values.shape), values)


@given(st.binary(max_size=60), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.integers(0, 31))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes, shape: tuple[int, int], most: int) -> None:
    with suppress(ValueError):
        values = from_bytes(content, shape, most)
        assert values.shape == shape
        assert int(np.abs(values).max()) <= most


def test_what_is_as_foreseen_takes_no_bytes() -> None:
    assert to_bytes(np.zeros((40, 60), np.int8)) == b""
    ramp = np.zeros((40, 60), np.int8)
    ramp[:, 30:] = 3
    assert len(to_bytes(ramp)) < 25


@given(ARRAYS, st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_simpler_arrays_are_near_and_no_longer(values: np.ndarray, tolerance: int) -> None:
    near = small_integers.simplified(values, tolerance)
    assert int(np.abs(near.astype(int) - values).max()) <= tolerance
    assert np.array_equal(small_integers.simplified(values, 0), values)
    noisy = np.random.default_rng(tolerance).integers(-3, 4, (30, 30)).astype(np.int8)
    assert len(to_bytes(small_integers.simplified(noisy, tolerance))) <= len(to_bytes(noisy))


def test_a_message_cut_short_keeps_its_beginning() -> None:
    values = np.random.default_rng(3).integers(-3, 4, (20, 20)).astype(np.int8)
    message = to_bytes(values)
    some = from_bytes(message[: len(message) // 2], values.shape, 127)
    assert np.array_equal(some[:8], values[:8])
    assert not np.array_equal(some, values)


@pytest.mark.parametrize(
    "values",
    [np.zeros((2, 2), np.int16), np.zeros(4, np.int8), np.full((1, 1), MAX_VALUE + 1, np.int8)],
)
def test_other_arrays_are_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="an array"):
        small_integers.to_bytes(values)
