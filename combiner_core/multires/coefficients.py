"""Coefficients: the targets of the weights, which reproduce a signal, and about what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.coding_order import Group

# histogram of log2 |c|: from 2^-24 to 2^24 in steps of 1/16
_LOWEST, _HIGHEST, _STEPS = -24, 24, 16
# weights that are looked at together: a processor keeps them at hand
_TOGETHER = 1 << 18
# weights of a level from which the histogram is known
_ENOUGH = 1 << 22


class Coefficients:
    """Arrays of weights (B, channels, H, W) in the signal's units, by level.

    Args:
        levels: the arrays.
        shares: what of the squared errors of each row of them (H,) is left in the signal; all of
            it by default.
        octaves: of a level and every n-th row, log2 of the noise scale there in s, in the shape of
            the arrays' rows; None where it is s.
    """

    def __init__(
        self,
        levels: Mapping[int, Tensor],
        shares: Tensor | None = None,
        octaves: Callable[[int, int], Tensor | None] = lambda level, step: None,
    ) -> None:
        self._levels, self._shares, self._octaves = levels, shares, octaves

    def of(self, group: Group, scale: float) -> NDArray[np.float32]:
        """A group's weights in units of s, flat over the batch: (B channels, H, W)."""
        level = self._levels[group.level]
        rows = slice(group.first_row, group.first_row + group.coded.shape[1])
        part = level[:, list(group.channels), rows] / scale
        return part.flatten(0, 1).cpu().numpy()

    def shares_of(self, group: Group) -> NDArray[np.float32] | None:
        """What of the squared errors of a group's rows is left in the signal: (H, 1)."""
        if self._shares is None:
            return None
        rows = slice(group.first_row, group.first_row + group.coded.shape[1])
        return self._shares[rows, None].cpu().numpy()

    @cached_property
    def energy(self) -> float:
        """Sum of squares: the distortion if nothing is sent, in the signal's units."""
        shares = self._shares
        if shares is not None:
            squares = (level.square().sum((0, 1, 3)) @ shares for level in self._levels.values())
            return sum(map(float, squares))
        return sum(
            float(part.square().sum(dtype=torch.float64))
            for level in self._levels.values()
            for part in level.flatten().split(_TOGETHER)
        )

    def information_bits(self, scale: float) -> float:
        """Sum of 1/2 log2(1 + (c / s)^2 / 2): falls with a growing noise scale as files do.

        Args:
            scale: the noise scale; where it is another one, c is divided by that.
        """
        octaves = np.arange(_LOWEST, _HIGHEST, 1 / _STEPS) + 0.5 / _STEPS
        per_weight = np.log1p(4.0**octaves / (2 * scale**2)) / (2 * math.log(2))
        return float(self._histogram @ per_weight)

    @cached_property
    def _histogram(self) -> NDArray[np.float64]:
        count = (_HIGHEST - _LOWEST) * _STEPS
        total = np.zeros(count)
        for number, level in self._levels.items():
            # of large levels, rows of all channels tell enough
            step = -(-level.numel() // _ENOUGH)
            rows, octaves = level[..., ::step, :], self._octaves(number, step)
            share = level.numel() / rows.numel()
            weights = rows.flatten()
            differing = None if octaves is None else octaves.flatten()
            for first in range(0, len(weights), _TOGETHER):
                some = slice(first, first + _TOGETHER)
                logs = weights[some].abs().clamp_(min=2.0**_LOWEST).log2_()
                if differing is not None:
                    logs -= differing[some]
                found = torch.histc(logs, count, _LOWEST, _HIGHEST).double().cpu().numpy()
                total += share * found
        return total
