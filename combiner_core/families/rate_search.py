"""The noise scale that fills a budget, found without coding the signal many times over."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

from combiner_core.multires import NOISE_STEPS_PER_OCTAVE, Noise

# the finest scale whose integers cannot overflow, and one so coarse that nothing is left
MIN_INDEX, MAX_INDEX = NOISE_STEPS_PER_OCTAVE, 11 * NOISE_STEPS_PER_OCTAVE
_CLOSE = 0.004
# steps over which the guess can be trusted to follow the truth
_NEAR = 6
# measured on validation pictures: bits for each bit of the guess grow with this power of the bits
_GROWTH = 0.1


def search(
    goal_bits: float,
    proxy_bits: Callable[[Noise], float],
    unit: float,
    most_measured: int,
    start: Noise,
) -> Generator[Noise, float, Noise]:
    """Find a noise scale whose file has about `goal_bits`, preferably a little fewer.

    Args:
        goal_bits: information to be sent.
        proxy_bits: a cheap guess, wrong by a factor that changes little with the noise scale.
        unit: of the noise scale.
        most_measured: scales to ask for at most.
        start: where to begin.

    Yields:
        Noise scales to be measured, whose bits are to be sent back.

    Returns:
        The scale to be used, which need not have been measured.
    """
    noise = start
    for _ in range(most_measured):
        bits = max((yield noise), 1.0)
        if abs(math.log(bits / goal_bits)) < _CLOSE:
            return noise
        ratio = bits / max(proxy_bits(noise), 1e-9)
        found = solve(goal_bits / (ratio * (goal_bits / bits) ** _GROWTH), proxy_bits, unit)
        near = abs(found.index - noise.index) <= _NEAR
        noise = found
        if near:
            return noise
    return noise


def solve(bits: float, proxy_bits: Callable[[Noise], float], unit: float) -> Noise:
    """The finest scale with at most that many bits by a guess that falls as the scale grows."""
    low, high = MIN_INDEX, MAX_INDEX
    while low < high:
        middle = (low + high) // 2
        if proxy_bits(Noise(middle, unit)) <= bits:
            high = middle
        else:
            low = middle + 1
    return Noise(low, unit)
