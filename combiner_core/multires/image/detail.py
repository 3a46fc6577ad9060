"""Detail: weights that are not coded, sampled from their prior with shared randomness.

A decoder that leaves them at their means gives the least squared error, and surfaces that look
smeared. The prior says how much is missing where; samples of it, synthesised apart and added after
the postfilter, give grain back. Contexts keep the means.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.image.folding import PHASES, unfold
from combiner_core.multires.image.pyramid import level_sizes, recompose
from combiner_core.rec import IntegerPrior
from combiner_core.rec.randomness import column, rotations
from combiner_core.rec.wire import (
    CANDIDATE_UNITS,
    COLUMN_BITS,
    LOG_VARIANCE_UNITS,
    MAX_LOG_VARIANCE,
    MIN_LOG_VARIANCE,
    NOISE_UNITS,
    VALUE_UNITS,
)

# what is left of weights that are coded as zero has at most this variance, in squared noise scales:
# measured on validation pictures
_MOST_VARIANCE = 1.1
_COLOURS, _CHANNELS = 3, 9 * PHASES


class DetailSampler:
    """Samples of the weights of one picture.

    Args:
        size: height and width.
        levels: of the pyramid.
        seed: of the shared randomness.
    """

    def __init__(self, size: tuple[int, int], levels: int, seed: int) -> None:
        self._size, self._seed, self._groups = size, seed, 0
        sizes = level_sizes(*size, levels + 1)
        # in 1/16 noise scale
        self._levels = {
            level: np.zeros((_CHANNELS, *sizes[level + 1]), np.int8)
            for level in range(1, levels + 1)
        }
        self._low = sizes[levels]

    def enter(self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]) -> None:
        """Sample what is not coded of a decoded group."""
        level = prior.group.level
        if level not in self._levels:
            return
        self._groups += 1
        normal = _shared_normals(self._seed, self._groups, values.shape)
        sampled = np.rint(_deviations()[integers.indices] * normal).astype(np.int8)
        if integers.noise is not None:
            gain = np.exp2(integers.noise.astype(np.float32) / NOISE_UNITS)
            sampled = np.rint(np.clip(sampled * gain, -127, 127)).astype(np.int8)
        sampled *= _is_sampled(integers, values)
        rows = slice(prior.group.first_row, prior.group.first_row + values.shape[1])
        self._levels[level][list(prior.group.channels), rows] = sampled

    def colours(self) -> Tensor:
        """What is to be added, colours still apart, in 1/16 noise scale: float16 (1, 3, H, W).

        One colour is synthesised after the other, which takes less memory at a time.
        """
        sizes = level_sizes(*self._size, len(self._levels))
        found = torch.empty(1, _COLOURS, *self._size, dtype=torch.float16)
        for colour in range(_COLOURS):
            weights = {
                level: unfold(
                    torch.from_numpy(part[_of_colour(colour)])[None].float(), *sizes[level]
                )
                for level, part in self._levels.items()
            }
            weights[len(self._levels) + 1] = torch.zeros(1, 1, *self._low)
            found[:, colour] = recompose(weights, *self._size)[:, 0]
        return found


def expected_squares(prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]) -> float:
    """What all detail of a decoded group adds to the squared error of weights, in s^2.

    Samples know nothing of the errors, so that their variances add to these.
    """
    if prior.low is None:
        return 0.0
    where = _is_sampled(integers, values)
    squares = np.square(_deviations() / VALUE_UNITS)[integers.indices[where]]
    if integers.noise is not None:
        squares = squares * np.exp2(2 * integers.noise[where].astype(np.float32) / NOISE_UNITS)
    return float(squares.sum(dtype=np.float64))


def _is_sampled(integers: IntegerPrior, values: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which weights were coded as their mean."""
    sampled: NDArray[np.bool_] = integers.coded & (values == integers.mean)
    return sampled


def _of_colour(colour: int) -> list[int]:
    """Folded channels of the three bands of a colour."""
    return [PHASES * (3 * band + colour) + phase for band in range(3) for phase in range(PHASES)]


def _shared_normals(seed: int, group: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Normal values that are the same on every machine: a rotated part of one column a row."""
    lines = np.arange(shape[0] * shape[1], dtype=np.int64)
    starts = rotations(seed, np.full_like(lines, group), lines)[:, None]
    places = (starts + np.arange(shape[2])) & ((1 << COLUMN_BITS) - 1)
    normal: NDArray[np.float32] = column()[places].reshape(shape) / np.float32(CANDIDATE_UNITS)
    return normal


def _deviations() -> NDArray[np.float32]:
    """Of samples in 1/16 noise scale, by log2 of the variance from the least on."""
    logs = np.arange(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE + 1) / LOG_VARIANCE_UNITS
    variances = np.minimum(np.exp2(logs), _MOST_VARIANCE)
    return (VALUE_UNITS * np.sqrt(variances)).astype(np.float32)
