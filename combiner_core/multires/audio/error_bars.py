"""Error bars of a clip: by how much a decoder expects each frame and band of it to be off.

The prior and the code say how far each weight is likely to be from its target. Where noise stands
for what is not coded, its levels tell how much that is. Where they do not, and the prior's
variance is the least that there is, what was decoded around does. Curves were measured on
music and speakers of the training data; clips they were not set on are in docs/sound.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.audio import bands
from combiner_core.multires.audio.filling import over_cells
from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.context_model import MIN_LOG_VARIANCE as FLOOR
from combiner_core.multires.error_curves import error_curve
from combiner_core.rec import IntegerPrior
from combiner_core.rec.wire import (
    LOG_VARIANCE_UNITS,
    NOISE_UNITS,
    VALUE_UNITS,
)

# log2 of prior variances in squared noise scales
_LOG_VARIANCES = (-8.0, -6.0, -4.5, -3.5, -2.5, -1.0, 0.5, 3.0, 9.0)
_LEAST = 1e-9
# From here on, above 18 kHz of 48, most recordings have next to nothing.
_TOP_BIN = 768


@dataclass(frozen=True)
class _Curves:
    """Squared errors of weights in squared noise scales.

    Attributes:
        of_zeros, of_others: of weights that are coded as zero and of the others, at
            `_LOG_VARIANCES`.
        factor, own_power, lower_power: of zeros at the least variance, a factor times powers of the
            mean squares in their own band and in the one below it.
        least_square: that is added to these.
        silent_zeros, top_zeros: shares that are left of other zeros, in a band of which nothing
            else was coded in the whole clip, and from `_TOP_BIN` on.
    """

    of_zeros: tuple[float, ...]
    of_others: tuple[float, ...]
    factor: float
    own_power: float
    lower_power: float
    least_square: float
    silent_zeros: float
    top_zeros: float


# levels of noise correct those of zeros
_WITH_LEVELS = _Curves(
    (0.3, 0.44, 0.66, 0.78, 1.0, 1.15, 1.15, 1.1, 1.1),
    (0.95, 1.05, 1.15, 1.2, 1.25, 1.1, 0.97, 0.93, 0.95),
    factor=0.6,
    own_power=0.27,
    lower_power=0.235,
    least_square=2.0**-12,
    silent_zeros=1.0,
    top_zeros=1.0,
)
# the likeliest, errors taken for Gaussian
_WITHOUT_LEVELS = _Curves(
    (0.11, 0.17, 0.28, 0.34, 0.68, 0.95, 1.04, 1.22, 0.72),
    (1.8, 1.8, 2.2, 2.0, 2.8, 3.4, 2.2, 0.94, 1.02),
    factor=0.58,
    own_power=0.51,
    lower_power=0.35,
    least_square=0.043,
    silent_zeros=0.08,
    top_zeros=0.087,
)


@dataclass(frozen=True, eq=False)
class Filling:
    """The noise that stands for what is not coded.

    Attributes:
        gains: of its usual deviation, (channels, frames, bands).
        strength: share of that which is added, of each band.
    """

    gains: Tensor
    strength: Tensor


class ClipErrorBars:
    """Adds up the expected errors of the groups of one clip.

    Args:
        shape: channels, frames and bins of the weights.
        first_bins: at which the prior's bands begin, the lowest first.
        filling: if there is any.
        by_frequency: puts weights that the prior sees in the order of their bins.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        first_bins: tuple[int, ...],
        filling: Filling | None,
        by_frequency: Callable[[Tensor], Tensor],
    ) -> None:
        self._first_bins, self._filling = first_bins, filling
        self._by_frequency = by_frequency
        self._curves = _WITHOUT_LEVELS if filling is None else _WITH_LEVELS
        # of every weight, in squared noise scales: of what was decoded, of its error if it is not
        # zero, or is and the prior says something or nothing of it, and its own noise scale
        names = ("squares", "others", "zeros", "unknown", "noise")
        self._sums = {name: np.zeros(shape, np.float32) for name in names}

    def enter(self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]) -> None:
        """Add a decoded group."""
        group, indices = prior.group, integers.indices
        is_zero = values == integers.mean
        at_floor = is_zero & (integers.log_variance <= FLOOR * LOG_VARIANCE_UNITS)
        own = np.ones(values.shape, np.float32)
        if integers.noise is not None:
            own = np.exp2(2 * integers.noise.astype(np.float32) / NOISE_UNITS)
        of_zeros, of_others = (
            error_curve(_LOG_VARIANCES, curve)[indices]
            for curve in (self._curves.of_zeros, self._curves.of_others)
        )
        found = {
            "others": np.where(is_zero, 0, own * of_others),
            "zeros": np.where(is_zero & ~at_floor, own * of_zeros, 0),
            "unknown": np.where(at_floor, own, 0),
            "noise": np.where(is_zero, own, 0),
        }
        known = found["others"] + found["zeros"]
        found["squares"] = np.square(values.astype(np.float32) / VALUE_UNITS) + known
        first = self._first_bins[len(self._first_bins) - group.level]
        rows = slice(group.first_row, group.first_row + values.shape[1])
        step = group.grid.channels // len(prior.mean)
        for number, coded in enumerate(integers.coded):
            signal, channel = divmod(number, len(group.channels))
            start = first + group.channels[channel]
            columns = slice(start, start + step * values.shape[2], step)
            for name, part in found.items():
                self._sums[name][signal, rows, columns] += part[number] * coded

    def variances(self) -> Tensor:
        """Mean squared errors of the weights of each band (channels, frames, bands), in s^2."""
        hop = self._sums["noise"].shape[2]
        counts = bands.widths(hop)
        of = {
            name: bands.sums(self._by_frequency(torch.from_numpy(part)))
            for name, part in self._sums.items()
        }
        own = _smoothed(of["squares"] / counts)
        lower = torch.cat([own[..., :1], own[..., :-1]], -1)
        curves = self._curves
        own, lower = own + curves.least_square, lower + curves.least_square
        around = curves.factor * own**curves.own_power * lower**curves.lower_power
        is_top = torch.tensor([start >= _TOP_BIN for start, _ in bands.spans(hop)])
        is_silent = (of["others"] == 0).all(1, keepdim=True)
        zeros = of["zeros"] * torch.where(is_silent, curves.silent_zeros, 1.0)
        zeros *= torch.where(is_top, curves.top_zeros, 1.0)
        zeros += of["unknown"] * around
        if self._filling is not None:
            noise = of["noise"] * self._filling.gains.square()
            told = over_cells(noise) / over_cells(zeros).clamp_min(_LEAST)
            zeros = zeros * told + noise * self._filling.strength.square()
        return (of["others"] + zeros) / counts


def _smoothed(squares: Tensor) -> Tensor:
    """Over three frames."""
    wide = torch.cat([squares[:, :1], squares, squares[:, -1:]], 1)
    smooth: Tensor = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    return smooth
