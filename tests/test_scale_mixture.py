"""Heavy-tailed priors: what is claimed of them is what numerical integration finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from combiner_core.scale_mixture import PARTS, QUANTISER_STEP, ScaleMixture

OFFSETS = [0.0, 0.4, -1.7, 6.0, 25.0]
LOG_VARIANCES = [-8.0, -1.0, 1.5, 7.0]


@pytest.fixture
def mixture() -> ScaleMixture:
    return ScaleMixture()


def prior_of(mixture: ScaleMixture, log_variance: float) -> list[tuple[float, float]]:
    """Weight and variance of each part."""
    place = math.tanh(log_variance / 4)
    logits = [float(a + place * (b + place * c)) for a, b, c in mixture.logits]
    total = sum(map(math.exp, logits))
    factors, offsets = mixture.log_scales.exp().tolist()
    return [
        (math.exp(logits[part]) / total, factors[part] * 2**log_variance + offsets[part])
        for part in range(PARTS)
    ]


def density(parts: list[tuple[float, float]], value: float) -> float:
    return sum(
        weight / math.sqrt(2 * math.pi * variance) * math.exp(-(value**2) / (2 * variance))
        for weight, variance in parts
    )


@pytest.mark.parametrize("log_variance", LOG_VARIANCES)
@pytest.mark.parametrize("offset", OFFSETS)
def test_loss_and_posterior_mean_are_those_of_bayes(
    offset: float, log_variance: float, mixture: ScaleMixture
) -> None:
    terms = mixture(torch.tensor([offset]), torch.tensor([log_variance]))
    parts = prior_of(mixture, log_variance)
    # integrals over the shift, part by part: they are narrow and wide
    evidence = first = 0.0
    for weight, variance in parts:
        share = variance / (1 + variance)
        centre, deviation = offset * share, math.sqrt(share)

        def joint(value: float, power: int, weight: float = weight, v: float = variance) -> float:
            likelihood = math.exp(-((offset - value) ** 2) / 2)
            return value**power * likelihood * density([(weight, v)], value)

        ends = (centre - 12 * deviation, centre + 12 * deviation)
        evidence += quad(joint, *ends, args=(0,), epsabs=0, epsrel=1e-9)[0]
        first += quad(joint, *ends, args=(1,), epsabs=0, epsrel=1e-9)[0]
    assert float(terms.loss_nats) == pytest.approx(-math.log(evidence), rel=2e-4, abs=2e-4)
    assert float(terms.shift) == pytest.approx(first / evidence, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("log_variance", LOG_VARIANCES)
def test_the_quantiser_weighs_rate_and_distortion(
    log_variance: float, mixture: ScaleMixture
) -> None:
    offsets = torch.linspace(-40, 40, 801)
    values = mixture.quantised(offsets, torch.full_like(offsets, log_variance))
    assert torch.equal(torch.round(values / QUANTISER_STEP) * QUANTISER_STEP, values)
    # towards the mean, never past it, and by less than two steps
    assert bool((values * offsets >= 0).all())
    assert bool((offsets.abs() - values.abs() > -QUANTISER_STEP / 2 - 1e-3).all())
    assert not values.requires_grad
    # less is worth coding where less is expected
    zeros = int((values == 0).sum())
    wider = mixture.quantised(offsets, torch.full_like(offsets, log_variance + 6))
    assert zeros >= int((wider == 0).sum())


def test_tails_are_heavier_than_of_one_gaussian(mixture: ScaleMixture) -> None:
    offset, log_variance = torch.tensor([40.0]), torch.tensor([2.0])
    variance = 1 + 2.0**2
    gaussian = 0.5 * math.log(variance) + 40.0**2 / (2 * variance)
    assert float(mixture(offset, log_variance).loss_nats) < 0.5 * gaussian


def test_gradients_reach_everything(mixture: ScaleMixture) -> None:
    rng = np.random.default_rng(0)
    offset = torch.tensor(rng.normal(0, 3, 50), requires_grad=True)
    log_variance = torch.tensor(rng.uniform(-4, 6, 50), requires_grad=True)
    terms = mixture.double()(offset, log_variance)
    learned = [offset, log_variance, mixture.logits, mixture.log_scales]
    for gradient in torch.autograd.grad(terms.loss_nats.sum() + terms.shift.sum(), learned):
        assert bool(torch.isfinite(gradient).all())
        assert bool((gradient != 0).any())
