"""The manner of an image: what its file says besides the weights and the noise scale."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import BitstreamError
from combiner_core.multires.image.noise_map import CELL, MAX_STEPS, NoiseMap
from combiner_core.multires.intent import DETAIL_UNITS
from combiner_core.rec import small_integers

# of the finest level, the next one and chroma; log2 of the sides of blocks in cells; detail
_NUMBERS = struct.Struct("<bbbBB")
_MOST_LOG_SIDE = 2


class ImageSetting(IntFlag):
    """What a picture goes without: of its file's parameters, see `Parameters.setting`."""

    COMPLETE = 0
    NO_POSTFILTER = 1
    NO_CHROMA = 2


@dataclass(frozen=True, eq=False)
class ImageManner:
    """How the noise scale of a picture varies, and how it is to look.

    Attributes:
        noise_map: where the noise scale is another one.
        detail: share of what was not sent that is made up for, from 0 to 1.
    """

    BYTES: ClassVar[int] = _NUMBERS.size

    noise_map: NoiseMap
    detail: float = 0.0

    @classmethod
    def plain(cls, height: int, width: int) -> ImageManner:
        """That of a file which says nothing of it."""
        return cls(NoiseMap.flat(height, width))

    def to_bytes(self) -> bytes:
        """The numbers for the parameters of a file."""
        offsets = self.noise_map.finest, self.noise_map.second, self.noise_map.chroma
        return _NUMBERS.pack(*offsets, self._log_side, round(DETAIL_UNITS * self.detail))

    @cached_property
    def message(self) -> bytes:
        """Of the cells, for the beginning of the payload."""
        side = 1 << self._log_side
        return small_integers.to_bytes(self.noise_map.cells[::side, ::side])

    @property
    def _log_side(self) -> int:
        """Of the largest blocks in which cells are equal."""
        cells, log_side = self.noise_map.cells, _MOST_LOG_SIDE
        while not np.array_equal(in_blocks(cells, log_side), cells):
            log_side -= 1
        return log_side

    @classmethod
    def from_bytes(cls, numbers: bytes, message: bytes, height: int, width: int) -> ImageManner:
        """The inverse, for a picture of this size. A message cut short gives another map.

        Raises:
            BitstreamError: no encoder writes these.
        """
        try:
            finest, second, chroma, log_side, detail = _NUMBERS.unpack(numbers)
            if log_side > _MOST_LOG_SIDE:
                raise ValueError(f"blocks of 2^{log_side} cells")
            rows, columns = (-(-side // CELL) for side in (height, width))
            shape = (-(-rows >> log_side), -(-columns >> log_side))
            blocks = small_integers.from_bytes(message, shape, MAX_STEPS)
            cells = _repeated(blocks, log_side, (rows, columns))
            return cls(NoiseMap(cells, finest, second, chroma), detail / DETAIL_UNITS)
        except (ValueError, struct.error) as error:
            raise BitstreamError("The file's noise map is damaged.") from error


def in_blocks(cells: NDArray[np.int8], log_side: int) -> NDArray[np.int8]:
    """The cells with that of the first corner in all of each block."""
    side = 1 << log_side
    return _repeated(cells[::side, ::side], log_side, cells.shape)


def _repeated(blocks: NDArray[np.int8], log_side: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    side = 1 << log_side
    return np.ascontiguousarray(blocks.repeat(side, 0).repeat(side, 1)[: shape[0], : shape[1]])
