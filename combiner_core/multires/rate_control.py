"""Rate control: a message that fills a budget, and the noise scale that it has."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from combiner_core.events import Progress
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, steps
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.field import MultiresField
from combiner_core.multires.first_guess import guessed
from combiner_core.multires.noise_scale import MAX_INDEX, NoiseScale
from combiner_core.multires.progress import Reporter, Spent
from combiner_core.multires.rate_plan import RatePlan
from combiner_core.multires.steering import Steering
from combiner_core.rec import EntropyTables
from combiner_core.rec.groups import GroupEncoder

# a message is taken if it leaves no more than this share of the budget, or so few bytes; the share
# grows by that with every attempt
_LEFT, _LEFT_BYTES, _PATIENCE = 0.011, 2, 0.002
# what a message is steered to be
_AIM = 0.9945
# log of the ratio of a message's bits to the goal from which on its groups can be steered by it
_NEAR = 0.5
# by how much the goal changes, at most, after a message that missed it
_CORRECTION = 1.3
_MAX_ATTEMPTS = 9
# attempts after which messages are no longer steered: then they surely shrink with the scale
_STEERED_ATTEMPTS = 4
# how much of what lies between two scales is left on either side of the next one
_MARGIN = 0.15
# a trellis of few states tells well enough what another one will take
_MEASURING_STATES = 8


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


class RateControl:
    """Codes messages until one fills the budget.

    Args:
        tables: of the groups.
        states: of the trellis.
        field: of the signal.
        report: makes the events.
        payload_bytes: most bytes of a message.
        spare_bytes: of these, what something else makes use of if a message leaves them.
    """

    def __init__(
        self,
        tables: EntropyTables,
        states: int,
        field: MultiresField,
        report: Reporter,
        payload_bytes: int,
        spare_bytes: int = 0,
    ) -> None:
        self._tables, self._states = tables, states
        self._field, self._report = field, report
        self._payload_bytes, self._spare_bytes = payload_bytes, spare_bytes
        self._goal_bits = 8 * (_AIM * payload_bytes - spare_bytes / 2)

    def start(self, coefficients: Coefficients) -> NoiseScale:
        """A scale to begin with, guessed."""
        return guessed(self._field, coefficients, self._goal_bits)

    def measured(
        self, coefficients: Coefficients, start: NoiseScale
    ) -> Generator[Progress, None, RatePlan]:
        """What groups take at a scale."""
        message = yield from self._coded("search", coefficients, start, _MEASURING_STATES)
        return message.plan

    def finest(self, plan: RatePlan) -> NoiseScale:
        """The scale that should fill the budget."""
        return plan.finest(self._goal_bits, self._field.finest_index, self._field.lagrangian)

    def trial(
        self, coefficients: Coefficients, noise: NoiseScale
    ) -> Generator[GroupPrior, None, tuple[Any, RatePlan]]:
        """Code at a scale, so as to see what comes of it.

        Yields:
            The prior of every group, once it is coded.

        Returns:
            What the receiver would get, and what groups took.
        """
        steering = Steering(0.0, lagrangian=self._field.lagrangian(noise))
        encoder = GroupEncoder(self._tables, _MEASURING_STATES)

        def encode(prior: GroupPrior) -> Tensor:
            integers, target = prior.integers(), coefficients.of(prior.group, noise.value)
            return prior.answer(steering.encode(encoder, integers, target)[0].values)

        order: CodingOrder[Any] = self._field.coding_order(noise)
        decoded = yield from steps(order, encode)
        return decoded, steering.outcome(noise)

    def code(
        self, coefficients: Coefficients, plan: RatePlan
    ) -> Generator[Progress, None, Message]:
        """The longest message that fits, of those tried; if none does, one to be cut off.

        Args:
            coefficients: of the signal.
            plan: from a measurement.
        """
        plans, exact, goal_bits, best = [plan], [plan], self._goal_bits, None
        for attempt in range(_MAX_ATTEMPTS):
            noise, steered = self._next(plans, goal_bits)
            if attempt >= _STEERED_ATTEMPTS:
                between = _between(exact, self._goal_bits) or _between(plans, self._goal_bits)
                noise, steered = (noise, steered) if between is None else (between, None)
            message = yield from self._coded(
                "code", coefficients, noise, self._states, steered, goal_bits
            )
            best = message if best is None else self._better(message, best)
            left_bytes = self._payload_bytes - len(message.payload)
            share = _LEFT + _PATIENCE * attempt
            most_left_bytes = max(share * self._payload_bytes, _LEFT_BYTES) + self._spare_bytes
            fits = 0 <= left_bytes <= most_left_bytes
            last = self._field.finest_index if left_bytes >= 0 else MAX_INDEX
            if fits or (steered is not None and noise.index == last):
                break
            plans.append(message.plan)
            if steered is None:
                exact.append(message.plan)
            else:
                missed = math.sqrt(self._goal_bits / (8 * len(message.payload) + 1))
                goal_bits *= min(max(missed, 1 / _CORRECTION), _CORRECTION)
        assert best is not None
        return best

    def _next(
        self, plans: Sequence[RatePlan], goal_bits: float
    ) -> tuple[NoiseScale, RatePlan | None]:
        """The scale to try next, and the plan for it if it can be relied on."""
        last = plans[-1]
        finest_index = self._field.finest_index
        noise = last.finest(goal_bits, finest_index, self._field.lagrangian)
        if abs(_excess(last, goal_bits)) < _NEAR or noise.index in (finest_index, MAX_INDEX):
            return noise, last.at(noise)
        return _between(plans, goal_bits) or noise, None

    def _better(self, message: Message, best: Message) -> Message:
        """The longer message that fits, or the shorter one that does not."""
        length, longest = len(message.payload), len(best.payload)
        if longest > self._payload_bytes:
            return message if length < longest else best
        return message if longest < length <= self._payload_bytes else best

    def _coded(
        self,
        phase: Literal["search", "code"],
        coefficients: Coefficients,
        noise: NoiseScale,
        states: int,
        plan: RatePlan | None = None,
        goal_bits: float = 0.0,
    ) -> Generator[Progress, None, Message]:
        steering = Steering(goal_bits, plan)
        encoder = GroupEncoder(self._tables, states)
        order = self._field.coding_order(noise, synthesise=False)
        spent = yield from self._report.follow_code(
            phase, order, noise, coefficients, encoder, steering
        )
        return Message(noise, encoder.payload(), spent, steering.outcome(noise))


def _excess(plan: RatePlan, goal_bits: float) -> float:
    """Log of the ratio of a plan to the goal."""
    return math.log((plan.total_bits + 1) / (goal_bits + 1))


def _between(plans: Sequence[RatePlan], goal_bits: float) -> NoiseScale | None:
    """A scale between those of messages too long and too short, if there were both, apart."""
    longer = [plan for plan in plans if plan.total_bits > goal_bits]
    shorter = [plan for plan in plans if plan.total_bits <= goal_bits]
    if not longer or not shorter:
        return None
    # where bits change so suddenly that plans fail
    fine, coarse = max(longer, key=_index), min(shorter, key=_index)
    if coarse.noise.index - fine.noise.index < 2:
        return None
    above, below = _excess(fine, goal_bits), _excess(coarse, goal_bits)
    share = min(max(above / (above - below), _MARGIN), 1 - _MARGIN)
    index = fine.noise.index + share * (coarse.noise.index - fine.noise.index)
    inside = min(max(round(index), fine.noise.index + 1), coarse.noise.index - 1)
    return NoiseScale(inside, fine.noise.unit)


def _index(plan: RatePlan) -> int:
    return plan.noise.index
