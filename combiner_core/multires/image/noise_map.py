"""The noise map: where, at which levels and in which colours the noise scale differs, by how much.

The noise scale of a weight is s a with a = 2^(k / 4). The integer k is that of the cell of 16 x 16
pixels in which the weight lies, for all but the coarsest levels, plus numbers for the two finest
levels and for chroma. Errors where the eye looks past them may be larger at equal bits elsewhere.
Sender and receiver compute with the same integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.image.folding import PHASES, is_of_chroma

# side of a cell in pixels
CELL = 16
STEPS_PER_OCTAVE = 4
# of the cells, and of the numbers for levels and chroma: two octaves
MAX_STEPS = 2 * STEPS_PER_OCTAVE
# log2 of a noise scale in the middle of the usual ones, which networks see as zero
_MIDDLE_LOG_NOISE = 4.5
# level whose folded grid has one place a cell, and the coarsest where cells matter
_CELL_LEVEL, _LAST_LEVEL = 3, 4
# for each folded channel, which of the steps of luma and chroma is its own
_STEPS_OF = tuple(int(is_of_chroma((channel,))) for channel in range(9 * PHASES))


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

    def part(self, rows: slice, columns: slice) -> NoiseMap:
        """The map of a part of the picture that begins at multiples of 16 pixels."""
        cells = (slice(span.start // CELL, -(-span.stop // CELL)) for span in (rows, columns))
        return replace(self, cells=self.cells[*cells])

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


@dataclass(frozen=True, eq=False)
class NoiseSteps:
    """Noise maps of B pictures of one size, on the grids where they are needed.

    Attributes:
        levels: steps of luma and chroma on the folded grids, by level: int8 (B, 2, h, w).
        cells: those of 16 x 16 pixels: int8 (B, 1, ceil(H / 16), ceil(W / 16)).
    """

    levels: Mapping[int, Tensor]
    cells: Tensor

    @classmethod
    def of(
        cls,
        maps: Sequence[NoiseMap],
        size: tuple[int, int],
        levels: int,
        device: torch.device | None = None,
    ) -> NoiseSteps:
        """The maps of pictures of this height and width."""
        found = {}
        for level in range(1, levels + 1):
            side = 2 << level
            grid = (-(-size[0] // side), -(-size[1] // side))
            steps = np.stack([np.stack(one.at(level, grid)) for one in maps])
            found[level] = torch.from_numpy(steps).to(device)
        cells = torch.from_numpy(np.stack([one.cells for one in maps])[:, None])
        return cls(found, cells.to(device))

    def octaves(self, level: int, step: int = 1) -> Tensor | None:
        """log2 of a for the weights in every n-th folded row: (B, 36, h, w), None if it is 1."""
        if level not in self.levels or not self.levels[level].any():
            return None
        rows = self.levels[level][:, :, ::step]
        return rows[:, _STEPS_OF].float() / STEPS_PER_OCTAVE

    def pixel_gains(self, size: tuple[int, int]) -> Tensor:
        """1 / a of each pixel: (B, 1, H, W)."""
        octaves = self.cells.float() / STEPS_PER_OCTAVE
        gains = torch.exp2(-octaves).repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
        return gains[..., : size[0], : size[1]]


def local_log_noise(log_noise: Tensor, steps: Tensor) -> Tensor:
    """What networks are told of the noise scale: (B, 2, h, w) float32, near zero.

    Args:
        log_noise: log2 of s (B,).
        steps: quarter octaves of luma and chroma (B, 2, h, w).
    """
    rate = (log_noise - _MIDDLE_LOG_NOISE).float()[:, None, None, None]
    return rate + steps.float() / STEPS_PER_OCTAVE


def _halved(cells: NDArray[np.int8]) -> NDArray[np.int8]:
    """Rounded means of two by two cells, of fewer at the edges."""
    rows, columns = (-(-side // 2) for side in cells.shape)
    padded = np.zeros((2 * rows, 2 * columns), np.int64)
    counts = np.zeros_like(padded)
    padded[: cells.shape[0], : cells.shape[1]] = cells
    counts[: cells.shape[0], : cells.shape[1]] = 1
    total, count = (part.reshape(rows, 2, columns, 2).sum((1, 3)) for part in (padded, counts))
    means: NDArray[np.int8] = np.floor_divide(2 * total + count, 2 * count).astype(np.int8)
    return means
