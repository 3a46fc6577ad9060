"""The noise scale that fills a budget, found without coding the signal many times over."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator

from combiner_core.multires import NOISE_STEPS_PER_OCTAVE, Noise

# the finest scale whose integers cannot overflow, and one so coarse that nothing is left
MIN_INDEX, MAX_INDEX = NOISE_STEPS_PER_OCTAVE, 11 * NOISE_STEPS_PER_OCTAVE
_CLOSE = 0.004
_BITS_PER_PROXY_BIT = 0.35


def search(
    goal_bits: float,
    proxy_bits: Callable[[Noise], float],
    unit: float,
    most_measured: int,
    start: Noise | None = None,
) -> Generator[Noise, float, Noise]:
    """Find a noise scale whose file has about `goal_bits`, preferably a little fewer.

    Args:
        goal_bits: information to be sent.
        proxy_bits: a cheap guess, wrong by a factor that changes little with the noise scale.
        unit: of the noise scale.
        most_measured: scales to ask for at most.
        start: where to begin, if a good scale is known.

    Yields:
        Noise scales to be measured, whose bits are to be sent back.

    Returns:
        The scale to be used, which need not have been measured.
    """
    ratio = _BITS_PER_PROXY_BIT
    noise = start
    for _ in range(most_measured):
        if noise is None:
            noise = solve(goal_bits / ratio, proxy_bits, unit)
        bits = yield noise
        ratio = max(bits, 1.0) / max(proxy_bits(noise), 1e-9)
        if abs(math.log(max(bits, 1.0) / goal_bits)) < _CLOSE:
            return noise
        found = solve(goal_bits / ratio, proxy_bits, unit)
        if found == noise:
            return noise
        noise = found
    assert noise is not None
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
