"""Compiled parts of inner loops: what a weight is coded by, and what its size stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, inlined

# greatest magnitude that is kept, so that it fits its type
MAX_MAGNITUDE = 8000
# sizes with a correction of their own
CORRECTED = 4
# what `neighbours` may be
N_NEIGHBOURS = 8
_STEP_UNITS = 16


class Around(NamedTuple):
    """Planes of a group on the grid of its level, and the magnitudes that its weights are coded by.

    Magnitudes are what has been decoded, less the means, in 1/16, of the places of the level and
    of the level before, in rows that begin and end with empty places.
    """

    magnitudes: NDArray[np.int16]
    parents: NDArray[np.int16]
    starts: NDArray[np.int64]  # of each plane
    steps: NDArray[np.int64]  # from row to row and from column to column, of each plane
    offsets: NDArray[np.int64]  # of each plane's neighbours
    weights: NDArray[np.int32]
    parent_starts: NDArray[np.int64]
    parent_weights: NDArray[np.int32]
    parent_row: int  # places of the level before from row to row
    origins: NDArray[np.int64]  # row and column of each plane, and how far the next ones are
    parent_shifts: tuple[int, int]  # halvings of row and column


class Look(NamedTuple):
    """What both sides look up, for one class of groups."""

    bins: NDArray[np.uint8]  # of log-variances
    expected: NDArray[np.int32]  # by log-variance: activity if nothing is around
    thresholds: NDArray[np.int32]  # by log-variance: activities at which the next bins begin
    first: int  # context of the class
    quiet: int  # bins below which nothing around counts
    steps: NDArray[np.int32]  # of the bins, in 1/256
    corrections: NDArray[np.int32]
    transitions: NDArray[np.int64]


@inlined
def _activity(around: Around, plane: Int, place: Int, row: Int, column: Int) -> Int:
    total: Int = np.int64(0)
    for tap in range(around.offsets.shape[1]):
        total += around.weights[plane, tap] * np.int64(
            around.magnitudes[place + around.offsets[plane, tap]]
        )
    weight = around.parent_weights[plane]
    if weight:
        origins = around.origins
        above = (origins[plane, 0] + row * origins[plane, 2]) >> around.parent_shifts[0]
        beside = (origins[plane, 1] + column * origins[plane, 3]) >> around.parent_shifts[1]
        parent = around.parent_starts[plane] + above * around.parent_row + beside
        total += weight * np.int64(around.parents[parent])
    return total


@inlined
def context(
    look: Look, around: Around, plane: Int, place: Int, row: Int, column: Int, index: Int
) -> Int:
    """Number of a weight's context without its quantiser."""
    variance_bin = np.int64(look.bins[index])
    n_bins = look.thresholds.shape[1] + 1
    first: Int = look.first + variance_bin * n_bins
    if variance_bin < look.quiet:
        return first
    activity = look.expected[index] + _activity(around, plane, place, row, column)
    for level in range(n_bins - 1):
        first += activity >= look.thresholds[index, level]
    return first


@inlined
def neighbours(around: Around, plane: Int, place: Int) -> Int:
    """Which of the weights on the left, above, and above on the right are not at their means."""
    row, column = around.steps[plane, 0], around.steps[plane, 1]
    left = np.int64(around.magnitudes[place - column] > 0)
    above = np.int64(around.magnitudes[place - row] > 0)
    return left + 2 * above + 4 * np.int64(around.magnitudes[place - row + column] > 0)


@inlined
def magnitude(look: Look, variance_bin: Int, quantiser: Int, size: Int) -> Int:
    """Distance from the mean, in 1/16, that a size stands for."""
    if size == 0:
        return 0
    correction: Int = look.corrections[variance_bin, quantiser, min(size, CORRECTED)]
    distance: Int = max(multiple(look, variance_bin, quantiser, size) + correction, 1)
    return distance


@inlined
def multiple(look: Look, variance_bin: Int, quantiser: Int, size: Int) -> Int:
    """The multiple of the step that a size stands for, in 1/16."""
    steps: Int = (2 * size - quantiser) * np.int64(look.steps[variance_bin])
    return (steps + _STEP_UNITS // 2) // _STEP_UNITS
