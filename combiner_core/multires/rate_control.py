"""Rate control: a message that fills a budget, and the noise scale that it has."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

from combiner_core.events import Progress
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.field import MultiresField
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.progress import Reporter, Spent
from combiner_core.multires.rate_plan import RatePlan
from combiner_core.multires.steering import Steering
from combiner_core.rec import EntropyTables
from combiner_core.rec.groups import GroupEncoder

# messages are steered to a little below the budget
_AIM = 0.997
# a message is coded once more if it leaves more than this share of the budget, and more bytes
_LEFT, _LEFT_BYTES = 0.01, 2
# log of the ratio of a message's bits to the goal from which on its groups can be steered by it
_NEAR = 0.5
_MAX_ATTEMPTS = 8
_COARSER = 64


@dataclass(frozen=True)
class Message:
    """A signal's weights as coded.

    Attributes:
        noise: the noise scale.
        payload: the message.
        spent: by its groups.
        plan: about what these would have taken without steering.
    """

    noise: NoiseScale
    payload: bytes
    spent: Spent
    plan: RatePlan

    @property
    def unsent_bits(self) -> float:
        """Information at its end that needs no bytes: weights that stay at their means."""
        return self.spent.total_bits - 8 * len(self.payload)


class RateControl:
    """Codes messages until one fills the budget.

    Args:
        tables: of the groups.
        states: of the trellis.
        field: of the signal.
        report: makes the events.
        payload_bytes: most bytes of a message.
    """

    def __init__(
        self,
        tables: EntropyTables,
        states: int,
        field: MultiresField,
        report: Reporter,
        payload_bytes: int,
    ) -> None:
        self._tables, self._states = tables, states
        self._field, self._report = field, report
        self._payload_bytes = payload_bytes
        self._goal_bits = _AIM * 8 * payload_bytes

    def start(self, coefficients: Coefficients) -> NoiseScale:
        """A scale to begin with, guessed."""
        bits_a_value = self._goal_bits / self._field.values_count
        factor = self._field.bits_per_guessed * bits_a_value**self._field.growth
        low, high = MIN_INDEX, MAX_INDEX
        while low < high:
            middle = NoiseScale((low + high) // 2, self._field.unit)
            if factor * coefficients.information_bits(middle.value) <= self._goal_bits:
                high = middle.index
            else:
                low = middle.index + 1
        return NoiseScale(low, self._field.unit)

    def measured(
        self, coefficients: Coefficients, start: NoiseScale
    ) -> Generator[Progress, None, NoiseScale]:
        """The scale that should fill the budget, after one measurement."""
        message = yield from self._coded(coefficients, start, None)
        return message.plan.finest(self._goal_bits)

    def code(
        self, coefficients: Coefficients, start: NoiseScale
    ) -> Generator[Progress, None, Message]:
        """The longest message that fits, of those tried.

        Where bits change so suddenly that plans fail it halves what lies between scales tried.
        """
        noise, plan, best, unsent_bits = start, None, None, 0.0
        too_fine, too_coarse = MIN_INDEX - 1, MAX_INDEX + 1
        for _ in range(_MAX_ATTEMPTS):
            message = yield from self._coded(coefficients, noise, plan, unsent_bits)
            best = self._better(message, best)
            left_bytes = self._payload_bytes - len(message.payload)
            enough_bytes = max(_LEFT * self._payload_bytes, _LEFT_BYTES)
            if left_bytes >= 0 and (left_bytes <= enough_bytes or noise.index == MIN_INDEX):
                return best
            plan, unsent_bits = message.plan, message.unsent_bits
            goal_bits = self._goal_bits + unsent_bits
            bits = float(plan.bits.sum())
            if bits > goal_bits:
                too_fine = max(too_fine, noise.index)
            else:
                too_coarse = min(too_coarse, noise.index)
            near = abs(math.log((bits + 1) / (goal_bits + 1))) < _NEAR
            noise = plan.finest(goal_bits)
            if not near and not too_fine < noise.index < too_coarse:
                low, high = max(too_fine, MIN_INDEX), min(too_coarse, MAX_INDEX)
                noise = NoiseScale((low + high) // 2, noise.unit)
            plan = plan.at(noise) if near else None
        while len(best.payload) > self._payload_bytes and noise.index < MAX_INDEX:
            noise = NoiseScale(min(noise.index + _COARSER, MAX_INDEX), noise.unit)
            message = yield from self._coded(coefficients, noise, None)
            best = self._better(message, best)
        return best

    def _better(self, message: Message, best: Message | None) -> Message:
        """The longer message that fits, or the shorter one that does not."""
        if best is None:
            return message
        length, longest = len(message.payload), len(best.payload)
        if longest > self._payload_bytes:
            return message if length < longest else best
        return message if longest < length <= self._payload_bytes else best

    def _coded(
        self,
        coefficients: Coefficients,
        noise: NoiseScale,
        plan: RatePlan | None,
        unsent_bits: float = 0.0,
    ) -> Generator[Progress, None, Message]:
        steering = Steering(self._goal_bits + unsent_bits, plan)
        encoder = GroupEncoder(self._tables, self._states)
        order = self._field.coding_order(noise, synthesise=False)
        phase = "search" if plan is None else "code"
        spent = yield from self._report.follow_code(
            phase, order, noise, coefficients, encoder, steering
        )
        return Message(noise, encoder.payload(), spent, steering.outcome(noise))
