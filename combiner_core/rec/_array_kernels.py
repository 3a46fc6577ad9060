"""Compiled inner loops of `small_integers`: an array's writer and its reader."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, compiled, inlined
from combiner_core.rec import _range_coder
from combiner_core.rec._range_coder import CODER_SHIFT, adapt, get, put

# contexts by how much the neighbours differ, and the decisions in each: whether the value is not
# the one foreseen, whether it is less, and one after the other whether it is further away
CONTEXTS = 4
FIRST_NODE = 2
NODES = 64


@inlined
def _neighbours(values: NDArray[np.int8], row: Int, column: Int) -> tuple[Int, Int, Int]:
    """To the left, above, and above that to the left; at the edges what is there, or zero."""
    left = np.int64(values[row, column - 1]) if column > 0 else np.int64(0)
    above = np.int64(values[row - 1, column]) if row > 0 else left
    if column == 0:
        left = above
    corner = np.int64(values[row - 1, column - 1]) if row > 0 and column > 0 else above
    return left, above, corner


@inlined
def _foreseen(left: Int, above: Int, corner: Int) -> Int:
    """The median edge detector of LOCO-I (Weinberger, Seroussi & Sapiro 2000)."""
    if corner >= max(left, above):
        return min(left, above)
    if corner <= min(left, above):
        return max(left, above)
    return left + above - corner


@compiled(_range_coder)
def simplify(values: NDArray[np.int8], tolerance: int) -> None:
    """Put what is foreseen in the place of values that are no further from it than that."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            left, above, corner = _neighbours(values, row, column)
            foreseen = _foreseen(left, above, corner)
            if abs(np.int64(values[row, column]) - foreseen) <= tolerance:
                values[row, column] = foreseen


@compiled(_range_coder)
def write(
    out: NDArray[np.uint8],
    coder: NDArray[np.int64],
    mark: NDArray[np.int64],
    probability: NDArray[np.int32],
    seen: NDArray[np.int16],
    rates: NDArray[np.int32],
    limit: int,
    values: NDArray[np.int8],
) -> None:
    """Write an array row by row; `mark` is moved to the last value that is not the one foreseen."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            left, above, corner = _neighbours(values, row, column)
            context = min(abs(left - corner) + abs(above - corner), CONTEXTS - 1)
            offset = np.int64(values[row, column]) - _foreseen(left, above, corner)
            bit = offset != 0
            put(out, coder, bit, probability[context, 0] >> CODER_SHIFT)
            adapt(probability, seen, context, 0, bit, rates, limit)
            if bit:
                less = offset < 0
                put(out, coder, less, probability[context, 1] >> CODER_SHIFT)
                adapt(probability, seen, context, 1, less, rates, limit)
                for node in range(FIRST_NODE, NODES):
                    further = abs(offset) > node - FIRST_NODE + 1
                    put(out, coder, further, probability[context, node] >> CODER_SHIFT)
                    adapt(probability, seen, context, node, further, rates, limit)
                    if not further:
                        break
                mark[0], mark[1], mark[2] = coder[4] + coder[3], coder[0], coder[1]


@inlined
def _read_offset(
    data: NDArray[np.uint8],
    coder: NDArray[np.int64],
    probability: NDArray[np.int32],
    seen: NDArray[np.int16],
    rates: NDArray[np.int32],
    limit: int,
    context: Int,
) -> Int:
    """How far a value is from the one foreseen; as far as the bytes say."""
    bit = get(data, coder, probability[context, 0] >> CODER_SHIFT)
    if bit <= 0:
        adapt(probability, seen, context, 0, 0, rates, limit)
        return np.int64(0)
    adapt(probability, seen, context, 0, 1, rates, limit)
    less = max(get(data, coder, probability[context, 1] >> CODER_SHIFT), 0)
    adapt(probability, seen, context, 1, less, rates, limit)
    size = np.int64(1)
    for node in range(FIRST_NODE, NODES):
        further = max(get(data, coder, probability[context, node] >> CODER_SHIFT), 0)
        adapt(probability, seen, context, node, further, rates, limit)
        if not further:
            break
        size += 1
    return -size if less else size


@compiled(_range_coder)
def read(
    data: NDArray[np.uint8],
    coder: NDArray[np.int64],
    probability: NDArray[np.int32],
    seen: NDArray[np.int16],
    rates: NDArray[np.int32],
    limit: int,
    most: int,
    values: NDArray[np.int8],
) -> bool:
    """Read an array; whether all its values are within -most to most, to which they are held."""
    within = True
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            left, above, corner = _neighbours(values, row, column)
            context = min(abs(left - corner) + abs(above - corner), CONTEXTS - 1)
            offset = _read_offset(data, coder, probability, seen, rates, limit, context)
            value = _foreseen(left, above, corner) + offset
            within = within and -most <= value <= most
            values[row, column] = min(max(value, -most), most)
    return within
