"""Diagonal Gaussians: divergence, samples, and the prior update as an exact minimiser."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from combiner_core.gaussians import NATS_PER_BIT, DiagonalGaussian, closed_form_prior


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def draw(generator: torch.Generator, *shape: int) -> DiagonalGaussian:
    """Means of a few units, standard deviations over two decades; double precision."""
    mean = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    std = torch.exp(1.2 * torch.randn(shape, generator=generator, dtype=torch.float64))
    return DiagonalGaussian(mean, std)


def test_divergence_agrees_with_torch(generator: torch.Generator) -> None:
    q, p = draw(generator, 6, 50), draw(generator, 50)
    expected = kl_divergence(Normal(q.mean, q.std), Normal(p.mean, p.std)) / math.log(2)
    torch.testing.assert_close(q.kl_bits(p), expected)


def test_divergence_is_the_expected_log_ratio(generator: torch.Generator) -> None:
    q, p = draw(generator, 1), draw(generator, 1)
    w = q.mean + q.std * torch.randn(200_000, generator=generator, dtype=torch.float64)
    log_ratio = Normal(q.mean, q.std).log_prob(w) - Normal(p.mean, p.std).log_prob(w)
    error = 5 * float(log_ratio.std()) / NATS_PER_BIT / math.sqrt(len(w))
    assert float(log_ratio.mean()) / NATS_PER_BIT == pytest.approx(float(q.kl_bits(p)), abs=error)


def test_divergence_vanishes_only_between_equals(generator: torch.Generator) -> None:
    q = draw(generator, 50)
    assert torch.equal(q.kl_bits(q), torch.zeros(50, dtype=torch.float64))
    assert bool((q.kl_bits(draw(generator, 50)) > 0).all())


def test_divergence_does_not_depend_on_units(generator: torch.Generator) -> None:
    q, p, unit = draw(generator, 4, 50), draw(generator, 50), draw(generator, 50)
    torch.testing.assert_close(q.in_units_of(unit).kl_bits(p.in_units_of(unit)), q.kl_bits(p))


def test_a_prior_in_its_own_units_is_standard(generator: torch.Generator) -> None:
    p = draw(generator, 50)
    standard = p.in_units_of(p)
    assert torch.equal(standard.mean, torch.zeros(50, dtype=torch.float64))
    assert torch.equal(standard.std, torch.ones(50, dtype=torch.float64))


def test_samples_have_the_moments(generator: torch.Generator) -> None:
    count = 100_000
    q = draw(generator, 20)
    many = DiagonalGaussian(q.mean.expand(count, -1), q.std)
    samples = (many.sample(generator) - q.mean) / q.std
    tolerance = 5 / math.sqrt(count)
    assert float(samples.mean(0).abs().max()) < tolerance
    assert float((samples.var(0) - 1).abs().max()) < tolerance * math.sqrt(2)
    correlation = torch.corrcoef(samples.T) - torch.eye(20, dtype=torch.float64)
    assert float(correlation.abs().max()) < tolerance


def test_samples_follow_the_generator(generator: torch.Generator) -> None:
    q = draw(generator, 20)
    first, second = (q.sample(torch.Generator().manual_seed(9)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, q.sample(torch.Generator().manual_seed(10)))


def test_prior_update_of_two_known_posteriors() -> None:
    posteriors = DiagonalGaussian(torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [4.0]]))
    prior = closed_form_prior(posteriors)
    assert prior.mean.tolist() == [2.0]
    assert prior.std.tolist() == pytest.approx([math.sqrt((4 + 1 + 16 + 1) / 2)])


def test_no_other_prior_has_a_smaller_mean_divergence(generator: torch.Generator) -> None:
    posteriors = draw(generator, 7, 30)
    best = closed_form_prior(posteriors)
    least = posteriors.kl_bits(best).mean(0)
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(50):
            shift, stretch = size * torch.randn((2, 30), generator=generator, dtype=torch.float64)
            other = DiagonalGaussian(best.mean + best.std * shift, best.std * torch.exp(stretch))
            assert bool((posteriors.kl_bits(other).mean(0) > least).all())


def test_no_other_prior_is_better_where_each_posterior_has_a_wider_one(
    generator: torch.Generator,
) -> None:
    posteriors = draw(generator, 7, 30)
    scales = torch.rand((7, 30), generator=generator, dtype=torch.float64) * 4 + 0.2
    best = closed_form_prior(posteriors, scales=scales)

    def divergence(prior: DiagonalGaussian) -> torch.Tensor:
        wider = DiagonalGaussian(prior.mean.expand(7, -1), scales * prior.std)
        return posteriors.kl_bits(wider).mean(0)

    for size in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(50):
            shift, stretch = size * torch.randn((2, 30), generator=generator, dtype=torch.float64)
            other = DiagonalGaussian(best.mean + best.std * shift, best.std * torch.exp(stretch))
            assert bool((divergence(other) > divergence(best)).all())


def test_prior_update_is_a_stationary_point(generator: torch.Generator) -> None:
    posteriors = draw(generator, 7, 30)
    best = closed_form_prior(posteriors)
    mean, std = best.mean.requires_grad_(), best.std.requires_grad_()
    posteriors.kl_bits(DiagonalGaussian(mean, std)).mean(0).sum().backward()
    for parameter in (mean, std):
        assert parameter.grad is not None
        assert float((parameter.grad * best.std.detach()).abs().max()) < 1e-12


def test_prior_of_equal_posteriors_is_that_posterior(generator: torch.Generator) -> None:
    q = draw(generator, 30)
    same = DiagonalGaussian(q.mean.expand(5, -1), q.std.expand(5, -1))
    prior = closed_form_prior(same)
    torch.testing.assert_close(prior.mean, q.mean)
    torch.testing.assert_close(prior.std, q.std)
