"""The noise map: where, at which levels and in which colours the noise scale differs, by how much.

The noise scale of a weight is s a with a = 2^(k / 4). The integer k is that of the cell of 16 x 16
pixels in which the weight lies, for all but the coarsest levels, plus numbers for the two finest
levels and for chroma. Errors where the eye looks past them may be larger at equal bits elsewhere.
Sender and receiver compute with the same integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# side of a cell in pixels
CELL = 16
STEPS_PER_OCTAVE = 4
# of the cells, and of the numbers for levels and chroma: two octaves
MAX_STEPS = 2 * STEPS_PER_OCTAVE
# level whose folded grid has one place a cell, and the coarsest where cells matter
_CELL_LEVEL, _LAST_LEVEL = 3, 4


@dataclass(frozen=True, eq=False)
class NoiseMap:
    """Steps of a quarter octave by which the noise scale differs from s.

    Attributes:
        cells: int8 (ceil(H / 16), ceil(W / 16)), within +-8.
        finest: of the finest level's weights, within +-8.
        second: of the next level's.
        chroma: of chroma's, at the levels where cells matter.

    Raises:
        ValueError: a number is out of range, or cells are of another type or shape.
    """

    cells: NDArray[np.int8]
    finest: int = 0
    second: int = 0
    chroma: int = 0

    def __post_init__(self) -> None:
        if self.cells.dtype != np.int8 or self.cells.ndim != 2 or not self.cells.size:
            raise ValueError("the cells of a noise map must be bytes in rows and columns")
        extremes = (self.cells.min(), self.cells.max(), self.finest, self.second, self.chroma)
        if max(abs(int(steps)) for steps in extremes) > MAX_STEPS:
            raise ValueError(f"a noise map has steps beyond {MAX_STEPS}")

    @classmethod
    def flat(cls, height: int, width: int) -> NoiseMap:
        """The map of a picture whose noise scale is the same everywhere."""
        return cls(np.zeros((-(-height // CELL), -(-width // CELL)), np.int8))

    def at(self, level: int, size: tuple[int, int]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Steps of luma and chroma on the folded grid (h, w) of a level."""
        if level > _LAST_LEVEL:
            nothing = np.zeros(size, np.int8)
            return nothing, nothing
        if level <= _CELL_LEVEL:
            side = 1 << (_CELL_LEVEL - level)
            steps = self.cells.repeat(side, 0).repeat(side, 1)
        else:
            steps = _halved(self.cells)
        luma = steps[: size[0], : size[1]] + np.int8({1: self.finest, 2: self.second}.get(level, 0))
        return luma, luma + np.int8(self.chroma)


def _halved(cells: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rounded means of two by two cells, of fewer at the edges."""
    rows, columns = (-(-side // 2) for side in cells.shape)
    padded = np.zeros((2 * rows, 2 * columns), np.int64)
    counts = np.zeros_like(padded)
    padded[: cells.shape[0], : cells.shape[1]] = cells
    counts[: cells.shape[0], : cells.shape[1]] = 1
    total, count = (
        part.reshape(rows, 2, columns, 2).sum((1, 3)) for part in (padded, counts)
    )
    return np.floor_divide(2 * total + count, 2 * count).astype(np.int8)
