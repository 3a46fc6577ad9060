"""Noise maps in files: four numbers in the header, and a message of the cells."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import BitstreamError
from combiner_core.multires.image.noise_map import CELL, MAX_STEPS, NoiseMap
from combiner_core.rec import small_integers

# numbers of the finest level, the next one and chroma, and log2 of the sides of blocks in cells
_NUMBERS = struct.Struct("<bbbB")
MANNER_BYTES = _NUMBERS.size
_MOST_LOG_SIDE = 2


def to_bytes(noise_map: NoiseMap) -> tuple[bytes, bytes]:
    """The numbers, and the message: of the largest blocks in which cells are equal."""
    log_side = _MOST_LOG_SIDE
    while not np.array_equal(in_blocks(noise_map.cells, log_side), noise_map.cells):
        log_side -= 1
    side = 1 << log_side
    numbers = (noise_map.finest, noise_map.second, noise_map.chroma, log_side)
    message = small_integers.to_bytes(noise_map.cells[::side, ::side])
    return _NUMBERS.pack(*numbers), message


def from_bytes(numbers: bytes, message: bytes, height: int, width: int) -> NoiseMap:
    """The inverse, for a picture of this size. A message cut short gives another map.

    Raises:
        BitstreamError: no encoder writes these.
    """
    try:
        finest, second, chroma, log_side = _NUMBERS.unpack(numbers)
        if log_side > _MOST_LOG_SIDE:
            raise ValueError(f"blocks of 2^{log_side} cells")
        rows, columns = (-(-side // CELL) for side in (height, width))
        blocks = small_integers.from_bytes(
            message, (-(-rows >> log_side), -(-columns >> log_side)), MAX_STEPS
        )
        return NoiseMap(_repeated(blocks, log_side, (rows, columns)), finest, second, chroma)
    except (ValueError, struct.error) as error:
        raise BitstreamError("The file's noise map is damaged.") from error


def in_blocks(cells: NDArray[np.int8], log_side: int) -> NDArray[np.int8]:
    """The cells with that of the first corner in all of each block."""
    side = 1 << log_side
    return _repeated(cells[::side, ::side], log_side, cells.shape)


def _repeated(blocks: NDArray[np.int8], log_side: int, shape: tuple[int, ...]) -> NDArray[np.int8]:
    side = 1 << log_side
    return np.ascontiguousarray(blocks.repeat(side, 0).repeat(side, 1)[: shape[0], : shape[1]])
