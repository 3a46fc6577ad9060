"""The beta-ELBO of a picture as a differentiable function of its targets and of the networks.

With the noise scale s in the place of sqrt(beta), minus the ELBO in nats is the sum of the KL
divergences and of the squared errors of the decoded pixels over 2 s^2. Posteriors are the
closed-form ones of the targets; their samples go through everything that depends on them, the
priors of finer levels and the correction network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.fields.multires import to_colours, to_pixels
from combiner_core.fields.wavelets import split
from combiner_core.multires import ImageModel
from combiner_core.priors.conditional import Request, follow

# log2 of the variance below which a weight has less than 0.02 bits and is not coded
INACTIVE_LOG_VARIANCE = -5.15


@dataclass(frozen=True)
class PictureElbo:
    """Terms of the beta-ELBO, one number a picture.

    Attributes:
        rate_nats: KL[q || p], made differentiable where weights are not coded.
        coded_nats: KL[q || p] of the coded weights, without gradient.
        squared_error: of all decoded values, pixels from 0 to 255.
        decoded: pixels (B, 3, H, W), unrounded.
    """

    rate_nats: Tensor
    coded_nats: Tensor
    squared_error: Tensor
    decoded: Tensor


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
) -> PictureElbo:
    """Sample the posteriors of targets, and evaluate.

    Args:
        model: in floating point, quantised or not.
        targets: by level as `decompose` gives them, divided by s.
        pixels: the original (B, 3, H, W), from 0 to 255.
        noise: s of each picture (B,), float64.
        log_noise: its log2 (B,).
        generator: of the posteriors' samples.
    """
    rate = coded = pixels.new_zeros(len(pixels))

    def answer(request: Request) -> Tensor:
        nonlocal rate, coded
        group, mean = request.group, request.mean
        rows = slice(group.first_row, group.first_row + mean.shape[2])
        target = targets[group.level][:, list(group.channels), rows]
        variance = torch.exp2(request.log_variance)
        information = torch.log1p(variance)
        shrink = variance / (1 + variance)
        offset = target - mean
        energy = offset.square() * shrink
        normal = torch.randn(mean.shape, generator=generator, device=mean.device)
        active = request.log_variance > INACTIVE_LOG_VARIANCE
        sample = mean + shrink * offset + shrink.sqrt() * normal
        divergence = (information - shrink + energy / (1 + variance)) / 2
        # a prior that leaves a weight at its mean learns from what coding it would have gained
        gain = (information - offset.detach().square() * shrink) / 2
        terms = torch.where(active, divergence, gain) * group.coded
        rate = rate + terms.sum((1, 2, 3))
        coded = coded + (divergence.detach() * active * group.coded).sum((1, 2, 3))
        return torch.where(active, sample, mean) * group.coded

    size = (pixels.shape[2], pixels.shape[3])
    walk = model.prior.walk(size, noise, log_noise, exact=False)
    values, hidden = follow(walk, answer)
    synthesised = to_pixels(values * noise.float()[:, None, None, None])
    decoded = model.correction(synthesised, hidden, log_noise)
    error = (decoded - pixels).square().sum((1, 2, 3))
    return PictureElbo(rate, coded, error, decoded)
