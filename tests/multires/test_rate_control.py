"""The search for a noise scale meets its goal after few measurements."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.rate_control import RateModel, search

WEIGHTS = 10_000


def information(deviation: float, exponent: float = 1.0) -> Callable[[NoiseScale], float]:
    """Bits of weights of one variance, to a power."""
    return lambda noise: (
        (WEIGHTS / 2 * math.log2(1 + (deviation * noise.unit / noise.value) ** 2)) ** exponent
    )


def found(
    goal_bits: float,
    proxy_bits: Callable[[NoiseScale], float],
    true_bits: Callable[[NoiseScale], float],
    max_measured: int,
    unit: float = 1.0,
    start: NoiseScale | None = None,
    growth: float = 0.17,
) -> tuple[NoiseScale, list[NoiseScale]]:
    guess = RateModel(proxy_bits, unit, growth)
    start = start or guess.finest(goal_bits, 0.35)
    steps = search(goal_bits, guess, max_measured, start)
    measured = []
    try:
        noise = next(steps)
        while True:
            measured.append(noise)
            noise = steps.send(true_bits(noise))
    except StopIteration as stop:
        return stop.value, measured


@given(
    goal_bits=st.floats(500, 20_000),
    factor=st.floats(0.1, 3),
    exponent=st.floats(1.14, 1.26),
    unit=st.sampled_from([1.0, 2.0**-15]),
)
def test_the_goal_is_met_within_a_percent(
    goal_bits: float, factor: float, exponent: float, unit: float
) -> None:
    proxy, shape = information(100), information(100, exponent)

    def bits(noise: NoiseScale) -> float:
        return factor * WEIGHTS ** (1 - exponent) * shape(noise)

    noise, measured = found(goal_bits, proxy, bits, 4, unit)
    assert noise.unit == unit
    assert len(measured) <= 4
    if MIN_INDEX < noise.index < MAX_INDEX:
        assert bits(noise) == pytest.approx(goal_bits, rel=0.01)


def test_a_right_guess_is_measured_once() -> None:
    def bits(noise: NoiseScale) -> float:
        return 0.35 * information(100)(noise)

    noise, measured = found(4000, information(100), bits, 5)
    assert measured == [noise]


def test_a_good_start_is_kept() -> None:
    proxy = information(100)
    start = RateModel(proxy, 1.0, 0.1).finest(5000, 1.0)
    noise, measured = found(proxy(start), proxy, proxy, 3, start=start)
    assert noise == start
    assert measured == [start]


@pytest.mark.parametrize(("goal_bits", "index"), [(1e9, MIN_INDEX), (1e-9, MAX_INDEX)])
def test_an_impossible_goal_gives_the_nearest_scale(goal_bits: float, index: int) -> None:
    noise, measured = found(goal_bits, information(100), information(100), 3)
    assert noise.index == index
    assert len(measured) <= 3


def test_silence_needs_no_bits() -> None:
    noise, _ = found(1000, lambda _: 0.0, lambda _: 0.0, 3)
    assert MIN_INDEX <= noise.index <= MAX_INDEX


@given(bits=st.floats(1, 50_000), deviation=st.floats(1, 1000))
def test_the_finest_scale_within_the_bits_is_found(bits: float, deviation: float) -> None:
    proxy = information(deviation)
    noise = RateModel(proxy, 1.0, 0.0).finest(bits, 1.0)
    if noise.index < MAX_INDEX:
        assert proxy(noise) <= bits
    if noise.index > MIN_INDEX:
        assert proxy(NoiseScale(noise.index - 1)) > bits


@given(st.integers(MIN_INDEX, MAX_INDEX - 1), st.sampled_from([1.0, 2.0**-15]))
def test_scales_are_exact_multiples_of_a_sixty_fourth_of_the_unit(index: int, unit: float) -> None:
    noise, next_one = NoiseScale(index, unit), NoiseScale(index + 1, unit)
    assert (64 * noise.value / unit).is_integer()
    assert noise.value == pytest.approx(unit * 2 ** (index / 256), rel=0.004)
    assert noise.value <= next_one.value


@given(step=st.integers(MIN_INDEX + 1, MAX_INDEX - 1), goal_bits=st.floats(200, 20_000))
def test_where_bits_jump_the_goal_is_enclosed(step: int, goal_bits: float) -> None:
    """Bits that fall from far above the goal to far below it leave the finer of the two scales."""

    def bits(noise: NoiseScale) -> float:
        return 50 * goal_bits if noise.index < step else goal_bits / 50

    noise, measured = found(goal_bits, information(100), bits, 3)
    assert len(measured) <= 12
    indices = [one.index for one in measured]
    if min(indices) < step <= max(indices):
        assert abs(step - noise.index) <= (MAX_INDEX - MIN_INDEX) >> 8
        assert noise.index < step or len(measured) == 12
