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
        quantised: what a scalar quantiser that weighs rate and distortion under this prior makes
            of the difference; without gradient.
    """

    loss_nats: Tensor
    shift: Tensor
    quantised: Tensor


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
        self._formulas = mixture_terms
        self.log_scales = nn.Parameter(torch.tensor([_FACTORS, _OFFSETS]).log())

    def fuse(self) -> None:
        """Compile what follows, where there is a compiler for it: for training."""
        self._formulas = torch.compile(mixture_terms, dynamic=True)

    def forward(self, offset: Tensor, log_variance: Tensor) -> MixtureTerms:
        """What follows from targets.

        Args:
            offset: c - m in noise scales.
            log_variance: log2 v, of the same shape.
        """
        shape = offset.shape
        # as one row: whoever compiles this does so but once
        parts = self._formulas(
            offset.reshape(-1), log_variance.reshape(-1), self.logits, self.log_scales
        )
        return MixtureTerms(*(part.view(shape) for part in parts))


def mixture_terms(
    offset: Tensor, log_variance: Tensor, logits: Tensor, log_scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """`ScaleMixture` as a function: (n,) each, logits (3, 3), log_scales (2, 3)."""
    place = torch.tanh(log_variance * _SMOOTHNESS)
    variance = torch.exp2(log_variance)
    weights = [row[0] + place * (row[1] + place * row[2]) for row in logits]
    factors, offsets = log_scales.exp()
    variances = [factors[part] * variance + offsets[part] for part in range(PARTS)]
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
    widths = [v.detach() + QUANTISER_STEP**2 / 12 for v in variances]
    constants = [
        weight.detach() - 0.5 * torch.log(width)
        for weight, width in zip(weights, widths, strict=True)
    ]
    difference = offset.detach()

    def cost(value: Tensor) -> Tensor:
        density = _log_sum(
            [
                constant - 0.5 * value.square() / width
                for constant, width in zip(constants, widths, strict=True)
            ]
        )
        return 0.5 * (difference - value).square() - density

    nearest = torch.round(difference / QUANTISER_STEP) * QUANTISER_STEP
    nearer = nearest - torch.sign(nearest) * QUANTISER_STEP
    none = torch.zeros_like(nearest)
    least, less, zero = cost(nearest), cost(nearer), cost(none)
    chosen = torch.where(less < least, nearer, nearest)
    quantised = torch.where(zero < torch.minimum(least, less), none, chosen)
    return _log_sum(weights) - marginal, shift, quantised


def _log_sum(logs: list[Tensor]) -> Tensor:
    return torch.logaddexp(torch.logaddexp(logs[0], logs[1]), logs[2])
