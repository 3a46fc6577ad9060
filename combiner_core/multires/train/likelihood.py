"""How well a prior foretells known weights.

With a Gaussian prior N(m, v) and the noise scale as unit, the negative ELBO of a weight of target c
at its best posterior is -log N(c; m, 1 + v), but for a constant. Networks see weights drawn from
the posteriors, as a receiver will.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from combiner_core.gaussians import TargetPosterior, target_loss_nats
from combiner_core.multires.coding_order import GroupPrior

# log2 of the variance from which on a weight is taken to be coded
MIN_CODED_LOG_VARIANCE = -0.5
_NONE: Mapping[int, float] = MappingProxyType({})


class Likelihood:
    """Answers a coding order from known weights.

    Args:
        targets: weights by level, in units of the noise scale: (B, channels, H, W) each.
        sampler: draws weights from their posteriors.
        importance: of a level's weights, by level, where it is not 1.
        shaping: gives the noise scale of a group's weights, in units of the signal's, where it is
            not 1; no gradient goes through it.

    Attributes:
        nats: after a coding order, the sum of -log N(c; m, 1 + v), less log(2 pi) / 2 for each
            (B,).
        kl_nats: after a coding order, the sum of the posteriors' KL (B,).
    """

    def __init__(
        self,
        targets: Mapping[int, Tensor],
        sampler: torch.Generator,
        importance: Mapping[int, float] = _NONE,
        shaping: Callable[[GroupPrior], Tensor] | None = None,
    ) -> None:
        self._targets, self._sampler, self._importance = targets, sampler, importance
        self._shaping = shaping
        any_level = next(iter(targets.values()))
        self.nats = self.kl_nats = any_level.new_zeros(len(any_level))

    def answer(self, prior: GroupPrior) -> Tensor:
        """Weights drawn from their posteriors, without gradient."""
        group, mean, log_variance = prior.group, prior.mean, prior.log_variance
        rows = slice(group.first_row, group.first_row + mean.shape[2])
        target = self._targets[group.level][:, list(group.channels), rows]
        importance = self._importance.get(group.level, 1.0)
        variance, offset = torch.exp2(log_variance), target - mean
        scale: Tensor | float = 1.0
        if self._shaping is not None:
            with torch.no_grad():
                scale = self._shaping(prior)
                log_variance = log_variance - 2 * torch.log2(scale)
            variance, offset = variance / scale**2, offset / scale
        nats = target_loss_nats(offset, variance) * group.coded
        self.nats = self.nats + importance * nats.sum((1, 2, 3))
        with torch.no_grad():
            posterior = TargetPosterior(offset, variance)
            normal = torch.randn(mean.shape, generator=self._sampler, device=mean.device)
            sample = mean + scale * (posterior.shift + posterior.std * normal)
            coded = (log_variance >= MIN_CODED_LOG_VARIANCE) & group.coded
            kl_nats = posterior.kl_nats * coded
            self.kl_nats = self.kl_nats + importance * kl_nats.sum((1, 2, 3))
            return torch.where(coded, sample, mean) * group.coded
