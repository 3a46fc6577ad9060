"""Rate control: the noise scale that fills a budget, found without coding many times over."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from combiner_core.events import Progress
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.field import MultiresField
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.progress import Reporter
from combiner_core.rec import CountingSink, EntropyTables, GroupEncoder

# the search aims a little below the budget; what does not fit after all is cut off at the end
_AIM = 0.998
_CLOSE = 0.004
# log of the ratio of the bits over which a guess, once measured, can be trusted to follow them
_NEAR = 0.15
# scales measured at most where guesses do not lead near the goal
_MAX_MEASURED = 12


@dataclass(frozen=True)
class RateModel:
    """A cheap guess of a file's bits, wrong by a factor that changes slowly.

    Attributes:
        bits: by noise scale, falling.
        unit: of the noise scale.
        growth: with this power of the file's bits the factor grows.
    """

    bits: Callable[[NoiseScale], float]
    unit: float
    growth: float

    def finest(self, goal_bits: float, factor: float) -> NoiseScale:
        """The finest scale with at most so many bits if the guess is to be multiplied."""
        low, high = MIN_INDEX, MAX_INDEX
        while low < high:
            middle = (low + high) // 2
            if factor * self.bits(NoiseScale(middle, self.unit)) <= goal_bits:
                high = middle
            else:
                low = middle + 1
        return NoiseScale(low, self.unit)

    def corrected(self, goal_bits: float, noise: NoiseScale, measured_bits: float) -> NoiseScale:
        """The finest scale with at most so many bits, knowing those of one scale."""
        factor = measured_bits / max(self.bits(noise), 1e-9)
        return self.finest(goal_bits, factor * (goal_bits / measured_bits) ** self.growth)


def search(
    goal_bits: float, model: RateModel, max_measured: int, start: NoiseScale
) -> Generator[NoiseScale, float, NoiseScale]:
    """Find a noise scale whose file has about `goal_bits`, preferably a little fewer.

    Where bits change so suddenly that guesses fail, as those of mere noise do, it goes on by
    halving what lies between scales measured, and may end at the coarsest with too many bits.

    Args:
        goal_bits: information to be sent.
        model: of the bits.
        max_measured: scales to ask for at most, while guesses are good.
        start: where to begin.

    Yields:
        Noise scales to be measured, whose bits are to be sent back.

    Returns:
        The scale to be used, which need not have been measured.
    """
    noise = start
    too_fine, too_coarse = MIN_INDEX - 1, MAX_INDEX + 1
    for count in range(1, _MAX_MEASURED + 1):
        bits = max((yield noise), 1.0)
        error = math.log(bits / goal_bits)
        if abs(error) <= _CLOSE:
            break
        if error > 0:
            too_fine = max(too_fine, noise.index)
        else:
            too_coarse = min(too_coarse, noise.index)
        noise = model.corrected(goal_bits, noise, bits)
        if abs(error) < _NEAR:
            break
        outside = not too_fine < noise.index < too_coarse
        if outside or count >= max_measured:
            bracketed = too_fine >= MIN_INDEX and too_coarse <= MAX_INDEX
            if not bracketed:
                break
            if too_coarse - too_fine <= 1:
                return NoiseScale(too_fine, noise.unit)
            noise = NoiseScale((too_fine + too_coarse) // 2, noise.unit)
    return noise


class RateControl:
    """Finds noise scales for a budget by going through coding orders with a counting sink.

    Args:
        tables: of the groups.
        field: of the signal.
        report: makes the events.
        budget_bits: of the payload.
        seed: of the posteriors' samples.
    """

    def __init__(
        self,
        tables: EntropyTables,
        field: MultiresField,
        report: Reporter,
        budget_bits: int,
        seed: int,
    ) -> None:
        self._tables, self._field, self._report, self._seed = tables, field, report, seed
        self._goal_bits = _AIM * budget_bits

    def find(
        self, coefficients: Coefficients, start: NoiseScale, max_measured: int
    ) -> Generator[Progress, None, NoiseScale]:
        """The scale at which these coefficients fill the budget; see `search`."""
        scales = search(self._goal_bits, self._model(coefficients), max_measured, start)
        try:
            noise = next(scales)
            while True:
                sink = CountingSink(np.random.default_rng(self._seed))
                encoder = GroupEncoder(self._tables, sink)
                order = self._field.coding_order(noise, synthesise=False)
                yield from self._report.follow_code("search", order, noise, coefficients, encoder)
                noise = scales.send(sink.bits)
        except StopIteration as stop:
            found: NoiseScale = stop.value
            return found

    def start(self, coefficients: Coefficients) -> NoiseScale:
        """A scale to begin with."""
        bits_a_value = self._goal_bits / self._field.values_count
        factor = self._field.bits_per_guessed * bits_a_value**self._field.growth
        return self._model(coefficients).finest(self._goal_bits, factor)

    def corrected(self, coefficients: Coefficients, noise: NoiseScale, bits: float) -> NoiseScale:
        """The scale that fills the budget if that many bits come of another."""
        return self._model(coefficients).corrected(self._goal_bits, noise, bits)

    def _model(self, coefficients: Coefficients) -> RateModel:
        return RateModel(
            lambda noise: coefficients.information_bits(noise.value),
            self._field.unit,
            self._field.growth,
        )
