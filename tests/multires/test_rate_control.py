"""Plans and steering: messages come out as long as wanted although groups take what they like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.multires.noise_scale import (
    MAX_INDEX,
    MIN_INDEX,
    NOISE_STEPS_PER_OCTAVE,
    NoiseScale,
)
from combiner_core.multires.rate_plan import RatePlan
from combiner_core.multires.steering import Steering

MIDDLE = NoiseScale(4 * NOISE_STEPS_PER_OCTAVE)
WEIGHTS = np.array([100.0, 400.0, 400.0, 1600.0, 1600.0, 6400.0, 6400.0, 25600.0])


def plan_of(rates_bits: list[float]) -> RatePlan:
    return RatePlan(MIDDLE, np.array(rates_bits) * WEIGHTS, WEIGHTS)


plans = st.lists(st.floats(1e-3, 4), min_size=len(WEIGHTS), max_size=len(WEIGHTS)).map(plan_of)


@given(plans, st.integers(MIN_INDEX, MAX_INDEX), st.integers(1, 200))
def test_coarser_noise_takes_less(plan: RatePlan, index: int, coarser: int) -> None:
    fine, coarse = plan.at(NoiseScale(index)), plan.at(NoiseScale(index + coarser))
    assert (coarse.bits <= fine.bits).all()
    assert coarse.total_bits == pytest.approx(coarse.bits.sum())


@given(plans, st.floats(10, 1e5))
def test_the_finest_scale_is_the_last_that_fits(plan: RatePlan, goal_bits: float) -> None:
    def lagrangian(noise: NoiseScale) -> float:
        return float(np.exp2(-0.2 * (noise.index / NOISE_STEPS_PER_OCTAVE - 4)))

    def total_bits(noise: NoiseScale) -> float:
        planned = plan.at(noise)
        return float((planned.bits * lagrangian(noise) ** planned.powers).sum())

    noise = plan.finest(goal_bits, MIN_INDEX, lagrangian)
    if noise.index < MAX_INDEX:
        assert total_bits(noise) <= goal_bits
    if noise.index > MIN_INDEX:
        assert total_bits(NoiseScale(noise.index - 1)) > goal_bits


@given(plans, st.floats(0.7, 1.4))
def test_lambda_makes_up_for_a_goal_nearby(plan: RatePlan, wanted: float) -> None:
    goal_bits = float((plan.bits * wanted**plan.powers).sum())
    assert plan.lagrangian(0, goal_bits, (0.1, 10.0)) == pytest.approx(wanted, rel=1e-3)


def steered(plan: RatePlan, goal_bits: float, errors: np.ndarray) -> tuple[float, RatePlan]:
    """Bits of a message whose groups take other shares than planned, and what is learned of it."""
    steering, spent_bits = Steering(goal_bits, plan), 0.0
    for bits, power, weights, error in zip(plan.bits, plan.powers, WEIGHTS, errors, strict=True):
        taken = float(bits * steering.lagrangian() ** power * error)
        steering.took(taken, int(weights))
        spent_bits += taken
    return spent_bits, steering.outcome(plan.noise)


@pytest.mark.parametrize("wanted", [0.9, 1.0, 1.1])
def test_a_message_is_steered_to_its_goal(wanted: float) -> None:
    plan = plan_of([3, 2, 2, 1, 0.8, 0.4, 0.3, 0.1])
    goal_bits = wanted * plan.total_bits
    for seed in range(20):
        errors = np.exp(np.random.default_rng(seed).normal(0, 0.05, len(WEIGHTS)))
        without = abs(plan.total_bits * float((plan.bits * errors).sum() / plan.bits.sum()))
        got, outcome = steered(plan, goal_bits, errors)
        assert abs(got / goal_bits - 1) < 0.08
        assert abs(got - goal_bits) <= max(abs(without - goal_bits), 0.05 * goal_bits)
        # whatever lambda was, it is known what the groups take without it
        assert outcome.bits == pytest.approx(plan.bits * errors, rel=0.1)


@pytest.mark.parametrize("lagrangian", [1.0, 0.8])
def test_without_a_plan_lambda_stays_as_it_was(lagrangian: float) -> None:
    steering = Steering(1000.0, lagrangian=lagrangian)
    for bits in (300.0, 900.0, 20.0):
        assert steering.lagrangian() == lagrangian
        steering.took(bits, 50)
    outcome = steering.outcome(MIDDLE)
    at_rates = RatePlan(MIDDLE, np.array([300.0, 900.0, 20.0]), np.full(3, 50.0))
    assert outcome.bits * lagrangian**at_rates.powers == pytest.approx(at_rates.bits)


def test_lambda_stays_within_limits() -> None:
    plan = plan_of([3, 2, 2, 1, 0.8, 0.4, 0.3, 0.1])
    lagrangians = []
    for goal_bits in (1.0, 1e9):
        steering = Steering(goal_bits, plan)
        lagrangians.append(steering.lagrangian())
    assert 0.5 < lagrangians[0] < 1 < lagrangians[1] < 2
