"""Diagonal Gaussians over weights: divergence, samples, and the closed-form prior update."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

NATS_PER_BIT = math.log(2.0)


@dataclass(frozen=True, eq=False)
class DiagonalGaussian:
    """A factorised Gaussian N(mean, diag(std^2)).

    Attributes:
        mean: shape (..., D).
        std: shape broadcastable to `mean`, positive.
    """

    mean: Tensor
    std: Tensor

    def kl_bits(self, other: DiagonalGaussian) -> Tensor:
        """KL[self || other] of each weight in bits, shape (..., D)."""
        variance_ratio = (self.std / other.std) ** 2
        shift = ((self.mean - other.mean) / other.std) ** 2
        nats = 0.5 * (variance_ratio + shift - 1.0 - torch.log(variance_ratio))
        return nats / NATS_PER_BIT

    def sample(self, generator: torch.Generator) -> Tensor:
        """One draw, shape (..., D)."""
        noise = torch.randn(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.std * noise

    def in_units_of(self, prior: DiagonalGaussian) -> DiagonalGaussian:
        """The same distribution of z = (w - prior.mean) / prior.std."""
        return DiagonalGaussian((self.mean - prior.mean) / prior.std, self.std / prior.std)


def closed_form_prior(posteriors: DiagonalGaussian) -> DiagonalGaussian:
    """The Gaussian that minimises the mean KL[q_i || p] over M posteriors.

    COMBINER's prior update: mu_p = mean_i mu_i and
    sigma_p^2 = mean_i [sigma_i^2 + (mu_i - mu_p)^2].

    Args:
        posteriors: mean and std of shape (M, D).

    Returns:
        mean and std of shape (D,).
    """
    mean = posteriors.mean.mean(0)
    variance = (posteriors.std**2 + (posteriors.mean - mean) ** 2).mean(0)
    return DiagonalGaussian(mean, variance.sqrt())
