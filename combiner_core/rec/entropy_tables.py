"""Entropy tables: what both sides know about groups of weights before any is coded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from combiner_core.rec.variance_bins import N_BINS, bin_octaves

# decisions of a weight's size one by one: is it above 0, 1, 2 and so on
N_DECISIONS = 15
N_AROUND = 6
N_CORRECTED = 5
N_QUANTISERS = 2
STEP_UNITS = 256
WEIGHT_UNITS = 256
PROBABILITY_UNITS = 1 << 16
MAX_CONFIDENCE = 255
MAX_TAPS, MAX_REACH = 64, 2
_MAX_CLASSES, _MAX_CHANNELS = 256, 64
# steps in noise scales by log2 of the variance, the best found on validation pictures
_STEPS = ((0.5, 2.7), (3.5, 2.3), (7.0, 2.0))
# weights and relative variances of the mixture that prior errors were found to follow
_MIXTURE = ((0.471, 0.327), (0.505, 1.311), (0.024, 6.87))
# rounding begins at this share of a step, which the search makes larger than a half
_ROUNDING = 0.65
_LEAST_DEVIATION = 0.15
_LITTLE_CONFIDENCE = 4
_MOST = 1 << 14


@dataclass(frozen=True, eq=False)
class Taps:
    """Which places around a weight count for its context, and how much.

    Attributes:
        places: channel, row and column, the latter two from the weight's own, of each neighbour
            of each channel's weights: (channels, T, 3) int8.
        weights: of their magnitudes, by class of groups: (classes, channels, T) int16 in 1/256.
        parents: weight of the same channel's magnitude in the level before: (classes, channels)
            int16 in 1/256.
        expected: weight of the prior's deviation, in 1/256, and a constant in 1/256 noise scale:
            (classes, 2) int16.

    Raises:
        ValueError: arrays of other shapes or types, or places too far away.
    """

    places: NDArray[np.int8] = field(repr=False)
    weights: NDArray[np.int16] = field(repr=False)
    parents: NDArray[np.int16] = field(repr=False)
    expected: NDArray[np.int16] = field(repr=False)

    def __post_init__(self) -> None:
        if self.places.ndim != 3 or self.weights.ndim != 3:
            raise ValueError("neighbours have no three axes")
        channels, taps, _ = self.places.shape
        classes = len(self.weights)
        if not 1 <= channels <= _MAX_CHANNELS or not 1 <= classes <= _MAX_CLASSES:
            raise ValueError(f"{channels} channels or {classes} classes are too many or none")
        if taps > MAX_TAPS:
            raise ValueError(f"{taps} neighbours are more than {MAX_TAPS}")
        _check(self.places, np.int8, (channels, taps, 3), -MAX_REACH, _MAX_CHANNELS)
        if self.places.size:
            if not 0 <= self.places[..., 0].min() <= self.places[..., 0].max() < channels:
                raise ValueError("a neighbour is of a channel that does not exist")
            if self.places[..., 1:].max() > MAX_REACH:
                raise ValueError("a neighbour is too far away")
        _check(self.weights, np.int16, (classes, channels, taps), 0)
        _check(self.parents, np.int16, (classes, channels), 0)
        _check(self.expected, np.int16, (classes, 2), 0)

    @classmethod
    def none(cls, channels: int, classes: int) -> Taps:
        """Nothing around counts."""
        expected = np.zeros((classes, 2), np.int16)
        expected[:, 0] = WEIGHT_UNITS
        return cls(
            np.zeros((channels, 0, 3), np.int8),
            np.zeros((classes, channels, 0), np.int16),
            np.zeros((classes, channels), np.int16),
            expected,
        )

    @property
    def classes(self) -> int:
        """Classes of groups."""
        return len(self.weights)


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Quantisers, contexts and initial probabilities of the code of groups.

    Attributes:
        steps: of the quantisers, by bin of variances: (N_BINS,) int32 in 1/256 noise scale.
        corrections: what points are farther from the mean than multiples of the step, by bin,
            quantiser and size, the last for all further ones: (N_BINS, 2, N_CORRECTED) int16 in
            1/16.
        taps: what contexts are made of.
        probabilities: that a size is above 0, 1, 2 and so on given that it is not below, by
            class, bin, activity around and quantiser: (classes, N_BINS, N_AROUND, 2, N_DECISIONS)
            uint16 in 1/65536.
        confidences: how many weights seen each of them stands for, uint8 of the same shape.

    Raises:
        ValueError: arrays of other shapes, types or ranges.
    """

    steps: NDArray[np.int32] = field(repr=False)
    corrections: NDArray[np.int16] = field(repr=False)
    taps: Taps = field(repr=False)
    probabilities: NDArray[np.uint16] = field(repr=False)
    confidences: NDArray[np.uint8] = field(repr=False)

    def __post_init__(self) -> None:
        contexts = (self.taps.classes, N_BINS, N_AROUND, N_QUANTISERS, N_DECISIONS)
        _check(self.steps, np.int32, (N_BINS,), STEP_UNITS, _MOST)
        _check(self.corrections, np.int16, (N_BINS, N_QUANTISERS, N_CORRECTED), -_MOST, _MOST)
        _check(self.probabilities, np.uint16, contexts, 1)
        _check(self.confidences, np.uint8, contexts, 0)

    @classmethod
    def untrained(cls, taps: Taps) -> EntropyTables:
        """Plausible tables. Raises ValueError like the class itself."""
        octaves = bin_octaves()
        steps = np.interp(octaves, *np.array(_STEPS).T)
        probability = _typical_probabilities(octaves, steps)
        shape = (taps.classes, N_BINS, N_AROUND, N_QUANTISERS, N_DECISIONS)
        full = np.broadcast_to(probability[:, None], shape)
        return cls(
            np.rint(STEP_UNITS * steps).astype(np.int32),
            np.zeros((N_BINS, N_QUANTISERS, N_CORRECTED), np.int16),
            taps,
            to_units(full),
            np.full(shape, _LITTLE_CONFIDENCE, np.uint8),
        )


def to_units(probabilities: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Probabilities as integers of a table."""
    units = np.clip(np.rint(PROBABILITY_UNITS * probabilities), 1, PROBABILITY_UNITS - 1)
    return np.asarray(units, dtype=np.uint16)


def _typical_probabilities(
    octaves: NDArray[np.floating], steps: NDArray[np.floating]
) -> NDArray[np.float64]:
    """That a size is above 0, 1, ... if not below, of heavy-tailed errors: (bins, 2, decisions)."""
    sizes = np.arange(N_DECISIONS + 1) + _ROUNDING
    points = 2 * sizes - np.arange(N_QUANTISERS)[:, None] * (sizes > 1)
    limits = points * steps[:, None, None]
    variance = np.exp2(octaves)[:, None, None]
    above = np.zeros(limits.shape)
    for weight, scale in _MIXTURE:
        deviation = np.sqrt(scale * variance + _LEAST_DEVIATION**2)
        above += weight * 2 * ndtr(-limits / deviation)
    above = np.maximum(above, 1e-12)
    result: NDArray[np.float64] = above[..., 0:-1].copy()
    result[..., 1:] = above[..., 1:-1] / above[..., 0:-2]
    return np.clip(result, 1e-4, 0.98)


def _check(
    array: NDArray[np.generic],
    kind: type[np.generic],
    shape: tuple[int, ...],
    least: int,
    most: int | None = None,
) -> None:
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"a table is {array.dtype} {array.shape}, not {np.dtype(kind)} {shape}")
    if array.size and (array.min() < least or (most is not None and array.max() > most)):
        raise ValueError(f"a table has values outside {least}..{most}")
