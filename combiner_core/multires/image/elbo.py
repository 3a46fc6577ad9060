"""The beta-ELBO of a picture as a differentiable function of its targets and of the networks.

With the noise scale s = sqrt(beta / 2) in the place of beta (`gaussians`), minus the ELBO in nats
is the sum of the KL divergences and of the squared errors of the decoded pixels over 2 s^2.
Posteriors are the closed-form ones of the targets; their samples go through everything that depends
on them, the priors of finer levels and the postfilter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from combiner_core.gaussians import TargetPosterior, dead_zone_nats
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.model import ImageModel

# log2 of the variance from which on a weight is taken to be coded
MIN_CODED_LOG_VARIANCE = -0.5


@dataclass(frozen=True)
class ImageElbo:
    """Terms of the beta-ELBO, one number a picture.

    Attributes:
        rate_nats: KL[q || p] of the coded weights.
        dead_zone_nats: what coding the other weights would have added, for the prior to learn when
            to; has a gradient only there.
        squared_error: of all decoded values, pixels from 0 to 255.
        decoded: pixels (B, 3, H, W), unrounded.
        control_variate_nats: by how much the squared errors of these samples as weights, over
            2 s^2, exceed those expected of the posteriors. Zero on average, and much like what
            chance does to `squared_error`: without it the gradient has less noise.
        curvatures: v / (1 + v) of the coded weights and 0 of the others, by level: about the
            second derivatives of the negative ELBO with respect to the targets.
    """

    rate_nats: Tensor
    dead_zone_nats: Tensor
    squared_error: Tensor
    decoded: Tensor
    control_variate_nats: Tensor
    curvatures: dict[int, Tensor] = field(repr=False)


def image_elbo(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    pixels: Tensor,
    noise: Tensor,
    log_noise: Tensor,
    generator: torch.Generator | None = None,
    own: Mapping[int, Tensor] | None = None,
) -> ImageElbo:
    """Sample the posteriors of targets, and evaluate.

    Args:
        model: in floating point, quantised or not.
        targets: by level as `decompose` gives them, divided by s.
        pixels: the original (B, 3, H, W), from 0 to 255.
        noise: s of each picture (B,), float64.
        log_noise: its log2 (B,).
        generator: of the posteriors' samples.
        own: weights of the original itself, in place of the targets, if they differ.
    """
    rate = dead_zone = control_variate = pixels.new_zeros(len(pixels))
    curvatures = {level: torch.zeros_like(part) for level, part in targets.items()}
    if own is None:
        own = targets

    def answer(prior: GroupPrior) -> Tensor:
        nonlocal rate, dead_zone, control_variate
        group, mean = prior.group, prior.mean
        rows = slice(group.first_row, group.first_row + mean.shape[2])
        place = (slice(None), list(group.channels), rows)
        offset = targets[group.level][place] - mean
        variance = torch.exp2(prior.log_variance)
        active = (prior.log_variance >= MIN_CODED_LOG_VARIANCE) & group.coded
        posterior = TargetPosterior(offset, variance)
        centre = mean + posterior.shift
        normal = torch.randn(mean.shape, generator=generator, device=mean.device)
        sample = centre + posterior.std * normal
        rate = rate + (posterior.kl_nats * active).sum((1, 2, 3))
        loss = dead_zone_nats(offset.detach(), variance)
        dead_zone = dead_zone + (loss * (group.coded & ~active)).sum((1, 2, 3))
        curvature = posterior.share
        error = centre - own[group.level][place].detach()
        excess = error * (sample - centre) + curvature * (normal.square() - 1) / 2
        control_variate = control_variate + (excess * active).sum((1, 2, 3))
        curvatures[group.level][place] += (curvature * active).detach()
        return torch.where(active, sample, mean) * group.coded

    size = (pixels.shape[2], pixels.shape[3])
    order = model.prior.coding_order(size, noise, log_noise, exact=False)
    values, hidden = follow(order, answer)
    synthesised = to_pixels(values * noise.float()[:, None, None, None])
    decoded = model.postfilter(synthesised, hidden, log_noise)
    error = (decoded - pixels).square().sum((1, 2, 3))
    return ImageElbo(rate, dead_zone, error, decoded, control_variate, curvatures)
