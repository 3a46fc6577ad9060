"""Minibatches of coordinates: strata, and more of them where errors are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.minibatches import Minibatch, Minibatches


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def ramp(samples: int) -> FieldData:
    """Values that tell their places: sample n is n / samples."""
    return FieldData.audio(np.arange(samples, dtype=np.float32) / samples, samples)


def drawn_from(
    minibatches: Minibatches, shape: tuple[int, int], generator: torch.Generator
) -> Minibatch:
    return minibatches.draw(torch.rand(shape, generator=generator, dtype=torch.float64))


def errors_of(values: Tensor) -> Tensor:
    """Large in the last tenth of a ramp, small before; shape (M, B)."""
    return torch.where(values[..., 0] < 0.9, 0.01 + 0.01 * values[..., 0], 1.0 + values[..., 0])


def followed(data: list[FieldData], count: int, generator: torch.Generator) -> Minibatches:
    """Minibatches that have seen `errors_of`."""
    minibatches = Minibatches(data, count)
    for _ in range(20):
        drawn = drawn_from(minibatches, (len(data), count), generator)
        minibatches.observe(drawn, errors_of(drawn.values))
    minibatches.follow_errors()
    return minibatches


def test_a_minibatch_draws_once_from_every_stratum(generator: torch.Generator) -> None:
    minibatches = Minibatches([ramp(1000), ramp(500)], 50)
    for _ in range(20):
        drawn = drawn_from(minibatches, (2, 50), generator)
        for row, samples in enumerate((1000, 500)):
            numbers = (drawn.values[row, :, 0] * samples).round().int()
            strata = numbers.div(samples // 50, rounding_mode="floor")
            assert strata.tolist() == list(range(50))
            torch.testing.assert_close(
                drawn.coordinates[row, :, 0], drawn.values[row, :, 0] - 0.5 + 0.5 / samples
            )
        assert torch.equal(drawn.weights, torch.ones(2, 50))


def test_minibatches_reach_every_value(generator: torch.Generator) -> None:
    minibatches = followed([ramp(64)], 16, generator)
    seen = {
        float(v) for _ in range(400) for v in drawn_from(minibatches, (1, 16), generator).values[0]
    }
    assert len(seen) == 64


def test_values_of_bytes_are_between_minus_one_and_one(generator: torch.Generator) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    drawn = drawn_from(Minibatches([FieldData.image(pixels)], 8), (1, 8), generator)
    assert drawn.values.shape == (1, 8, 3)
    assert drawn.values.unique().tolist() == [-1.0, 1.0]


def test_more_are_drawn_where_the_errors_are_and_the_mean_has_no_bias(
    generator: torch.Generator,
) -> None:
    data, count = [ramp(1200), ramp(1000)], 100
    true = torch.stack([errors_of(part.values).mean() for part in data])
    estimates = {}
    for name, minibatches in (
        ("even", Minibatches(data, count)),
        ("followed", followed(data, count, generator)),
    ):
        drawn = [drawn_from(minibatches, (2, count), generator) for _ in range(2000)]
        estimates[name] = torch.stack(
            [(errors_of(part.values) * part.weights).mean(1) for part in drawn]
        )
    late = torch.stack([(part.values[..., 0] >= 0.9).double().mean(1) for part in drawn]).mean(0)
    assert bool((late > 0.3).all())
    for found in estimates.values():
        error = found.std(0) / 2000**0.5
        assert bool(((found.mean(0) - true).abs() < 5 * error + 1e-6).all())


def test_following_errors_makes_the_mean_of_unequal_ones_more_exact(
    generator: torch.Generator,
) -> None:
    noise = torch.from_numpy(np.random.default_rng(5).random(2000, np.float32))

    def unequal(values: Tensor) -> Tensor:
        number = (values[..., 0] * 2000).round().long()
        return noise[number] * torch.where(values[..., 0] < 0.9, 0.01, 1.0)

    spread = []
    for follows in (False, True):
        minibatches = Minibatches([ramp(2000)], 100)
        for _ in range(20):
            seen = drawn_from(minibatches, (1, 100), generator)
            minibatches.observe(seen, unequal(seen.values))
        if follows:
            minibatches.follow_errors()
        drawn = [drawn_from(minibatches, (1, 100), generator) for _ in range(500)]
        means = torch.stack([(unequal(part.values) * part.weights).mean() for part in drawn])
        spread.append(float(means.std()))
    assert spread[1] < 0.7 * spread[0]


def test_where_all_are_drawn_all_stay_so(generator: torch.Generator) -> None:
    minibatches = followed([ramp(40)], 40, generator)
    drawn = drawn_from(minibatches, (1, 40), generator)
    assert (drawn.values[0, :, 0] * 40).round().int().tolist() == list(range(40))
    assert torch.equal(drawn.weights, torch.ones(1, 40))


@pytest.mark.parametrize("follows", [False, True])
def test_a_batch_may_be_larger_than_the_signal(follows: bool, generator: torch.Generator) -> None:
    minibatches = Minibatches([FieldData.image(np.full((8, 8, 3), 255, np.uint8))], 500)
    if follows:
        minibatches.observe(
            drawn_from(minibatches, (1, 500), generator),
            torch.arange(500, dtype=torch.float32)[None],
        )
        minibatches.follow_errors()
    drawn = drawn_from(minibatches, (1, 500), generator)
    assert drawn.coordinates.shape == (1, 500, 2)
    assert torch.equal(drawn.values, torch.ones(1, 500, 3))
    assert len(drawn.coordinates[0].unique(dim=0)) == 64


@pytest.mark.parametrize("errors", [0.0, 1.0])
def test_equal_errors_change_nothing(errors: float, generator: torch.Generator) -> None:
    minibatches = Minibatches([ramp(300)], 30)
    jitters = torch.rand(1, 30, generator=generator, dtype=torch.float64)
    before = minibatches.draw(jitters)
    minibatches.observe(before, torch.full((1, 30), errors))
    minibatches.follow_errors()
    after = minibatches.draw(jitters)
    assert torch.equal(before.values, after.values)
    torch.testing.assert_close(before.weights, after.weights)


def test_errors_are_forgotten_once_they_are_followed(generator: torch.Generator) -> None:
    minibatches = followed([ramp(1000)], 50, generator)
    for _ in range(20):
        drawn = drawn_from(minibatches, (1, 50), generator)
        minibatches.observe(drawn, torch.ones(1, 50))
    minibatches.follow_errors()
    late = [
        float((drawn_from(minibatches, (1, 50), generator).values >= 0.9).double().mean())
        for _ in range(50)
    ]
    assert np.mean(late) == pytest.approx(0.1, abs=0.03), drawn.values
