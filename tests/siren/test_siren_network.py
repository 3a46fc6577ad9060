"""The sine field: its random form against sampled weights, and the grids it is evaluated on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from combiner_core.gaussians import DiagonalGaussian
from combiner_core.signals import scaled_size
from combiner_core.siren.coordinates import FieldData, audio_coordinates, image_coordinates
from combiner_core.siren.network import Siren, SirenConfig

CONFIG = SirenConfig(in_dims=2, out_dims=3, frequencies=5, max_cycles=4.0, hidden=6, layers=3)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def posterior(field: Siren, std: float, generator: torch.Generator) -> DiagonalGaussian:
    """One posterior around an initialisation, shape (1, D), with unequal deviations."""
    mean = field.initial_prior(1.0, generator).mean[None]
    return DiagonalGaussian(mean, std * (0.5 + torch.rand(mean.shape, generator=generator)))


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_random_activations_have_the_moments_of_random_weights(
    layers: int, generator: torch.Generator
) -> None:
    # at one coordinate the two are the same distribution at any depth, not merely alike
    field = Siren(replace(CONFIG, layers=layers))
    q = posterior(field, 0.15, generator)
    coordinates = 2 * torch.rand(4, 2, generator=generator) - 1
    draws = 20_000
    weights = DiagonalGaussian(q.mean.expand(draws, -1), q.std.expand(draws, -1))
    by_weights = field(coordinates, weights.sample(generator))
    repeated = coordinates[None, None].expand(1, draws, 4, 2).reshape(1, -1, 2)
    by_activations = field.sample(
        repeated, q, lambda shape: torch.randn(shape, generator=generator)
    ).reshape(draws, 4, 3)

    std = by_weights.std(0)
    shift = (by_activations.mean(0) - by_weights.mean(0)) / std
    assert float(shift.abs().max()) < 5 * math.sqrt(2 / draws)
    stretch = by_activations.std(0) / std
    assert float((stretch - 1).abs().max()) < 5 * math.sqrt(1 / draws)


def test_drawn_weights_have_the_moments_of_the_posterior_in_every_share(
    generator: torch.Generator,
) -> None:
    field = Siren(CONFIG)
    q = posterior(field, 0.15, generator)
    coordinates = 2 * torch.rand(4, 2, generator=generator) - 1
    draws = 5_000
    by_weights = field(
        coordinates,
        DiagonalGaussian(q.mean.expand(draws, -1), q.std.expand(draws, -1)).sample(generator),
    )
    many = DiagonalGaussian(q.mean.expand(draws, -1), q.std.expand(draws, -1))
    drawn = field.sample_weights(
        coordinates.expand(draws, 4, 2),
        many,
        lambda shape: torch.randn(shape, generator=generator),
        draws=2,
    )
    std = by_weights.std(0)
    shift = (drawn.mean(0) - by_weights.mean(0)) / std
    assert float(shift.abs().max()) < 5 * math.sqrt(2 / draws)
    assert float((drawn.std(0) / std - 1).abs().max()) < 5 * math.sqrt(1 / draws)
    # coordinates of a share have their weights in common, those of different shares do not
    around = (drawn - drawn.mean(0))[..., 0]
    likeness = (around.T @ around) / draws / (std[:, 0, None] * std[:, 0])
    for first, second in ((0, 1), (0, 3), (1, 2), (2, 3)):
        assert abs(float(likeness[first, second])) < 5 / math.sqrt(draws)
    alike = (by_weights - by_weights.mean(0))[..., 0]
    wanted = (alike.T @ alike) / draws / (std[:, 0, None] * std[:, 0])
    for first, second in ((0, 2), (1, 3)):
        assert float(likeness[first, second]) == pytest.approx(
            float(wanted[first, second]), abs=7 / math.sqrt(draws)
        )


def test_drawn_weights_without_deviation_are_the_field_itself(generator: torch.Generator) -> None:
    field = Siren(CONFIG)
    mean = field.initial_prior(1.0, generator).mean[None]
    coordinates = image_coordinates(6, 9)
    drawn = field.sample_weights(
        coordinates[None], DiagonalGaussian(mean, torch.zeros_like(mean)), torch.randn, draws=3
    )
    torch.testing.assert_close(drawn, field(coordinates, mean), atol=1e-5, rtol=1e-5)


def test_expected_output_of_two_layers_is_known(generator: torch.Generator) -> None:
    # E sin(a) = exp(-v / 2) sin(m) for a ~ N(m, v), and the last layer is linear
    field = Siren(replace(CONFIG, layers=2))
    q = posterior(field, 0.3, generator)
    x = torch.tensor([[0.3, -0.7]])
    draws = 40_000
    sampled = field.sample(
        x.expand(draws, 2)[None], q, lambda shape: torch.randn(shape, generator=generator)
    )[0]

    first, last = field.groups["layer0"], field.groups["layer1"]
    inputs = torch.cat([field(x, _read_embedding(field, k))[0, 0, :1] for k in range(10)])
    inputs = torch.cat([inputs, torch.ones(1)])
    mean, variance = (
        inputs.pow(power) @ value[0, first].pow(power).view(11, 6)
        for power, value in ((1, q.mean), (2, q.std))
    )
    hidden = torch.cat([torch.exp(-variance / 2) * torch.sin(mean), torch.ones(1)])
    expected = hidden @ q.mean[0, last].view(7, 3)
    error = sampled.std(0) / math.sqrt(draws)
    assert float(((sampled.mean(0) - expected) / error).abs().max()) < 5


def test_without_deviation_a_sample_is_the_field_itself(generator: torch.Generator) -> None:
    field = Siren(CONFIG)
    mean = field.initial_prior(1.0, generator).mean[None]
    coordinates = image_coordinates(6, 9)
    sampled = field.sample(
        coordinates[None], DiagonalGaussian(mean, torch.zeros_like(mean)), torch.randn
    )
    torch.testing.assert_close(sampled, field(coordinates, mean), atol=2e-4, rtol=0)


def test_gradients_are_finite_where_a_weight_has_no_deviation(generator: torch.Generator) -> None:
    field = Siren(CONFIG)
    mean = field.initial_prior(1.0, generator).mean[None].requires_grad_()
    std = torch.zeros_like(mean).requires_grad_()
    field.sample(
        image_coordinates(4, 4)[None], DiagonalGaussian(mean, std), torch.randn
    ).sum().backward()
    for parameter in (mean, std):
        assert parameter.grad is not None
        assert bool(parameter.grad.isfinite().all())


def test_a_batch_of_fields_equals_its_members(generator: torch.Generator) -> None:
    field = Siren(CONFIG)
    weights = torch.randn(4, field.weight_count, generator=generator)
    coordinates = image_coordinates(7, 5)
    together = field(coordinates, weights)
    assert together.shape == (4, 35, 3)
    for row, alone in zip(weights, together, strict=True):
        torch.testing.assert_close(field(coordinates, row[None])[0], alone, atol=1e-4, rtol=1e-4)


def test_groups_partition_the_weights() -> None:
    field = Siren(CONFIG)
    slices = list(field.groups.values())
    assert [part.start for part in slices] == [0, *(part.stop for part in slices[:-1])]
    assert slices[-1].stop == field.weight_count == 11 * 6 + 7 * 6 + 7 * 3


def test_initial_prior_has_the_scale_of_its_layers(generator: torch.Generator) -> None:
    field = Siren(replace(CONFIG, hidden=200, frequencies=50))
    prior = field.initial_prior(0.3, generator)
    for number, (name, fan_in) in enumerate([("layer0", 100), ("layer1", 200)]):
        matrix = prior.mean[field.groups[name]].view(fan_in + 1, 200)[:-1]
        std = math.sqrt(2 / fan_in)
        assert float(matrix.std()) == pytest.approx(std, rel=0.02), number
        assert prior.std[field.groups[name]].tolist() == pytest.approx(
            [0.3 * std] * ((fan_in + 1) * 200)
        )


@pytest.mark.parametrize(
    "change",
    [
        {"in_dims": 3},
        {"out_dims": 0},
        {"layers": 1},
        {"hidden": 0},
        {"frequencies": 0},
        {"min_cycles": 0.0},
        {"min_cycles": 5.0},
    ],
)
def test_impossible_networks_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"siren|frequencies"):
        replace(CONFIG, **change)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (96, 64), (40, 40), (8, 200)])
def test_pixels_are_square_and_the_image_has_area_four(height: int, width: int) -> None:
    grid = image_coordinates(height, width).view(height, width, 2)
    longer, shorter = (grid, grid.flip(-1))[height > width].unbind(-1)
    spacing = 2 / math.sqrt(height * width)
    torch.testing.assert_close(longer.diff(dim=1), torch.full((height, width - 1), spacing))
    torch.testing.assert_close(shorter.diff(dim=0), torch.full((height - 1, width), spacing))
    assert float(grid.mean(dim=(0, 1)).abs().max()) < 1e-6


def test_a_portrait_is_a_landscape_turned() -> None:
    portrait = image_coordinates(96, 64).view(96, 64, 2)
    landscape = image_coordinates(64, 96).view(64, 96, 2)
    torch.testing.assert_close(portrait, landscape.transpose(0, 1))
    assert float(portrait[..., 0].max()) > float(portrait[..., 1].max())


@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6)])
def test_a_finer_grid_divides_every_pixel(height: int, width: int) -> None:
    fine = image_coordinates(height, width, 2 * height, 2 * width).view(height, 2, width, 2, 2)
    coarse = image_coordinates(height, width).view(height, width, 2)
    torch.testing.assert_close(fine.mean(dim=(1, 3)), coarse)


def test_a_coarser_grid_covers_the_same_image() -> None:
    coarse = image_coordinates(8, 12, 4, 6).view(4, 6, 2)
    fine = image_coordinates(8, 12).view(4, 2, 6, 2, 2)
    torch.testing.assert_close(fine.mean(dim=(1, 3)), coarse)


@pytest.mark.parametrize("samples", [1, 700, 1000])
def test_a_unit_of_time_has_the_same_samples_in_every_clip(samples: int) -> None:
    times = audio_coordinates(samples, 1000)
    assert times.shape == (samples, 1)
    torch.testing.assert_close(times.diff(dim=0), torch.full((samples - 1, 1), 0.001))
    assert abs(float(times.mean())) < 1e-6


def test_a_finer_clip_divides_every_sample() -> None:
    fine = audio_coordinates(50, 100, 150).view(50, 3)
    torch.testing.assert_close(fine.mean(1, keepdim=True), audio_coordinates(50, 100))


def test_no_grid_is_empty() -> None:
    assert [scaled_size(8, scale) for scale in (0.01, 0.5, 1.0, 2.0)] == [1, 4, 8, 16]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (13, 21), (30, 9)])
def test_a_target_pairs_every_pixel_with_its_place(height: int, width: int) -> None:
    place = np.arange(height * width).reshape(height, width)
    target = FieldData.image(np.stack([place % 256, place // 256, 0 * place], -1).astype(np.uint8))
    number = target.values[:, 0].int() + 256 * target.values[:, 1].int()
    assert sorted(number.tolist()) == list(range(height * width))
    assert torch.equal(target.coordinates, image_coordinates(height, width)[number.long()])


def _read_embedding(field: Siren, entry: int) -> torch.Tensor:
    """Weights, shape (1, D), with which the first output is sin(g e) / g, nearly the entry e."""
    gain = 1e-3
    weights = torch.zeros(1, field.weight_count)
    weights[0, field.groups["layer0"]].view(-1, 6)[entry, 0] = gain
    weights[0, field.groups["layer1"]].view(-1, 3)[0, 0] = 1 / gain
    return weights
