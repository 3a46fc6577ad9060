"""A first guess of the noise scale at which a signal's message is as long as wanted."""

from __future__ import annotations

from typing import Protocol

from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.noise_scale import MAX_INDEX, NoiseScale


class Guessable(Protocol):
    """What a field tells for that: see `ImageField` and `AudioField`."""

    unit: float
    finest_index: int
    values_count: int
    bits_per_guessed: float
    growth: float


def guessed(field: Guessable, coefficients: Coefficients, goal_bits: float) -> NoiseScale:
    """The finest scale at which the coefficients' information is as much, by a measured factor.

    Args:
        field: of the signal.
        coefficients: of the signal.
        goal_bits: length of the message.
    """
    bits_a_value = goal_bits / field.values_count
    factor = field.bits_per_guessed * bits_a_value**field.growth
    low, high = field.finest_index, MAX_INDEX
    while low < high:
        middle = NoiseScale((low + high) // 2, field.unit)
        if factor * coefficients.information_bits(middle.value) <= goal_bits:
            high = middle.index
        else:
            low = middle.index + 1
    return NoiseScale(low, field.unit)
