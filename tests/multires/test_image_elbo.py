"""The beta-ELBO of pictures: optimal at the closed-form posterior, in bits what coders count."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_presets import image_model
from torch import Tensor

from combiner_core.gaussians import TargetPosterior
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.colours import to_colours
from combiner_core.multires.image.elbo import MIN_CODED_LOG_VARIANCE, ImageElbo, image_elbo
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.latent_optimisation import optimise_latents
from combiner_core.multires.image.postfilter import PostfilterConfig
from combiner_core.multires.image.prior import ImagePriorConfig
from combiner_core.multires.image.pyramid import decompose
from combiner_core.multires.model import ImageModel, ImageModelConfig
from combiner_core.multires.noise_scale import NOISE_STEPS_PER_OCTAVE, NoiseScale
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS
from combiner_core.signals import ImageShape, Signal

LEVELS = 7
NOISE = NoiseScale(4 * 256)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> ImageModel:
    return image_model()


@pytest.fixture
def pixels(photo: Signal) -> Tensor:
    return torch.tensor(photo.values).permute(2, 0, 1)[None].float()


def elbo(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    pixels: Tensor,
    noise: NoiseScale,
    seed: int = 0,
) -> ImageElbo:
    scale, log_scale = noise.tensors(len(pixels), CPU)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return image_elbo(model, targets, pixels, scale, log_scale, generator)


def targets_of(pixels: Tensor, noise: NoiseScale) -> dict[int, Tensor]:
    return decompose(pixels / noise.value, LEVELS)


def mean_loss_nats(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    pixels: Tensor,
    noise: NoiseScale,
    count: int = 6,
) -> float:
    losses = []
    for seed in range(count):
        parts = elbo(model, targets, pixels, noise, seed)
        # uncoded weights count nothing: the loss of what is really sent
        losses.append(parts.rate_nats + parts.squared_error / (2 * noise.value**2))
    return float(torch.stack(losses).mean())


def test_weights_hold_the_whole_picture(pixels: Tensor) -> None:
    weights = decompose(pixels, LEVELS)
    assert sorted(weights) == list(range(1, LEVELS + 2))
    energy = sum(float(part.square().sum()) for part in weights.values())
    # the coarsest arrays are so small that their basis is far from orthonormal
    details = sum(float(weights[level].square().sum()) for level in range(1, 5))
    assert 0 < details < energy
    luma = to_colours(pixels)
    flat = float((luma - luma.mean((2, 3), keepdim=True)).square().sum())
    assert details < 1.1 * flat


def test_terms_are_what_they_say(model: ImageModel, pixels: Tensor) -> None:
    both = torch.cat([pixels, pixels.flip(3)])
    parts = elbo(model, targets_of(both, NOISE), both, NOISE)
    assert parts.decoded.shape == both.shape
    torch.testing.assert_close(parts.squared_error, (parts.decoded - both).square().sum((1, 2, 3)))
    assert (
        parts.rate_nats.shape
        == parts.dead_zone_nats.shape
        == parts.control_variate_nats.shape
        == (2,)
    )
    assert bool((parts.rate_nats > 0).all())


def test_finer_noise_costs_more_and_gives_more(model: ImageModel, pixels: Tensor) -> None:
    terms = []
    for index in (3 * 256, 4 * 256, 5 * 256):
        noise = NoiseScale(index)
        parts = elbo(model, targets_of(pixels, noise), pixels, noise)
        terms.append((float(parts.rate_nats), float(parts.squared_error)))
    rates, errors = zip(*terms, strict=True)
    assert rates[0] > rates[1] > rates[2]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize("amplitude", [0.5, 1.5])
def test_perturbed_posteriors_are_worse(
    amplitude: float, model: ImageModel, pixels: Tensor
) -> None:
    # with no correction the decoded picture is linear in the weights, and its weights are optimal
    model = _uncorrected(model)
    targets = targets_of(pixels, NOISE)
    best = mean_loss_nats(model, targets, pixels, NOISE)
    generator = torch.Generator().manual_seed(9)
    for _ in range(3):
        moved = {
            level: part + amplitude * torch.randn(part.shape, generator=generator)
            for level, part in targets.items()
        }
        assert mean_loss_nats(model, moved, pixels, NOISE) > best


@pytest.mark.parametrize("gain", [0.5, 1.5])
def test_scaled_posteriors_are_worse(gain: float, model: ImageModel, pixels: Tensor) -> None:
    model = _uncorrected(model)
    targets = targets_of(pixels, NOISE)
    scaled = {level: part if level > 4 else gain * part for level, part in targets.items()}
    best = mean_loss_nats(model, targets, pixels, NOISE)
    assert mean_loss_nats(model, scaled, pixels, NOISE) > best


@pytest.mark.parametrize("index", [3 * 256, 4 * 256 + 100, 5 * 256 + 7])
def test_the_rate_is_the_divergence_that_coders_count(index: int) -> None:
    noise = NoiseScale(index)
    rng = np.random.default_rng(7)
    texture = Signal.image(rng.normal(128, 40, (64, 96, 3)).clip(0, 255).astype(np.uint8))
    model = image_model()
    field = ImageField(model, ImageShape(texture.width, texture.height), CPU)
    pixels = field.values(texture)
    _fit_variances(model, pixels)
    coefficients = field.coefficients(pixels)
    kl_bits = 0.0

    def visit(prior: GroupPrior) -> Tensor:
        nonlocal kl_bits
        integers = prior.integers()
        target = coefficients.of(prior.group, noise.value)
        # the ELBO leaves out weights of small variance
        likely = integers.log_variance >= LOG_VARIANCE_UNITS * MIN_CODED_LOG_VARIANCE
        coded = replace(integers, coded=integers.coded & likely)
        kl_bits += coded.kl_bits(target)
        values, active = integers.default, coded.coded
        variance = np.exp2(integers.log_variance[active] / LOG_VARIANCE_UNITS)
        posterior = TargetPosterior(integers.distances(target)[active] / VALUE_UNITS, variance)
        sample = posterior.shift + posterior.std * rng.standard_normal(len(variance))
        values[active] += np.rint(VALUE_UNITS * sample).astype(np.int32)
        return prior.answer(values)

    with torch.no_grad():
        follow(field.coding_order(noise), visit)
    rates = [
        float(elbo(model, targets_of(pixels, noise), pixels, noise, seed).rate_nats)
        for seed in range(4)
    ]
    assert kl_bits == pytest.approx(np.mean(rates) / math.log(2), rel=0.02)


def test_the_loss_leads_everything_that_is_learned(pixels: Tensor) -> None:
    """Targets of all levels, and the priors also of weights that are not coded."""
    model = image_model().requires_grad_()
    # far too sure of everything: no weight is coded
    with torch.no_grad():
        for network in model.prior.levels:
            network.log_variance.fill_(-20.0)
    scale, log_scale = NOISE.tensors(1, CPU)
    targets = {level: part.requires_grad_() for level, part in targets_of(pixels, NOISE).items()}
    generator = torch.Generator().manual_seed(0)
    parts = image_elbo(model, targets, pixels, scale, log_scale, generator)
    loss = (parts.rate_nats + parts.dead_zone_nats).sum() + parts.squared_error.sum() / (
        2 * NOISE.value**2
    )
    loss.backward()
    coarsest = targets[LEVELS + 1].grad
    assert coarsest is not None
    assert bool(torch.isfinite(coarsest).all())
    assert float(coarsest.abs().sum()) > 0
    for network in model.prior.levels[:4]:
        # clamped at the least variance, of which the heads still learn the means
        slope = network.head[0].bias.grad
        assert slope is not None
        assert bool(torch.isfinite(slope).all())
        assert float(slope[:2].abs().sum()) > 0


def test_the_effect_of_chance_is_zero_on_average(model: ImageModel, pixels: Tensor) -> None:
    own = targets_of(pixels, NOISE)
    targets = {level: part + 0.3 for level, part in own.items()}
    scale, log_scale = NOISE.tensors(1, CPU)
    chances = []
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            parts = image_elbo(model, targets, pixels, scale, log_scale, generator, own)
        chances.append(float(parts.control_variate_nats))
    assert np.std(chances) > 10
    assert abs(np.mean(chances)) < 4 * np.std(chances) / math.sqrt(len(chances))


def test_without_the_effect_of_chance_gradients_have_less_noise(pixels: Tensor) -> None:
    # three levels, whose basis is almost orthonormal, and networks that do not do anything yet
    levels = 3
    model = ImageModel(ImageModelConfig(ImagePriorConfig((8,) * levels), PostfilterConfig(8, 1, 8)))
    with torch.no_grad():
        for network in model.prior.levels:
            network.log_variance.fill_(2 * NOISE.index / NOISE_STEPS_PER_OCTAVE)
    scale, log_scale = NOISE.tensors(1, CPU)
    own = decompose(pixels / NOISE.value, levels)
    targets = {level: part.requires_grad_() for level, part in own.items()}
    fine = [targets[level] for level in (1, 2, 3)]
    noisy, calm = [], []
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        parts = image_elbo(model, targets, pixels, scale, log_scale, generator)
        loss = parts.rate_nats.sum() + parts.squared_error.sum() / (2 * NOISE.value**2)
        for kept, value in ((noisy, loss), (calm, loss - parts.control_variate_nats.sum())):
            gradients = torch.autograd.grad(value, fine, retain_graph=True)
            kept.append(torch.cat([gradient.flatten() for gradient in gradients]))
    spread = [torch.stack(kept).var(0).sum() for kept in (noisy, calm)]
    assert float(spread[1]) < 0.5 * float(spread[0])


def test_shares_are_those_of_coded_weights(model: ImageModel, pixels: Tensor) -> None:
    parts = elbo(model, targets_of(pixels, NOISE), pixels, NOISE)
    least = 2**-0.5 / (1 + 2**-0.5)
    coded = 0
    for level, target in targets_of(pixels, NOISE).items():
        share = parts.curvatures[level]
        assert share.shape == target.shape
        assert bool(((share == 0) | (share >= least - 1e-6)).all())
        assert bool((share < 1).all())
        coded += int((share > 0).sum())
    assert coded > 100


def test_latent_optimisation_lowers_the_loss(model: ImageModel, pixels: Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    steps = optimise_latents(model, pixels, NOISE, 25, generator)
    done = []
    try:
        while True:
            done.append(next(steps))
    except StopIteration as stop:
        refined = stop.value
    assert done == [(step, 25) for step in range(1, 26)]
    assert refined.shape == pixels.shape
    before = mean_loss_nats(model, targets_of(pixels, NOISE), pixels, NOISE)
    after = mean_loss_nats(model, targets_of(refined, NOISE), pixels, NOISE)
    assert after < 0.99 * before


def test_no_latent_optimisation_changes_nothing(model: ImageModel, pixels: Tensor) -> None:
    steps = optimise_latents(model, pixels, NOISE, 0, torch.Generator())
    with pytest.raises(StopIteration) as stop:
        next(steps)
    torch.testing.assert_close(stop.value.value, pixels, atol=0.01, rtol=0)


def _uncorrected(model: ImageModel) -> ImageModel:
    plain = image_model()
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        plain.postfilter.leave.weight.zero_()
        plain.postfilter.leave.bias.zero_()
    return plain


def _fit_variances(model: ImageModel, pixels: Tensor) -> None:
    """Give the prior of each level the mean square of a picture's weights."""
    weights = decompose(pixels, LEVELS)
    with torch.no_grad():
        for level, network in enumerate(model.prior.levels, 1):
            network.log_variance.copy_(torch.log2(weights[level].square().mean((0, 2, 3)) + 1))
            for head in network.head:
                head.weight.mul_(1 / 4)
                head.bias.mul_(1 / 4)
        model.prior.low_log_variance.copy_(
            torch.log2(weights[LEVELS + 1].square().mean((0, 2, 3)) + 1)
        )
