"""Rate plans: what every group of a message takes, and would take under other settings nearby."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from combiner_core.multires.noise_scale import (
    MAX_INDEX,
    NOISE_STEPS_PER_OCTAVE,
    NoiseScale,
)

# powers of the noise scale and of lambda with which bits fall and rise, by the bits r of a weight:
# a / (1 + b r^c), measured on validation pictures
_OF_SCALE = (5.0, 4.0, 0.8)
_OF_LAMBDA = (1.5, 6.0, 1.0)
# bits of a weight, at least, so that groups without any can come to have some
_LEAST_BITS = 1e-5
_SOLVED = 40


@dataclass(frozen=True, eq=False)
class RatePlan:
    """What groups take at a noise scale and lambda 1.

    Attributes:
        noise: the noise scale.
        bits: of every group (G,).
        weights: how many each has (G,).
    """

    noise: NoiseScale
    bits: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def total_bits(self) -> float:
        """Of all groups."""
        return float(self.bits.sum())

    @cached_property
    def rates_bits(self) -> NDArray[np.float64]:
        """Bits of a weight, by group."""
        return np.maximum(self.bits / np.maximum(self.weights, 1), _LEAST_BITS)

    def at(self, noise: NoiseScale) -> RatePlan:
        """What they should take at another noise scale."""
        octaves = (noise.index - self.noise.index) / NOISE_STEPS_PER_OCTAVE
        growth = np.exp2(-octaves * _power(_OF_SCALE, self.rates_bits))
        return RatePlan(noise, self.rates_bits * self.weights * growth, self.weights)

    def finest(
        self, goal_bits: float, least_index: int, lagrangian: Callable[[NoiseScale], float]
    ) -> NoiseScale:
        """The finest noise scale at which they should take no more in all.

        Args:
            goal_bits: what they may take.
            least_index: of noise scales.
            lagrangian: lambda at each of these.
        """
        low, high = least_index, MAX_INDEX
        while low < high:
            middle = NoiseScale((low + high) // 2, self.noise.unit)
            plan = self.at(middle)
            if float((plan.bits * lagrangian(middle) ** plan.powers).sum()) <= goal_bits:
                high = middle.index
            else:
                low = middle.index + 1
        return NoiseScale(low, self.noise.unit)

    def lagrangian(self, first: int, goal_bits: float, limits: tuple[float, float]) -> float:
        """Lambda at which the groups from `first` on should take so much, within limits."""
        bits, powers = self.bits[first:], self.powers[first:]
        low, high = (math.log(limit) for limit in limits)
        for _ in range(_SOLVED):
            middle = (low + high) / 2
            if float((bits * np.exp(middle * powers)).sum()) <= goal_bits:
                low = middle
            else:
                high = middle
        return math.exp(low)

    @cached_property
    def powers(self) -> NDArray[np.float64]:
        """Of lambda, with which the bits of each group grow."""
        return _power(_OF_LAMBDA, self.rates_bits)


def _power(curve: tuple[float, float, float], rates_bits: NDArray[np.float64]) -> NDArray:  # type: ignore[type-arg]
    most, slope, exponent = curve
    return most / (1 + slope * rates_bits**exponent)
