"""A message of the range coder while it is written."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec._range_coder import CODER_BITS, RATE_BITS, begin, end

_FIRST_BYTES, _END_BYTES = 1 << 12, 16
_WINDOW_BYTES = CODER_BITS // 8
# a probability moves by 1 / (n + this) of the way to what the n + 1st decision was
_FIRST_RATE = 1.6


class RangeWriter:
    """What the compiled writers of decisions share.

    Attributes:
        out: buffer of the bytes.
        coder: lower end, width, byte held back, bytes held back, bytes out.
        mark: of the last decision that a reader could not guess: place in the message, lower end
            and width of what stands for all up to it.
    """

    def __init__(self) -> None:
        self.out = np.zeros(_FIRST_BYTES, np.uint8)
        self.coder = np.array([0, (1 << CODER_BITS) - 1, 0, 1, 0], np.int64)
        self.mark = np.zeros(3, np.int64)

    @property
    def bits(self) -> float:
        """Information in the message so far."""
        _, width, _, held, out = self.coder
        return 8.0 * float(out + held - 1) + CODER_BITS - math.log2(width + 1)

    def make_room(self, more_bytes: int) -> None:
        """Make the buffer long enough for so many more."""
        needed = more_bytes + int(self.coder[3] + self.coder[4]) + _END_BYTES
        if needed > len(self.out):
            longer = np.empty(max(needed, 2 * len(self.out)), np.uint8)
            longer[: self.coder[4]] = self.out[: self.coder[4]]
            self.out = longer

    def message(self) -> bytes:
        """As many bytes as determine all up to the mark. Nothing can be written after that."""
        start, low, width = (int(value) for value in self.mark)
        if not width:
            return b""
        self.make_room(0)
        end(self.out, self.coder)
        message = self.out[: self.coder[4]].tobytes()
        window = int.from_bytes(message[start : start + _WINDOW_BYTES], "big")
        for count in range(_WINDOW_BYTES + 1):
            open_ = 1 << 8 * (_WINDOW_BYTES - count)
            offset = (window // open_ * open_ - low) % (1 << CODER_BITS)
            if offset + open_ <= width:
                break
        # the first byte is that of a carry, which never comes
        return message[1 : start + count]


def reading(message: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The state of a reader: code, width, position, and by how much the code could be larger."""
    coder = np.zeros(4, np.int64)
    begin(message, coder)
    return coder


@functools.cache
def adaptation_rates(most: int) -> NDArray[np.int32]:
    """How far a probability moves to the next decision, by how many were seen: (most + 1,)."""
    seen = np.arange(most + 1)
    return np.floor((1 << RATE_BITS) / (seen + _FIRST_RATE)).astype(np.int32)
