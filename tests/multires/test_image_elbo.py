"""The beta-ELBO of pictures: what training and latent optimisation descend."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from tiny_presets import image_model
from torch import Tensor

from combiner_core.multires.image.at_hand import PictureAtHand
from combiner_core.multires.image.elbo import ImageElbo, Window, coarse_nats, image_elbo
from combiner_core.multires.image.field import folded_weights
from combiner_core.multires.image.latent_optimisation import optimise_latents
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.signals import Signal

LEVELS = 7
NOISE = NoiseScale(4 * 256)
CPU = torch.device("cpu")


@pytest.fixture(scope="module", name="model")
def shared_model() -> ImageModel:
    return image_model()


@pytest.fixture
def pixels(photo: Signal) -> Tensor:
    return torch.tensor(photo.values).permute(2, 0, 1)[None].float()


def flat(pixels: Tensor) -> NoiseMap:
    return NoiseMap.flat(pixels.shape[2], pixels.shape[3])


def weights_of(pixels: Tensor, noise: NoiseScale) -> dict[int, Tensor]:
    return folded_weights(pixels / noise.value, LEVELS)


@torch.no_grad()
def elbo(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    pixels: Tensor,
    noise: NoiseScale = NOISE,
    noise_map: NoiseMap | None = None,
    **options: object,
) -> ImageElbo:
    size = (pixels.shape[2], pixels.shape[3])
    steps = NoiseSteps.of([noise_map or flat(pixels)] * len(pixels), size, LEVELS)
    log_noise = noise.tensors(len(pixels), CPU)[1]
    return image_elbo(model, targets, size, log_noise, steps, **options)  # type: ignore[arg-type]


def loss_nats(
    model: ImageModel, targets: Mapping[int, Tensor], pixels: Tensor, noise: NoiseScale = NOISE
) -> float:
    found = elbo(model, targets, pixels, noise, quantised=False)
    error = (found.decoded - pixels).square().sum() / (2 * noise.value**2)
    return float((found.weight_nats - found.weight_error_nats).sum() + error)


def mse(found: ImageElbo, pixels: Tensor) -> float:
    return float((found.decoded - pixels).square().mean())


def test_finer_noise_costs_more_and_gives_more(model: ImageModel, pixels: Tensor) -> None:
    results = []
    for index in (3 * 256, 4 * 256, 5 * 256):
        noise = NoiseScale(index)
        found = elbo(model, weights_of(pixels, noise), pixels, noise)
        rate = float(found.weight_nats - found.weight_error_nats)
        results.append((rate, mse(found, pixels)))
    rates, errors = zip(*results, strict=True)
    assert list(rates) == sorted(rates, reverse=True)
    assert list(errors) == sorted(errors)


def test_errors_of_weights_and_of_pixels_are_alike(pixels: Tensor) -> None:
    """The wavelets are nearly orthonormal, and this postfilter changes nothing."""
    model = image_model()
    torch.nn.init.zeros_(model.postfilter.leave.weight)
    torch.nn.init.zeros_(model.postfilter.leave.bias)
    found = elbo(model, weights_of(pixels, NOISE), pixels)
    of_weights = 2 * NOISE.value**2 * float(found.weight_error_nats) / pixels.numel()
    assert mse(found, pixels) == pytest.approx(of_weights, rel=0.15)


def test_a_window_of_everything_is_the_whole(model: ImageModel) -> None:
    rng = np.random.default_rng(3)
    pixels = torch.tensor(rng.uniform(0, 255, (2, 3, 64, 64)), dtype=torch.float32)
    targets = weights_of(pixels, NOISE)
    whole = elbo(model, targets, pixels)
    window = elbo(model, targets, pixels, window=Window(0, 0, 64))
    assert torch.equal(whole.decoded, window.decoded)
    torch.testing.assert_close(whole.weight_nats, window.weight_nats)
    torch.testing.assert_close(whole.weight_error_nats, window.weight_error_nats)
    part = elbo(model, targets, pixels, window=Window(32, 0, 32))
    assert part.decoded.shape == (2, 3, 32, 32)


def test_levels_add_up(model: ImageModel, pixels: Tensor) -> None:
    size = (pixels.shape[2], pixels.shape[3])
    steps = NoiseSteps.of([flat(pixels)], size, LEVELS)
    log_noise = NOISE.tensors(1, CPU)[1]
    targets = weights_of(pixels, NOISE)
    with torch.no_grad():
        sums = [
            float(coarse_nats(model, targets, size, log_noise, steps, finest))
            for finest in (LEVELS, 4, 1)
        ]
    assert 0 < sums[0] < sums[1] < sums[2]
    assert sums[2] == pytest.approx(float(elbo(model, targets, pixels).weight_nats), rel=1e-6)


def test_a_noise_map_moves_errors(model: ImageModel, pixels: Tensor) -> None:
    """Coarser to the left, finer to the right."""
    rows, columns = flat(pixels).cells.shape
    cells = np.zeros((rows, columns), np.int8)
    cells[:, : columns // 2], cells[:, columns // 2 :] = 6, -6
    targets = weights_of(pixels, NOISE)
    usual = elbo(model, targets, pixels)
    mapped = elbo(model, targets, pixels, noise_map=NoiseMap(cells))
    before, after = ((found.decoded - pixels).square().mean((0, 1, 2)) for found in (usual, mapped))
    middle = 16 * (columns // 2)
    assert float(after[: middle - 16].mean()) > 1.2 * float(before[: middle - 16].mean())
    assert float(after[middle + 16 :].mean()) < float(before[middle + 16 :].mean())


def test_the_loss_leads_everything_that_is_learned(pixels: Tensor) -> None:
    model = image_model().requires_grad_()
    for part in model.modules():
        part.float()
    size = (pixels.shape[2], pixels.shape[3])
    steps = NoiseSteps.of([flat(pixels)], size, LEVELS)
    targets = weights_of(pixels, NOISE)
    found = image_elbo(model, targets, size, NOISE.tensors(1, CPU)[1], steps)
    error = (found.decoded - pixels).square().sum() / (2 * NOISE.value**2)
    (found.weight_nats - found.weight_error_nats + error).sum().backward()
    still = [name for name, part in model.named_parameters() if part.grad is None]
    assert not still
    led = [name for name, part in model.named_parameters() if bool((part.grad != 0).any())]
    # biases of layers whose results are cut off may have none
    assert len(led) > 0.95 * len(list(model.parameters()))


def test_curvatures_are_shares(model: ImageModel, pixels: Tensor) -> None:
    targets = weights_of(pixels, NOISE)
    curvatures = {level: torch.full_like(part, -1) for level, part in targets.items()}
    elbo(model, targets, pixels, curvatures=curvatures)
    for part in curvatures.values():
        assert 0 <= float(part.min()) <= float(part.max()) <= 1


def test_latent_optimisation_lowers_the_loss(model: ImageModel, pixels: Tensor) -> None:
    steps = optimise_latents(PictureAtHand(model, pixels, NOISE, flat(pixels)), 25)
    done = []
    try:
        while True:
            done.append(next(steps))
    except StopIteration as stop:
        refined = stop.value
    assert done == [(step, 25) for step in range(1, 26)]
    assert refined.shape == pixels.shape
    before = loss_nats(model, weights_of(pixels, NOISE), pixels)
    after = loss_nats(model, weights_of(refined, NOISE), pixels)
    assert after < 0.99 * before


def test_no_latent_optimisation_changes_nothing(model: ImageModel, pixels: Tensor) -> None:
    steps = optimise_latents(PictureAtHand(model, pixels, NOISE, flat(pixels)), 0)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    torch.testing.assert_close(stop.value.value, pixels, atol=0.01, rtol=0)
