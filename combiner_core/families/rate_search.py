"""The noise scale that fills a budget, found without coding the signal many times over."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

from combiner_core.multires import NOISE_STEPS_PER_OCTAVE, Noise

# the finest scale whose integers cannot overflow, and one so coarse that nothing is left
MIN_INDEX, MAX_INDEX = NOISE_STEPS_PER_OCTAVE, 11 * NOISE_STEPS_PER_OCTAVE
_CLOSE = 0.004
# log of the ratio of the bits over which a guess, once measured, can be trusted to follow them
_NEAR = 0.15
# scales measured at most where guesses do not lead near the goal
_MOST_MEASURED = 12


@dataclass(frozen=True)
class Guess:
    """A cheap guess of a file's bits, wrong by a factor that changes slowly.

    Attributes:
        bits: by noise scale, falling.
        unit: of the noise scale.
        growth: with this power of the file's bits the factor grows.
    """

    bits: Callable[[Noise], float]
    unit: float
    growth: float

    def finest(self, goal_bits: float, factor: float) -> Noise:
        """The finest scale with at most so many bits if the guess is to be multiplied."""
        low, high = MIN_INDEX, MAX_INDEX
        while low < high:
            middle = (low + high) // 2
            if factor * self.bits(Noise(middle, self.unit)) <= goal_bits:
                high = middle
            else:
                low = middle + 1
        return Noise(low, self.unit)

    def corrected(self, goal_bits: float, noise: Noise, measured_bits: float) -> Noise:
        """The finest scale with at most so many bits, knowing those of one scale."""
        factor = measured_bits / max(self.bits(noise), 1e-9)
        return self.finest(goal_bits, factor * (goal_bits / measured_bits) ** self.growth)


def search(
    goal_bits: float, guess: Guess, most_measured: int, start: Noise
) -> Generator[Noise, float, Noise]:
    """Find a noise scale whose file has about `goal_bits`, preferably a little fewer.

    Where bits change so suddenly that guesses fail, as those of mere noise do, it goes on by
    halving what lies between scales measured, and may end at the coarsest with too many bits.

    Args:
        goal_bits: information to be sent.
        guess: of the bits.
        most_measured: scales to ask for at most, while guesses are good.
        start: where to begin.

    Yields:
        Noise scales to be measured, whose bits are to be sent back.

    Returns:
        The scale to be used, which need not have been measured.
    """
    noise = start
    too_fine, too_coarse = MIN_INDEX - 1, MAX_INDEX + 1
    for count in range(1, _MOST_MEASURED + 1):
        bits = max((yield noise), 1.0)
        error = math.log(bits / goal_bits)
        if abs(error) <= _CLOSE:
            break
        if error > 0:
            too_fine = max(too_fine, noise.index)
        else:
            too_coarse = min(too_coarse, noise.index)
        noise = guess.corrected(goal_bits, noise, bits)
        if abs(error) < _NEAR:
            break
        outside = not too_fine < noise.index < too_coarse
        if outside or count >= most_measured:
            bracketed = too_fine >= MIN_INDEX and too_coarse <= MAX_INDEX
            if not bracketed:
                break
            if too_coarse - too_fine <= 1:
                return Noise(too_fine, noise.unit)
            noise = Noise((too_fine + too_coarse) // 2, noise.unit)
    return noise
