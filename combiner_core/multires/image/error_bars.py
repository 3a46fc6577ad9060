"""Error bars of a picture: by how much a decoder expects each pixel to be off.

The prior and the code say how far each weight is likely to be from its target. Where the prior's
variance is so small that it says nothing more, what goes on in the coarser level does. Errors of
weights are spread over the pixels that these cover, and what the postfilter makes good on average
is taken off. All curves were measured on validation pictures.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.error_curves import error_curve
from combiner_core.multires.image.folding import PHASES, is_of_chroma
from combiner_core.multires.image.level_network import MIN_LOG_VARIANCE as FLOOR
from combiner_core.multires.image.pyramid import level_sizes
from combiner_core.rec import IntegerPrior
from combiner_core.rec.wire import (
    LOG_VARIANCE_UNITS,
    NOISE_UNITS,
    VALUE_UNITS,
)

_COLOURS, _CHANNELS = 3, 9 * PHASES
# squared errors of weights in squared noise scales, at these log2 of prior variances: of weights
# that are coded as zero and of the others
_LOG_VARIANCES = (-11.0, -9.0, -6.0, -3.0, 0.0, 1.5, 5.0, 9.0)
_OF_ZEROS = (0.25, 0.36, 0.59, 0.83, 1.13, 1.19, 1.04, 1.0)
_OF_OTHERS = (0.9, 0.9, 1.0, 1.0, 0.72, 0.72, 0.9, 0.95)
# those of zeros at the least variance: factor times a power of the coarser level's mean square
_LUMA_FACTOR, _LUMA_POWER = 0.22, 0.4
_CHROMA_FACTORS, _CHROMA_POWER = (0.008, 0.018, 0.033), 0.3
_LEAST_ACTIVITY = 2.0**-12
# what the postfilter leaves of deviations
_FACTOR = 0.93


class ErrorBars:
    """Adds up the expected errors of the groups of one picture.

    Args:
        size: height and width.
        levels: of the pyramid.
    """

    def __init__(self, size: tuple[int, int], levels: int) -> None:
        self._size = size
        sizes = level_sizes(*size, levels + 1)
        # sums over the weights of each folded place: squares of what was decoded, squared errors
        self._squares, self._errors = (
            {level: np.zeros(sizes[level + 1], np.float32) for level in range(1, levels + 1)}
            for _ in range(2)
        )

    def enter(self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]) -> None:
        """Add a decoded group."""
        group = prior.group
        if group.level not in self._errors:
            return
        indices, is_zero = integers.indices, values == integers.mean
        errors = np.where(
            is_zero,
            error_curve(_LOG_VARIANCES, _OF_ZEROS)[indices],
            error_curve(_LOG_VARIANCES, _OF_OTHERS)[indices],
        )
        at_floor = is_zero & (integers.log_variance <= FLOOR * LOG_VARIANCE_UNITS)
        known = np.where(at_floor, 0, errors)
        rows = slice(group.first_row, group.first_row + values.shape[1])
        unknown = self._of_floor(group.level, is_of_chroma(group.channels))[rows]
        errors = np.where(at_floor, unknown, errors)
        if integers.noise is not None:
            gain = np.exp2(2 * integers.noise.astype(np.float32) / NOISE_UNITS)
            errors, known = errors * gain, known * gain
        squares = np.square(values.astype(np.float32) / VALUE_UNITS) + known
        self._errors[group.level][rows] += (errors * integers.coded).sum(0)
        self._squares[group.level][rows] += (squares * integers.coded).sum(0)

    def deviations(self, scale: float) -> NDArray[np.float32]:
        """Of each pixel, the root of the mean over colours, in grey levels: (H, W).

        Args:
            scale: the noise scale.
        """
        weights = (self._variances() / _COLOURS).sqrt()
        pixels: NDArray[np.float32] = (scale * _FACTOR * weights).numpy()
        return pixels

    def _of_floor(self, level: int, is_chroma: bool) -> NDArray[np.float32]:
        """Squared errors of zeros where the prior's variance is the least, by folded place."""
        height, width = self._errors[level].shape
        coarser = self._squares.get(level + 1)
        if coarser is None:
            coarser = np.full((-(-height // 2), -(-width // 2)), _CHANNELS, np.float32)
        activity = np.maximum(coarser / _CHANNELS, _LEAST_ACTIVITY)
        if is_chroma:
            factor = _CHROMA_FACTORS[min(level, len(_CHROMA_FACTORS)) - 1]
            found = factor * activity**_CHROMA_POWER
        else:
            found = _LUMA_FACTOR * activity**_LUMA_POWER
        return found.astype(np.float32).repeat(2, 0).repeat(2, 1)[:height, :width]

    def _variances(self) -> Tensor:
        """Of each pixel's colours together, in squared noise scales (H, W)."""
        coarsest, *finer = sorted(self._errors, reverse=True)
        total = self._of_pixels(coarsest)
        for level in finer:
            height, width = self._errors[level].shape
            total = _finer(total)[:, :, :height, :width] + self._of_pixels(level)
        # from 4 x 4 pixels to each
        return _finer(_finer(total))[0, 0, : self._size[0], : self._size[1]]

    def _of_pixels(self, level: int) -> Tensor:
        """A level's share of the variance of each pixel in its folded places (1, 1, h, w)."""
        return torch.from_numpy(self._errors[level])[None, None] / 4.0 ** (level + 1)


def _finer(values: Tensor) -> Tensor:
    return functional.interpolate(values, scale_factor=2, mode="bilinear")
