"""Heavy-tailed priors: scale mixtures of Gaussians about one mean, and the posteriors of targets.

Where a network is sure of a weight it is now and then wrong, and one Gaussian would make that
dearer than it is worth. So the prior p(w) is sum_i pi_i N(m, v_i) with v_i = a_i v + b_i: the
network foretells m and v, and a few numbers learned for all weights turn v into weights and
variances of the parts. As for one Gaussian (`gaussians`), with the noise scale s = sqrt(beta / 2)
as unit, the least negative beta-ELBO of a target c is -log of the marginal likelihood,

    -log sum_i pi_i N(c; m, 1 + v_i),

but for a constant, and the posterior that attains it is known: the same mixture with each part
conditioned on the target and weighted by its responsibility r_i. Its mean is
m + (c - m) sum_i r_i v_i / (1 + v_i).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

PARTS = 3
# what parts begin with: fitted to residuals of photographs under a prior of one Gaussian
_WEIGHTS = (0.471, 0.505, 0.024)
_FACTORS, _OFFSETS = (0.327, 1.311, 6.87), (0.002, 0.002, 2.5)
# an outlier's part has less weight where the variance is small
_OUTLIER_SLOPE = 1.5
_SMOOTHNESS = 0.25
# step, in noise scales, of the scalar quantiser that stands for the trellis in training
QUANTISER_STEP = 3.0


class MixtureTerms(NamedTuple):
    """What follows for each weight from its target, all of one shape.

    Attributes:
        loss_nats: the least negative beta-ELBO, less log(2 pi) / 2.
        shift: the posterior's mean less the prior's.
    """

    loss_nats: Tensor
    shift: Tensor


class ScaleMixture(nn.Module):
    """Weights and variances of the parts as functions of log2 v; the same for all weights.

    The logits are quadratic in tanh(log2 v / 4).
    """

    def __init__(self) -> None:
        super().__init__()
        logits = torch.zeros(PARTS, 3)
        logits[:, 0] = torch.tensor(_WEIGHTS).log()
        logits[-1, 1:] = torch.tensor([_OUTLIER_SLOPE, -_OUTLIER_SLOPE])
        self.logits = nn.Parameter(logits)
        self.log_scales = nn.Parameter(torch.tensor([_FACTORS, _OFFSETS]).log())
        self._terms, self._quantiser = mixture_terms, quantise

    def fuse(self) -> None:
        """Compile what follows, where there is a compiler for it: for training."""
        self._terms = torch.compile(mixture_terms, dynamic=True)
        self._quantiser = torch.compile(quantise, dynamic=True)

    def forward(self, offset: Tensor, log_variance: Tensor) -> MixtureTerms:
        """What follows from targets.

        Args:
            offset: c - m in noise scales.
            log_variance: log2 v, of the same shape.
        """
        parts = self._terms(*_rows(offset, log_variance), self.logits, self.log_scales)
        return MixtureTerms(*(part.view(offset.shape) for part in parts))

    @torch.no_grad()
    def quantised(self, offset: Tensor, log_variance: Tensor) -> Tensor:
        """What a scalar quantiser that weighs rate and distortion under this prior makes of c - m.

        Args:
            offset: c - m in noise scales.
            log_variance: log2 v, of the same shape.
        """
        found = self._quantiser(*_rows(offset, log_variance), self.logits, self.log_scales)
        return found.view(offset.shape)


def mixture_terms(
    offset: Tensor, log_variance: Tensor, logits: Tensor, log_scales: Tensor
) -> tuple[Tensor, Tensor]:
    """`MixtureTerms` as a function: (n,) each, logits (3, 3), log_scales (2, 3)."""
    weights, variances = _parts(log_variance, logits, log_scales)
    square = offset.square()
    joint = [
        weight - 0.5 * torch.log1p(v) - 0.5 * square / (1 + v)
        for weight, v in zip(weights, variances, strict=True)
    ]
    marginal = _log_sum(joint)
    shares = [
        torch.exp(part - marginal) * (v / (1 + v)) for part, v in zip(joint, variances, strict=True)
    ]
    shift = offset * (shares[0] + shares[1] + shares[2])
    return _log_sum(weights) - marginal, shift


def quantise(offset: Tensor, log_variance: Tensor, logits: Tensor, log_scales: Tensor) -> Tensor:
    """`ScaleMixture.quantised` as a function: (n,) each, logits (3, 3), log_scales (2, 3)."""
    weights, variances = _parts(log_variance, logits, log_scales)
    widths = [v + QUANTISER_STEP**2 / 12 for v in variances]
    constants = [
        weight - 0.5 * torch.log(width) for weight, width in zip(weights, widths, strict=True)
    ]

    def cost(value: Tensor) -> Tensor:
        density = _log_sum(
            [
                constant - 0.5 * value.square() / width
                for constant, width in zip(constants, widths, strict=True)
            ]
        )
        return 0.5 * (offset - value).square() - density

    nearest = torch.round(offset / QUANTISER_STEP) * QUANTISER_STEP
    nearer = nearest - torch.sign(nearest) * QUANTISER_STEP
    none = torch.zeros_like(nearest)
    least, less, zero = cost(nearest), cost(nearer), cost(none)
    chosen = torch.where(less < least, nearer, nearest)
    return torch.where(zero < torch.minimum(least, less), none, chosen)


def _rows(offset: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Both as one row: whoever compiles what they are given to does so but once."""
    return offset.reshape(-1), log_variance.reshape(-1)


def _parts(
    log_variance: Tensor, logits: Tensor, log_scales: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Logits of the weights, and variances."""
    place = torch.tanh(log_variance * _SMOOTHNESS)
    variance = torch.exp2(log_variance)
    weights = [row[0] + place * (row[1] + place * row[2]) for row in logits]
    factors, offsets = log_scales.exp()
    return weights, [factors[part] * variance + offsets[part] for part in range(PARTS)]


def _log_sum(logs: list[Tensor]) -> Tensor:
    return torch.logaddexp(torch.logaddexp(logs[0], logs[1]), logs[2])
