"""Latent optimisation: gradient steps on the targets of the weights of the picture at hand.

The targets descend the beta-ELBO of the decoded picture before anything is coded, as latents do in
"Improving Inference for Neural Image Compression" (Yang, Bamler & Mandt 2020). This is not the
progressive posterior refinement of COMBINER (`siren.progressive_refinement`), which goes on while
the code is being chosen.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from itertools import pairwise

import torch
from torch import Tensor

from combiner_core.devices import half_precision
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.distortion import PerceptualError, SquaredError
from combiner_core.multires.image.elbo import image_elbo
from combiner_core.multires.image.field import folded_weights, unfolded_weights
from combiner_core.multires.image.noise_map import CELL, NoiseMap, NoiseSteps
from combiner_core.multires.image.pyramid import recompose
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale

# a picture is optimised in parts of at most this many pixels, whose margins are not kept
_PART_PIXELS = 1 << 20
_PART_SIDE = 896
_MARGIN = 64
# of steps in units of what the second derivatives suggest; the least of these; the longest step
_LEARNING_RATE, _MIN_CURVATURE, _MAX_STEP = 1.0, 0.2, 1.0


def optimise_latents(
    model: ImageModel,
    original: Tensor,
    noise: NoiseScale,
    noise_map: NoiseMap,
    steps: int,
    structure: float = 0.0,
    *,
    has_chroma: bool = True,
) -> Generator[tuple[int, int], None, Tensor]:
    """Find better targets than the picture's own weights.

    Args:
        model: quantised; used in floating point here.
        original: pixels (1, 3, H, W) from 0 to 255.
        noise: the noise scale.
        noise_map: where it is another one.
        steps: gradient steps for every part of the picture.
        structure: share of the structural error in the distortion, see `distortion`.
        has_chroma: False for grey pictures, of which no chroma is coded.

    Yields:
        Steps done and steps in all.

    Returns:
        Pixels of the same shape, of any range, whose weights are the targets.
    """
    parts = _parts(original.shape[2], original.shape[3])
    optimised = original.clone()
    for number, (outer, inner) in enumerate(parts):
        part = original[..., *outer]
        fit = _PartFit(model, part, noise, noise_map.part(*outer), structure, has_chroma)
        for step in range(steps):
            fit.step(_LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps)))
            yield number * steps + step + 1, len(parts) * steps
        rows, columns = (
            slice(part.start - whole.start, part.stop - whole.start)
            for part, whole in zip(inner, outer, strict=True)
        )
        optimised[..., *inner] = fit.pixels()[..., rows, columns]
    return optimised


class _PartFit:
    def __init__(
        self,
        model: ImageModel,
        original: Tensor,
        noise: NoiseScale,
        noise_map: NoiseMap,
        structure: float,
        has_chroma: bool,
    ) -> None:
        self._model, self._original, self._has_chroma = model, original, has_chroma
        self._size = (original.shape[2], original.shape[3])
        levels = model.config.prior.levels
        self._steps = NoiseSteps.of([noise_map], self._size, levels, original.device)
        _, self._log_noise = noise.tensors(1, original.device)
        self._scale = noise.value
        squared = SquaredError(original, noise.value, self._steps.pixel_gains(self._size))
        self._distortion = PerceptualError(squared, original, structure) if structure else squared
        own = folded_weights(original / self._scale, levels)
        self._targets = {level: part.requires_grad_() for level, part in own.items()}

    def step(self, learning_rate: float) -> None:
        curvatures = {level: torch.zeros_like(part) for level, part in self._targets.items()}
        with half_precision(self._original.device):
            elbo = image_elbo(
                self._model,
                self._targets,
                self._size,
                self._log_noise,
                self._steps,
                quantised=False,
                curvatures=curvatures,
                has_chroma=self._has_chroma,
            )
        distortion = self._distortion(elbo.decoded.float())
        loss = elbo.weight_nats + distortion - elbo.weight_error_nats
        levels = list(self._targets)
        gradients = torch.autograd.grad(loss.sum(), [self._targets[level] for level in levels])
        for level, gradient in zip(levels, gradients, strict=True):
            step = gradient / (curvatures[level] + _MIN_CURVATURE)
            step.clamp_(-_MAX_STEP, _MAX_STEP)
            self._targets[level].detach().sub_(step, alpha=learning_rate)

    @torch.no_grad()
    def pixels(self) -> Tensor:
        targets = {level: part.detach() for level, part in self._targets.items()}
        low = recompose(unfolded_weights(targets, *self._size), *self._size)
        return to_pixels(low * self._scale)


Box = tuple[slice, slice]


def _parts(height: int, width: int) -> list[tuple[Box, Box]]:
    """Parts with margins, and what of them is kept, which tiles the picture."""
    if height * width <= _PART_PIXELS:
        whole = (slice(0, height), slice(0, width))
        return [(whole, whole)]
    boxes = []
    for rows in _spans(height):
        for columns in _spans(width):
            outer = (_widened(rows, height), _widened(columns, width))
            boxes.append((outer, (rows, columns)))
    return boxes


def _spans(length: int) -> list[slice]:
    count = -(-length // _PART_SIDE)
    # between cells of the noise map
    ends = [length * part // count // CELL * CELL for part in range(count)] + [length]
    return [slice(a, b) for a, b in pairwise(ends)]


def _widened(span: slice, length: int) -> slice:
    return slice(max(0, span.start - _MARGIN), min(length, span.stop + _MARGIN))
