"""Maps of bits: nothing is lost, and everything is where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.multires.bit_map import BitMap

SIDE = st.integers(1, 20)
SPAN = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).map(tuple)


@given(SIDE, SIDE, SIDE, SIDE, SPAN, SPAN)
def test_bits_are_conserved(
    rows: int,
    columns: int,
    height: int,
    width: int,
    down: tuple[float, float],
    across: tuple[float, float],
) -> None:
    if min(down[1] - down[0], across[1] - across[0]) < 1e-6:
        return
    bits = np.random.default_rng(height * width).uniform(0, 9, (height, width)).astype(np.float32)
    bit_map = BitMap(rows, columns)
    bit_map.add(bits, down, across)
    assert bit_map.bits.shape == (rows, columns)
    assert bit_map.bits.dtype == np.float32
    assert bit_map.bits.min() >= 0
    assert bit_map.bits.sum() == pytest.approx(bits.sum(), rel=1e-3)


@given(SIDE, SIDE, st.integers(1, 4))
def test_finer_grids_add_up_in_their_cells(rows: int, columns: int, finer: int) -> None:
    rng = np.random.default_rng(rows + 100 * columns)
    bits = rng.uniform(0, 9, (rows * finer, columns * finer)).astype(np.float32)
    bit_map = BitMap(rows, columns)
    bit_map.add(bits)
    cells = bits.reshape(rows, finer, columns, finer).sum((1, 3))
    np.testing.assert_allclose(bit_map.bits, cells, rtol=1e-3)


@given(SIDE, SIDE, st.integers(1, 4))
def test_coarser_grids_are_spread_evenly(rows: int, columns: int, coarser: int) -> None:
    rng = np.random.default_rng(rows + 100 * columns)
    bits = rng.uniform(0, 9, (rows, columns)).astype(np.float32)
    bit_map = BitMap(rows * coarser, columns * coarser)
    bit_map.add(bits)
    spread = bits.repeat(coarser, 0).repeat(coarser, 1) / coarser**2
    np.testing.assert_allclose(bit_map.bits, spread, rtol=1e-3, atol=1e-5)


def test_strips_make_the_whole() -> None:
    bits = np.random.default_rng(1).uniform(0, 9, (37, 20)).astype(np.float32)
    whole, strips = BitMap(16, 8), BitMap(16, 8)
    whole.add(bits)
    for first in range(0, 37, 10):
        part = bits[first : first + 10]
        strips.add(part, (first / 37, (first + len(part)) / 37))
    np.testing.assert_allclose(strips.bits, whole.bits, rtol=1e-3)


def test_bits_outside_a_span_stay_zero() -> None:
    bit_map = BitMap(4, 8)
    bit_map.add(np.ones((3, 5), np.float32), (0.25, 0.5), (0.5, 1.0))
    assert bit_map.bits[1, 4:].sum() == pytest.approx(15)
    assert bit_map.bits.sum() == pytest.approx(15)
