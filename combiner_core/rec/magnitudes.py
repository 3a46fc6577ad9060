"""The magnitudes of decoded weights that contexts of later ones are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec._contexts import Around
from combiner_core.rec.entropy_tables import MAX_REACH, Taps
from combiner_core.rec.level_grids import Grid, Plane


class Magnitudes:
    """How far decoded weights are from their means, in 1/16, on the grid at hand and its parent.

    Args:
        taps: which of them count.
    """

    def __init__(self, taps: Taps) -> None:
        self._taps = taps
        self._grid: Grid | None = None
        self._has_parent = False
        self._known = self._before = _nothing(1, 1, 1)

    def around(self, grid: Grid, planes: tuple[Plane, ...], class_: int) -> Around:
        """What the kernels need of a group on a grid; a new grid begins with nothing decoded.

        Raises:
            ValueError: the parent of a new grid is that of the last group, and does not cover it.
        """
        if grid is not self._grid:
            self._has_parent = grid.parent is not None and grid.parent is self._grid
            if self._has_parent and not grid.is_covered:
                raise ValueError("the parent of a grid does not cover it")
            self._before = self._known if self._has_parent else _nothing(1, 1, 1)
            self._known = _nothing(grid.channels, grid.height, grid.width)
            self._grid = grid
        channel, row, column, row_step, column_step = np.array(planes, np.int64).T
        kind = channel % len(self._taps.places)
        own = channel - kind
        weights = self._taps.weights[class_][kind]
        used = np.flatnonzero(weights.any(0)) if self._applies(grid) else np.zeros(0, np.intp)
        places = self._taps.places[kind][:, used].astype(np.int64)
        _, height, width = self._known.shape
        offsets = (own[:, None] + places[..., 0] - channel[:, None]) * height
        offsets = (offsets + places[..., 1]) * width + places[..., 2]
        parents = self._taps.parents[class_][kind].astype(np.int32)
        _, parent_height, parent_width = self._before.shape
        return Around(
            self._known.reshape(-1),
            self._before.reshape(-1),
            _place(channel, row, column, height, width),
            np.stack([row_step * width, column_step], 1),
            offsets,
            weights[:, used].astype(np.int32),
            _place(channel, 0 * row, 0 * column, parent_height, parent_width),
            parents if self._has_parent else np.zeros_like(parents),
            parent_width,
            np.stack([row, column, row_step, column_step], 1),
            (grid.stretch[0] - 1, grid.stretch[1] - 1),
        )

    def _applies(self, grid: Grid) -> bool:
        """Whether the grid has the channels that neighbours are of; some have fewer."""
        return self._taps.places.shape[1] > 0 and not grid.channels % len(self._taps.places)


def _nothing(channels: int, height: int, width: int) -> NDArray[np.int16]:
    """An empty grid, with as many empty places around as taps reach."""
    return np.zeros((channels, height + 2 * MAX_REACH, width + 2 * MAX_REACH), np.int16)


def _place(
    channel: NDArray[np.int64],
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    height: int,
    width: int,
) -> NDArray[np.int64]:
    return (channel * height + row + MAX_REACH) * width + column + MAX_REACH
