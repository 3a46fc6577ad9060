"""How much each kind of neighbours counts: a regression of errors' sizes on decoded magnitudes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from combiner_core.multires.neighbours import Neighbours, kinds_of, taps_of
from combiner_core.rec import Grid, IntegerPrior, Taps
from combiner_core.rec.groups import CodedGroup
from combiner_core.rec.variance_bins import deviations
from combiner_core.rec.wire import DEVIATION_UNITS, VALUE_UNITS

_REACH = 2
# weights looked at in a group
_MOST_WEIGHTS = 3000
_ITERATIONS = 4
# relative error of the size of an error whose deviation is expected
_USUAL_SHARE = 0.7
# errors beyond so many times what is expected count as that, and the least that is expected
_OUTLIER, _LEAST = 30.0, 8.0
_RIDGE = 1e-6


class NeighbourRegression:
    """Collects weights with their surroundings, and finds what best foretells their errors.

    Args:
        neighbours: of each channel.
        classes: of groups.
        generator: chooses weights.
    """

    def __init__(
        self, neighbours: Neighbours, classes: int, generator: np.random.Generator
    ) -> None:
        self._neighbours, self._generator = neighbours, generator
        self._kinds = kinds_of(neighbours)
        self._examples: list[list[NDArray[np.float32]]] = [[] for _ in range(classes)]
        self._grid: Grid | None = None
        self._magnitudes = np.zeros((0, 0, 0), np.int64)
        self._parents: NDArray[np.int64] | None = None

    def add(self, prior: IntegerPrior, target: NDArray[np.float32], coded: CodedGroup) -> None:
        """Look at some weights of a group, in the order of coding.

        Args:
            prior, target: as an encoder has them.
            coded: what it made of them.
        """
        if prior.grid is not self._grid:
            self._begin(prior.grid)
        where = np.nonzero(prior.coded)
        plane = np.array(prior.planes, np.int64)[where[0]].T
        channel = plane[0]
        row, column = plane[1] + where[1] * plane[3], plane[2] + where[2] * plane[4]
        place = (channel, row + _REACH, column + _REACH)
        size = np.abs(coded.values - prior.default)[where]
        order = self._count + np.arange(len(size))
        self._magnitudes[place], self._order[place] = size, order
        self._count += len(size)
        if prior.grid.channels % len(self._neighbours) or not len(size):
            return
        count = min(_MOST_WEIGHTS, len(size))
        some = self._generator.choice(len(size), count, replace=False)
        features = self._features(prior.grid, channel[some], row[some], column[some], order[some])
        features[:, 0] = deviations()[prior.indices[where][some]] * (VALUE_UNITS / DEVIATION_UNITS)
        errors = np.abs(prior.distances(target)[where][some])
        self._examples[prior.table].append(np.column_stack([features, errors]))

    def taps(self) -> Taps:
        """The neighbours with the weights found."""
        found = np.array([self._weights(examples) for examples in self._examples])
        return taps_of(self._neighbours, found)

    def _begin(self, grid: Grid) -> None:
        kept = grid.parent is not None and grid.parent is self._grid
        self._parents = self._magnitudes if kept else None
        shape = (grid.channels, grid.height + 2 * _REACH, grid.width + 2 * _REACH)
        self._magnitudes = np.zeros(shape, np.int64)
        self._order = np.full(shape, np.iinfo(np.int64).max)
        self._grid, self._count = grid, 0

    def _features(
        self,
        grid: Grid,
        channel: NDArray[np.int64],
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        order: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Sums of magnitudes by kind (n, 3 + kinds), after a column that is left empty."""
        features = np.zeros((len(channel), self._kinds + 3), np.float32)
        kind = channel % len(self._neighbours)
        for number, neighbours in enumerate(self._neighbours):
            at = np.flatnonzero(kind == number)
            for one in neighbours:
                place = (
                    channel[at] - number + one.channel,
                    row[at] + one.row + _REACH,
                    column[at] + one.column + _REACH,
                )
                known = self._order[place] < order[at]
                features[at, 1 + one.kind] += np.where(known, self._magnitudes[place], 0)
        if self._parents is not None:
            above = (
                channel,
                row // grid.stretch[0] + _REACH,
                column // grid.stretch[1] + _REACH,
            )
            features[:, -2] = self._parents[above]
        features[:, -1] = VALUE_UNITS
        return features

    def _weights(self, examples: list[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Non-negative least squares, relative to what is expected."""
        weights = np.zeros(self._kinds + 3)
        weights[0] = _USUAL_SHARE
        if not examples:
            weights[0] = 1
            return weights
        rows = np.concatenate(examples).astype(np.float64)
        features, errors = rows[:, :-1], rows[:, -1]
        for _ in range(_ITERATIONS):
            expected = features @ weights
            held = np.minimum(errors, _OUTLIER * (expected + _LEAST))
            importance = 1 / (expected + 1)
            scaled = features * importance[:, None]
            scale = np.sqrt((scaled**2).mean(0)) + 1e-9
            ridge = np.sqrt(_RIDGE * len(rows)) * np.eye(len(weights))
            system = np.concatenate([scaled / scale, ridge])
            goal = np.concatenate([held * importance, np.zeros(len(weights))])
            weights = nnls(system, goal)[0] / scale
        return weights
