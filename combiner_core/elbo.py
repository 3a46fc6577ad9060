"""The beta-ELBO of a picture as a differentiable function of its targets and of the networks.

With the noise scale s in the place of sqrt(beta), minus the ELBO in nats is the sum of the KL
divergences and of the squared errors of the decoded pixels over 2 s^2. Posteriors are the
closed-form ones of the targets; their samples go through everything that depends on them, the
priors of finer levels and the correction network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from combiner_core.fields.multires import to_colours, to_pixels
from combiner_core.fields.wavelets import split
from combiner_core.multires import ImageModel
from combiner_core.priors.conditional import Request, follow
from combiner_core.rec.tables import FIRST_ACTIVE, LOG_VARIANCE_UNITS

# log2 of the variance from which on a weight is coded
LEAST_LOG_VARIANCE = FIRST_ACTIVE / LOG_VARIANCE_UNITS


@dataclass(frozen=True)
class PictureElbo:
    """Terms of the beta-ELBO, one number a picture.

    Attributes:
        rate_nats: KL[q || p] of the coded weights.
        missed_nats: about what coding the other weights would have lost, for the prior to learn
            when to; has a gradient only there.
        squared_error: of all decoded values, pixels from 0 to 255.
        decoded: pixels (B, 3, H, W), unrounded.
        chance_nats: by how much the squared errors of these samples as weights, over 2 s^2, exceed
            those expected of the posteriors. Zero on average, and much like what chance does to
            `squared_error`: without it the gradient has less noise.
        shares: v / (1 + v) of the coded weights and 0 of the others, by level: about the second
            derivatives of the negative ELBO with respect to the targets.
    """

    rate_nats: Tensor
    missed_nats: Tensor
    squared_error: Tensor
    decoded: Tensor
    chance_nats: Tensor
    shares: dict[int, Tensor] = field(repr=False)


def decompose(pixels: Tensor, levels: int) -> dict[int, Tensor]:
    """Weights of pixels (B, 3, H, W) by level, the low-pass array as level `levels` + 1."""
    weights: dict[int, Tensor] = {}
    low = to_colours(pixels)
    for level in range(1, levels + 1):
        # one colour after the other, which takes less memory at a time
        parts = [split(low[:, [colour]]) for colour in range(low.shape[1])]
        low = torch.cat([part[0] for part in parts], 1)
        weights[level] = torch.stack([part[1] for part in parts], 2).flatten(1, 2)
    weights[levels + 1] = low
    return weights


def picture_elbo(
    model: ImageModel,
    targets: Mapping[int, Tensor],
    pixels: Tensor,
    noise: Tensor,
    log_noise: Tensor,
    generator: torch.Generator | None = None,
    own: Mapping[int, Tensor] | None = None,
) -> PictureElbo:
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
    rate = missed = chance = pixels.new_zeros(len(pixels))
    shares = {level: torch.zeros_like(part) for level, part in targets.items()}
    if own is None:
        own = targets

    def answer(request: Request) -> Tensor:
        nonlocal rate, missed, chance
        group, mean = request.group, request.mean
        rows = slice(group.first_row, group.first_row + mean.shape[2])
        place = (slice(None), list(group.channels), rows)
        target = targets[group.level][place]
        variance = torch.exp2(request.log_variance)
        information = torch.log1p(variance)
        shrink = variance / (1 + variance)
        offset = target - mean
        energy = offset.square() * shrink
        normal = torch.randn(mean.shape, generator=generator, device=mean.device)
        active = (request.log_variance >= LEAST_LOG_VARIANCE) & group.coded
        centre = mean + shrink * offset
        sample = centre + shrink.sqrt() * normal
        divergence = (information - shrink + energy / (1 + variance)) / 2
        rate = rate + (divergence * active).sum((1, 2, 3))
        loss = (information - offset.detach().square() * shrink) / 2
        missed = missed + (loss * (group.coded & ~active)).sum((1, 2, 3))
        error = centre - own[group.level][place].detach()
        excess = error * (sample - centre) + shrink * (normal.square() - 1) / 2
        chance = chance + (excess * active).sum((1, 2, 3))
        shares[group.level][place] += (shrink * active).detach()
        return torch.where(active, sample, mean) * group.coded

    size = (pixels.shape[2], pixels.shape[3])
    walk = model.prior.walk(size, noise, log_noise, exact=False)
    values, hidden = follow(walk, answer)
    synthesised = to_pixels(values * noise.float()[:, None, None, None])
    decoded = model.correction(synthesised, hidden, log_noise)
    error = (decoded - pixels).square().sum((1, 2, 3))
    return PictureElbo(rate, missed, error, decoded, chance, shares)
