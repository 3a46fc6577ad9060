"""Compiled parts of inner loops: a binary range coder with adaptive probabilities.

It is that of LZMA (Pavlov 1998; Martin 1979): 32 bits of width, of which a decision gets a share in
proportion to its probability. A reader knows by how much the bytes that are not there could change
the number it looks at, and stops where they decide.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, Real, compiled, inlined

PROBABILITY_BITS = 22
# bits of a probability that the coder does without, and of one that its information is known of
CODER_SHIFT = PROBABILITY_BITS - 16
COST_SHIFT = PROBABILITY_BITS - 12
HALF = 1 << 15
CODER_BITS = 32
LEAST_PROBABILITY = 64
_ONE = 1 << PROBABILITY_BITS
RATE_BITS = 16
_TOP = 1 << 24
_MASK = (1 << CODER_BITS) - 1


@inlined
def adapt(
    probability: NDArray[np.int32],
    seen: NDArray[np.int16],
    row: Int,
    node: Int,
    bit: Int,
    rates: NDArray[np.int32],
    limit: int,
) -> None:
    count = seen[row, node]
    target = _ONE - LEAST_PROBABILITY if bit else LEAST_PROBABILITY
    before = np.int64(probability[row, node])
    probability[row, node] = before + (((target - before) * rates[count]) >> RATE_BITS)
    if count < limit:
        seen[row, node] = count + 1


@inlined
def push(out: NDArray[np.uint8], coder: NDArray[np.int64]) -> None:
    """Move a byte of the lower end out, or hold it back while a carry could change it."""
    low = coder[0]
    if low < 0xFF000000 or low > _MASK:
        carry = low >> 32
        value = coder[2] + carry
        while coder[3] > 0:
            out[coder[4]] = value & 255
            coder[4] += 1
            value = 255 + carry
            coder[3] -= 1
        coder[2] = (low >> 24) & 255
    coder[3] += 1
    coder[0] = (low & 0x00FFFFFF) << 8


@inlined
def put(out: NDArray[np.uint8], coder: NDArray[np.int64], bit: Int, probability: Int) -> None:
    bound = (coder[1] >> 16) * probability
    if bit:
        coder[1] = bound
    else:
        coder[0] += bound
        coder[1] -= bound
    while coder[1] < _TOP:
        coder[1] <<= 8
        push(out, coder)


@inlined
def get(data: NDArray[np.uint8], coder: NDArray[np.int64], probability: Int) -> Int:
    """The next bit, or -1 if bytes that are not there decide it."""
    bound = (coder[1] >> 16) * probability
    if coder[0] + coder[3] < bound:
        coder[1] = bound
        bit = 1
    elif coder[0] >= bound:
        coder[0] -= bound
        coder[1] -= bound
        bit = 0
    else:
        return -1
    while coder[1] < _TOP:
        coder[1] <<= 8
        pull(data, coder)
    return bit


@inlined
def pull(data: NDArray[np.uint8], coder: NDArray[np.int64]) -> None:
    """Take the next byte; one that is not there could be any."""
    position = coder[2]
    there = position < data.shape[0]
    coder[0] = (coder[0] << 8 | (np.int64(data[position]) if there else 0)) & _MASK
    coder[3] = min(coder[3] << 8 | (0 if there else 255), _MASK)
    coder[2] = position + 1


@inlined
def bits_read(coder: NDArray[np.int64]) -> Real:
    """Information in the message up to here, but for a constant."""
    return np.float64(8 * coder[2]) - math.log2(np.float64(coder[1] + 1))


@inlined
def inverted(probability: Int, bit: Int) -> Int:
    """The probability of the bit."""
    return probability if bit else _ONE - 1 - probability


@compiled()
def begin(data: NDArray[np.uint8], coder: NDArray[np.int64]) -> None:
    """Start reading: `coder` is code, range, position, and how much code could be larger."""
    coder[:] = 0
    coder[1] = _MASK
    for _ in range(4):
        pull(data, coder)


@compiled()
def end(out: NDArray[np.uint8], coder: NDArray[np.int64]) -> None:
    """Move all that is held back out."""
    for _ in range(5):
        push(out, coder)
