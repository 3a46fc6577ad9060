"""The paper's formulas for Gaussian weights: divergence, posterior, prior update, samples.

Weights have factorised Gaussian posteriors q and priors p (Guo et al. 2023, COMBINER). Two kinds of
posterior occur. A siren's is learned by gradient descent on the beta-ELBO. The weight of an
orthonormal basis has a *target* c, the value that reproduces the signal; with the noise scale
s = sqrt(beta / 2) as unit its negative beta-ELBO under the prior N(m, v) is

    (w - c)^2 / 2 expected under q, plus KL[q || N(m, v)] in nats,

which has a minimiser in closed form: `TargetPosterior`, the posterior of a Gaussian mean under a
Gaussian prior with noise of variance 1 (Bishop 2006, section 2.3.6). All functions take NumPy
arrays or torch tensors of any shape and compute in their precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

NATS_PER_BIT = math.log(2.0)

ArrayT = TypeVar("ArrayT", "Tensor", NDArray[np.float32], NDArray[np.float64])


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
        moved = self.in_units_of(other)
        return standard_kl_nats(moved.mean, moved.std.log()) / NATS_PER_BIT

    def sample(self, generator: torch.Generator) -> Tensor:
        """One draw, shape (..., D)."""
        noise = self.mean.new_empty(self.mean.shape).normal_(generator=generator)
        return self.mean + self.std * noise

    def in_units_of(self, prior: DiagonalGaussian) -> DiagonalGaussian:
        """The same distribution of z = (w - prior.mean) / prior.std."""
        return DiagonalGaussian((self.mean - prior.mean) / prior.std, self.std / prior.std)


def standard_kl_nats(mean: ArrayT, log_std: ArrayT) -> ArrayT:
    """KL[N(mean, std^2) || N(0, 1)] of each weight in nats: the KL of the beta-ELBO in prior units.

    1/2 (std^2 + mean^2 - 1) - log std (Kingma & Welling 2014, appendix B).
    """
    functions = _functions(mean)
    result: ArrayT = 0.5 * (functions.exp(2 * log_std) + mean**2 - 1) - log_std
    return result


def closed_form_prior(
    posteriors: DiagonalGaussian,
    total: Callable[[Tensor], Tensor] | None = None,
    scales: Tensor | None = None,
) -> DiagonalGaussian:
    """The Gaussian that minimises the mean KL[q_i || p_i] over M posteriors.

    COMBINER's prior update (Guo et al. 2023, algorithm 1): mu_p = mean_i mu_i and
    sigma_p^2 = mean_i [sigma_i^2 + (mu_i - mu_p)^2]. Where p_i is a_i times as wide as p, what is
    of i counts a_i^-2 in both.

    Sums are of float64: their order hardly matters.

    Args:
        posteriors: mean and std of shape (M, D).
        total: adds up a sum over the posteriors that are here with those of others elsewhere.
        scales: a_i, of shape (M, D), 1 by default.

    Returns:
        mean and std of shape (D,).
    """
    means, stds = posteriors.mean.double(), posteriors.std.double()
    add = total or (lambda here: here)
    weights = means.new_ones(means.shape) if scales is None else scales.double() ** -2
    sums = (weights * means).sum(0), weights.sum(0), means.new_tensor([len(means)])
    moment, weight, count = add(_functions(means).cat(sums)).split([*means.shape[1:] * 2, 1])
    mean = moment / weight
    variance = add((weights * (stds**2 + (means - mean) ** 2)).sum(0)) / count
    precision = posteriors.mean.dtype
    return DiagonalGaussian(mean.to(precision), variance.sqrt().to(precision))


def linear_posterior(
    prior: DiagonalGaussian, basis: Tensor, signals: Tensor, beta: float
) -> DiagonalGaussian:
    """The factorised Gaussians that minimise the beta-ELBO of linear fields f = basis w.

    The beta-ELBO is the expected squared error summed over points plus beta KL[q || p] in nats.
    Where its gradient vanishes, 1 / std^2 = 1 / std_p^2 + (2 / beta) |column|^2, and the means
    solve a linear system, here in prior units: Bayesian linear regression (Bishop 2006, section
    3.3) with a factorised q, whose precisions are the diagonal of the exact ones (section 10.1.2).

    Args:
        prior: mean and std of shape (D,).
        basis: one column a weight (n, D).
        signals: (M, n).
        beta: squared error that a nat is worth.

    Returns:
        mean of shape (M, D), std of shape (D,), the same for all signals.
    """
    precision = 2 / beta
    scaled = basis * prior.std
    system = precision * scaled.T @ scaled
    system.diagonal().add_(1.0)
    residual = precision * (signals - basis @ prior.mean) @ scaled
    factor = _functions(system).linalg.cholesky(system)
    offset = residual.T.cholesky_solve(factor).T
    std = (prior.std.square().reciprocal() + precision * basis.square().sum(0)).rsqrt()
    return DiagonalGaussian(prior.mean + prior.std * offset, std)


def shrinkage(variance: ArrayT) -> ArrayT:
    """v / (1 + v): the variance of a target's posterior, and how far its mean goes to the target.

    Args:
        variance: v of the prior, in units of the squared noise scale, not negative.
    """
    v: Any = variance
    result: ArrayT = v / (1 + v)
    return result


class TargetPosterior(Generic[ArrayT]):
    """The posterior that minimises the beta-ELBO of a target: N((m + v c) / (1 + v), v / (1 + v)).

    Args:
        offset: c - m, the target less the prior's mean, in noise scales.
        variance: v of the prior, likewise.

    Attributes:
        share: v / (1 + v), see `shrinkage`.
    """

    def __init__(self, offset: ArrayT, variance: ArrayT) -> None:
        # everything once: gradients go through what is shared
        functions = _functions(variance)
        self._offset: ArrayT = offset
        self._variance: ArrayT = variance
        self._information: ArrayT = functions.log1p(variance)
        self.share: ArrayT = shrinkage(variance)
        self._energy: ArrayT = functions.square(offset) * self.share

    @property
    def shift(self) -> ArrayT:
        """The posterior's mean less the prior's: v (c - m) / (1 + v)."""
        shift: ArrayT = self.share * self._offset
        return shift

    @property
    def std(self) -> ArrayT:
        """The standard deviation sqrt(v / (1 + v))."""
        std: ArrayT = _functions(self.share).sqrt(self.share)
        return std

    @property
    def kl_nats(self) -> ArrayT:
        """KL[q || p]: 1/2 [log(1 + v) - v / (1 + v) + v (c - m)^2 / (1 + v)^2]."""
        variance: Any = self._variance
        kl_nats: ArrayT = (self._information - self.share + self._energy / (1 + variance)) / 2
        return kl_nats


def standard_target_posterior(offset: ArrayT, std: ArrayT) -> tuple[ArrayT, ArrayT]:
    """Mean and standard deviation of a target's posterior in units of its prior, as coders take it.

    `TargetPosterior` with the deviation sqrt(v) of the prior as unit, and its mean as origin:
    sqrt(v) (c - m) / (1 + v) and 1 / sqrt(1 + v).

    Args:
        offset: c - m, the target less the prior's mean, in noise scales.
        std: sqrt(v), likewise.
    """
    deviation: Any = std
    variance = deviation**2
    mean: ArrayT = offset * deviation / (1 + variance)
    scale: ArrayT = 1 / _functions(std).sqrt(1 + variance)
    return mean, scale


def target_loss_coefficients(variance: ArrayT) -> tuple[ArrayT, ArrayT]:
    """(a, b) of the least negative beta-ELBO of a target, a + b (c - m)^2 nats.

    a = 1/2 log(1 + v) and b = 1 / (2 (1 + v)): it is -log N(c; m, 1 + v), minus the log marginal
    likelihood, but for a constant, as the ELBO is where q is exact.
    """
    v: Any = variance
    rate: ArrayT = _functions(variance).log1p(variance) / 2
    precision: ArrayT = 0.5 / (1 + v)
    return rate, precision


def target_loss_nats(offset: ArrayT, variance: ArrayT) -> ArrayT:
    """The least negative beta-ELBO of a target; arguments as `TargetPosterior`."""
    square: Any = offset * offset
    rate, precision = target_loss_coefficients(variance)
    result: ArrayT = rate + precision * square
    return result


def dead_zone_nats(offset: ArrayT, variance: ArrayT) -> ArrayT:
    """What coding a weight adds to its loss, negative where coding pays.

    `target_loss_nats` less (c - m)^2 / 2, the loss of a weight that stays at its prior's mean.
    """
    rate, _ = target_loss_coefficients(variance)
    square: Any = offset * offset
    result: ArrayT = rate - square * shrinkage(variance) / 2
    return result


def _functions(array: object) -> Any:
    """The library whose functions take this array."""
    if isinstance(array, np.ndarray):
        return np
    import torch  # half of the users have no tensors, and it takes seconds to load

    return torch
