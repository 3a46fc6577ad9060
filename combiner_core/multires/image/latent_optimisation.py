"""Latent optimisation: gradient steps on the targets of the weights of the picture at hand.

The targets descend the beta-ELBO of the decoded picture before anything is coded, as latents do in
"Improving Inference for Neural Image Compression" (Yang, Bamler & Mandt 2020). This is not the
progressive posterior refinement of COMBINER (`siren.progressive_refinement`), which goes on while
the code is being chosen.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import torch
from torch import Tensor

from combiner_core.devices import half_precision
from combiner_core.multires.image.at_hand import PictureAtHand
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.elbo import image_elbo
from combiner_core.multires.image.field import folded_weights, unfolded_weights
from combiner_core.multires.image.parts import kept, parts_of
from combiner_core.multires.image.pyramid import recompose

# of steps in units of what the second derivatives suggest; the least of these; the longest step
_LEARNING_RATE, _MIN_CURVATURE, _MAX_STEP = 1.0, 0.2, 1.0


def optimise_latents(
    picture: PictureAtHand, steps: int
) -> Generator[tuple[int, int], None, Tensor]:
    """Find better targets than the picture's own weights.

    Args:
        picture: the picture.
        steps: gradient steps for every part of it.

    Yields:
        Steps done and steps in all.

    Returns:
        Pixels (1, 3, H, W), of any range, whose weights are the targets.
    """
    parts = parts_of(*picture.size)
    optimised = picture.original.clone()
    for number, (outer, inner) in enumerate(parts):
        fit = _PartFit(picture.part(outer))
        for step in range(steps):
            fit.step(_LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps)))
            yield number * steps + step + 1, len(parts) * steps
        optimised[..., *inner] = fit.pixels()[..., *kept(outer, inner)]
    return optimised


class _PartFit:
    def __init__(self, picture: PictureAtHand) -> None:
        self._picture = picture
        levels = picture.model.config.prior.levels
        own = folded_weights(picture.original / picture.noise.value, levels)
        self._targets = {level: part.requires_grad_() for level, part in own.items()}

    def step(self, learning_rate: float) -> None:
        picture = self._picture
        curvatures = {level: torch.zeros_like(part) for level, part in self._targets.items()}
        with half_precision(picture.original.device):
            elbo = image_elbo(
                picture.model,
                self._targets,
                picture.size,
                picture.log_noise,
                picture.steps,
                quantised=False,
                curvatures=curvatures,
                has_chroma=picture.has_chroma,
            )
        distortion = picture.distortion(elbo.decoded.float())
        loss = elbo.weight_nats + distortion - elbo.weight_error_nats
        levels = list(self._targets)
        gradients = torch.autograd.grad(loss.sum(), [self._targets[level] for level in levels])
        for level, gradient in zip(levels, gradients, strict=True):
            step = gradient / (curvatures[level] + _MIN_CURVATURE)
            step.clamp_(-_MAX_STEP, _MAX_STEP)
            self._targets[level].detach().sub_(step, alpha=learning_rate)

    @torch.no_grad()
    def pixels(self) -> Tensor:
        size = self._picture.size
        targets = {level: part.detach() for level, part in self._targets.items()}
        low = recompose(unfolded_weights(targets, *size), *size)
        return to_pixels(low * self._picture.noise.value)
