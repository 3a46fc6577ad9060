"""Coding orders gone through group by group, with events for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.clock import Clock
from combiner_core.events import Phase, Progress
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.multires.bit_map import BitMap
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, steps
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.field import MultiresField
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.steering import Steering
from combiner_core.rec.groups import GroupEncoder
from combiner_core.rec.wire import VALUE_UNITS

Result = TypeVar("Result")

_EVENT_INTERVAL_S = 0.2
_FIELD_PEAK = 2.0


@dataclass(frozen=True)
class Spent:
    """What groups took.

    Attributes:
        bits: information in the message, of each group.
        kl_bits: KL divergence of their posteriors from their priors, in all.
    """

    bits: tuple[float, ...] = ()
    kl_bits: float = 0.0

    @property
    def total_bits(self) -> float:
        """Length of the message."""
        return sum(self.bits)


class Reporter:
    """Makes progress events, at most one every 0.2 s unless something new can be seen.

    Args:
        field: of the signal.
        values: of the signal, as the field has them.
        budget_bits: of the payload.
        clock: of the engine's work.
    """

    def __init__(
        self, field: MultiresField, values: Tensor, budget_bits: int, clock: Clock
    ) -> None:
        self._field, self._budget_bits, self._clock = field, budget_bits, clock
        self._values = values
        self._reported = time.monotonic()
        # of the weights, what the postfilter makes of it as far as that is known, and of detail
        self._mse, self._filter_ratio, self._detail_mse = 0.0, 1.0, 0.0
        self._sketch = field.sketch()
        self._fitted_steps = 0
        self._preview: NDArray[np.uint8] | None = None

    def follow_fit(
        self, fit: Generator[tuple[int, int], None, Result], more: int = 0
    ) -> Generator[Progress, None, Result]:
        """Go through the steps of a fit, after those of others; returns its result.

        Args:
            fit: tells steps done and steps in all.
            more: steps of fits that come after it.
        """
        before, total = self._fitted_steps, 0
        while True:
            try:
                done, total = next(fit)
            except StopIteration as stop:
                self._fitted_steps = before + total
                result: Result = stop.value
                return result
            if self._due():
                yield self._progress("fit", before + done, before + total + more, Spent(), None)

    def follow_code(
        self,
        phase: Literal["search", "code"],
        order: CodingOrder[Any],
        noise: NoiseScale,
        coefficients: Coefficients,
        encoder: GroupEncoder,
        steering: Steering,
    ) -> Generator[Progress, None, Spent]:
        """Encode all groups; in the phase "code" every level makes an event, and the end.

        The running distortion is that of the weights, which are nearly orthonormal, times what the
        postfilter made of it when all groups had been coded the last time; and that of the detail
        that a decoder adds.

        Returns:
            What was spent.
        """
        squared_error = coefficients.energy
        bit_map = self._field.bit_map() if phase == "code" else None
        spent, level, detail_squares = Spent(), None, 0.0
        gain, decoded = self._field.filter_gain(self._values, roughly=phase == "search"), None
        sketch = self._sketch
        if sketch is not None:
            sketch.begin()

        def encode(prior: GroupPrior) -> Tensor:
            nonlocal squared_error, spent, detail_squares
            integers, target = prior.integers(), coefficients.of(prior.group, noise.value)
            coded, bits = steering.encode(encoder, integers, target)
            spent = Spent((*spent.bits, bits), spent.kl_bits + integers.kl_bits(target))
            exists = integers.coded
            errors = target - coded.values / VALUE_UNITS
            # not as a product of vectors, whose threads would stand in the way of torch's
            gained = np.square(errors) - np.square(target)
            shares = coefficients.shares_of(prior.group)
            gained = gained if shares is None else gained * shares
            squared_error += noise.value**2 * float(gained[exists].sum())
            self._mse = max(squared_error, 0.0) / self._field.values_count
            detail_squares += self._field.detail_squares(prior, integers, coded.values)
            self._detail_mse = noise.value**2 * detail_squares / self._field.values_count
            if bit_map is not None:
                self._field.add_bits(bit_map, prior.group, coded.spent_bits)
            answer = prior.answer(coded.values)
            if gain is not None:
                gain.enter(prior.group, answer, errors, exists)
            if sketch is not None:
                sketch.enter(prior, answer)
            return answer

        def groups() -> Iterator[GroupPrior]:
            nonlocal decoded
            decoded = yield from steps(order, encode)

        for prior in groups():
            # at first as soon as there is something to see
            is_watched = phase == "code" or (sketch is not None and self._preview is None)
            new_level = is_watched and prior.group.level != level
            if self._due(new_level):
                level = prior.group.level
                seen = None if sketch is None else sketch.look(prior, noise)
                self._preview = self._preview if seen is None else seen
                yield self._coded(phase, spent, bit_map)
        if gain is not None:
            assert decoded is not None
            assert isinstance(self._field, ImageField)
            self._filter_ratio = self._field.filter_ratio(gain, decoded, noise)
        yield self._coded(phase, spent, bit_map)
        return spent

    def _coded(
        self, phase: Literal["search", "code"], spent: Spent, bit_map: BitMap | None
    ) -> Progress:
        return self._progress(phase, int(spent.total_bits), self._budget_bits, spent, bit_map)

    def _due(self, now: bool = False) -> bool:
        return now or time.monotonic() - self._reported >= _EVENT_INTERVAL_S

    def _progress(
        self, phase: Phase, step: int, total: int, spent: Spent, bit_map: BitMap | None
    ) -> Progress:
        self._reported = time.monotonic()
        mse = self._mse * self._filter_ratio + self._detail_mse
        distortion = mse * (_FIELD_PEAK / self._field.peak) ** 2
        committed_bits = int(spent.total_bits) if phase == "code" else 0
        return Progress(
            phase,
            min(step, total),
            total,
            distortion,
            psnr_from_mse_db(distortion, _FIELD_PEAK),
            spent.kl_bits,
            min(committed_bits, self._budget_bits),
            self._budget_bits,
            self._clock.elapsed_s,
            self._preview,
            None if bit_map is None else bit_map.bits.copy(),
        )
