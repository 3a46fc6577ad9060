"""Steering: weights of rate and distortion, group by group, that make a message as long as wanted.

The length of a message at a noise scale is known beforehand only about. What is missing or too much
is made up for by lambda, by which squared errors count more or less than in the ELBO: a little
away from 1 it costs next to nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.rate_plan import RatePlan
from combiner_core.rec import IntegerPrior
from combiner_core.rec.groups import CodedGroup, GroupEncoder

_LIMITS = (0.6, 1.6)
# what a group was off its plan counts so much less for each group after it, and as much as this
# share of the whole plan counts for no error at all
_FORGETTING, _TRUST = 0.7, 0.05


class Steering:
    """Chooses lambda for one group after the other.

    Args:
        goal_bits: length of the message.
        plan: what groups should take; None to leave lambda as it is.
        lagrangian: lambda to begin with.
    """

    def __init__(
        self, goal_bits: float, plan: RatePlan | None = None, lagrangian: float = 1.0
    ) -> None:
        self._goal_bits, self._plan = goal_bits, plan
        self._taken: list[tuple[float, float, float]] = []
        self._spent_bits = 0.0
        self._off = [0.0, 0.0]
        self._lagrangian = lagrangian

    def lagrangian(self) -> float:
        """For the next group."""
        plan, group = self._plan, len(self._taken)
        if plan is not None and group < len(plan.bits):
            trusted_bits = _TRUST * plan.total_bits
            ratio = (self._off[0] + trusted_bits) / (self._off[1] + trusted_bits)
            left_bits = max(self._goal_bits - self._spent_bits, 0.0)
            self._lagrangian = plan.lagrangian(group, left_bits / ratio, _LIMITS)
        return self._lagrangian

    def encode(
        self, encoder: GroupEncoder, integers: IntegerPrior, target: NDArray[np.float32]
    ) -> tuple[CodedGroup, float]:
        """Encode the next group under its lambda; returns it and its bits."""
        before_bits = encoder.bits
        coded = encoder.encode(integers, target, self.lagrangian())
        bits = encoder.bits - before_bits
        self.took(bits, int(np.count_nonzero(integers.coded)))
        return coded, bits

    def took(self, bits: float, weights: int) -> None:
        """Take note of the group's bits and how many weights it has."""
        plan, group = self._plan, len(self._taken)
        self._spent_bits += bits
        self._taken.append((bits, weights, self._lagrangian))
        if plan is not None and group < len(plan.bits):
            planned = plan.bits[group] * self._lagrangian ** plan.powers[group]
            self._off = [
                _FORGETTING * before + now
                for before, now in zip(self._off, (bits, float(planned)), strict=True)
            ]

    def outcome(self, noise: NoiseScale) -> RatePlan:
        """What groups would have taken at lambda 1, at the noise scale that they had."""
        bits, weights, lagrangians = np.array(self._taken).T
        taken = RatePlan(noise, bits, weights)
        return RatePlan(noise, bits / lagrangians**taken.powers, weights)
