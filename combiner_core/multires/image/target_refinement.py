"""Target refinement: trials of the code tell what the targets of a picture should have been.

Latent optimisation (`latent_optimisation`) knows the code only by its posteriors' means. A trial of
it gives what is really decoded: a picture y, which the postfilter g turns into g(y). The trellis
takes half the squared distance of y to the targets t for the distortion D(g(y)), both in noise
scales. Its gradient is the true one, that of D, where t is

    y - s^2 dD(g(y)) / dy,

so targets go a part of the way there, and so again after the next trial: steps of a
majorise-minimise algorithm (Hunter & Lange 2004) with the code as the minimiser. All of it in
pixels, as the transform is nearly orthonormal; s is the noise scale there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

import torch
from torch import Tensor

from combiner_core.multires.image.at_hand import PictureAtHand
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.field import Decoded
from combiner_core.multires.image.parts import Box, kept, parts_of
from combiner_core.rec.wire import VALUE_UNITS

# how far targets go after the first trial, and how much less after each of the next ones: where g
# amplifies errors, longer steps go too far
_STEP, _FALL = 0.12, 0.8
# pixels that become one place of the grid of the postfilter's context
_CONTEXT = 4

Told = TypeVar("Told")


def refine_targets(
    picture: PictureAtHand,
    targets: Tensor,
    trials: int,
    code: Callable[[Tensor], Generator[object, None, tuple[Decoded, Told]]],
) -> Generator[tuple[int, int], None, tuple[Tensor, list[Told]]]:
    """Find better targets.

    Args:
        picture: the picture.
        targets: pixels (1, 3, H, W) of any range, whose weights are the targets.
        trials: how many.
        code: codes targets, by steps: gives what is decoded, and what else is to be known of it.

    Yields:
        Trials done and trials in all.

    Returns:
        Better targets, and what else is known of each trial.
    """
    told = []
    for trial in range(trials):
        coding = code(targets)
        while True:
            try:
                next(coding)
            except StopIteration as stop:
                decoded, one = stop.value
                break
            yield trial, trials
        told.append(one)
        targets = _refined(picture, targets, decoded, _STEP * _FALL**trial)
        # not to lie beside what the next trial decodes
        del decoded
        yield trial + 1, trials
    return targets, told


def _refined(picture: PictureAtHand, targets: Tensor, decoded: Decoded, step: float) -> Tensor:
    values, hidden = decoded
    refined = torch.empty_like(targets)
    for outer, inner in parts_of(*picture.size):
        pixels = to_pixels(values[..., *outer].float() * (picture.noise.value / VALUE_UNITS))
        wanted = _wanted(picture.part(outer), pixels, hidden[..., *_context(outer)])
        part = targets[..., *outer].lerp(wanted, step)
        refined[..., *inner] = part[..., *kept(outer, inner)]
    return refined


def _wanted(picture: PictureAtHand, pixels: Tensor, hidden: Tensor) -> Tensor:
    """Targets at which the gradient is the true one."""
    pixels.requires_grad_()
    distortion = picture.distortion(picture.filtered(pixels, hidden))
    (gradient,) = torch.autograd.grad(distortion, [pixels])
    return pixels.detach() - gradient * (picture.noise.value / picture.gains).square()


def _context(box: Box) -> Box:
    """A part's places on the grid of the postfilter's context."""
    rows, columns = (slice(part.start // _CONTEXT, -(-part.stop // _CONTEXT)) for part in box)
    return rows, columns
