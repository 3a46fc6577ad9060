"""Integer tables of what a prior variance means to the code: both sides read the same numbers.

A log-variance is log2 of a prior variance in the units of `wire`. Statistics are kept by bins of
it, half an octave wide where most information is.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.wire import (
    DEVIATION_UNITS,
    LOG_VARIANCE_UNITS,
    MAX_LOG_VARIANCE,
    MIN_LOG_VARIANCE,
)

# octaves at which bins begin
_EDGES = (-10.0, -7.75, *np.arange(-6.5, 8, 0.5).tolist(), *range(8, 22, 2))
N_BINS = len(_EDGES) + 1


def clamped(log_variance: NDArray[np.integer]) -> NDArray[np.int16]:
    """Log-variances within the tables' range, of the same shape."""
    held: NDArray[np.int16] = np.clip(log_variance, MIN_LOG_VARIANCE, MAX_LOG_VARIANCE).astype(
        np.int16
    )
    return held


def octaves() -> NDArray[np.float64]:
    """Every log-variance of the tables, in octaves."""
    return np.arange(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE + 1) / LOG_VARIANCE_UNITS


@functools.cache
def bins() -> NDArray[np.uint8]:
    """The bin of every log-variance."""
    return _read_only(np.searchsorted(_EDGES, octaves(), side="right").astype(np.uint8))


@functools.cache
def bin_octaves() -> NDArray[np.float64]:
    """A log-variance that stands for each bin, in octaves: (N_BINS,)."""
    edges = np.array([_EDGES[0] - 2, *_EDGES, _EDGES[-1] + 2])
    return _read_only((edges[:-1] + edges[1:]) / 2)


@functools.cache
def deviations() -> NDArray[np.int64]:
    """Standard deviations of every log-variance in 1/4096."""
    return _read_only(np.floor(DEVIATION_UNITS * np.exp2(octaves() / 2) + 0.5).astype(np.int64))


def _read_only(array: NDArray[np.generic]) -> NDArray:  # type: ignore[type-arg]
    array.setflags(write=False)
    return array
