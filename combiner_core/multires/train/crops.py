"""Random pieces of pictures to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

# mean absolute difference of neighbours, at half the resolution, below which nothing is learned
_MIN_TEXTURE = 2.0
# chances of the plainest pictures relative to the richest
_PLAINEST = 0.2
_MIN_REDUCTION = 0.5
_FILTERS = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


class Crops:
    """Square pieces, the richer a picture in texture the more.

    Args:
        pictures: uint8 (H, W, 3) each; those without texture and those smaller than a piece are
            left out.
        side: of a piece in pixels.

    Raises:
        ValueError: no picture is left.
    """

    def __init__(self, pictures: Sequence[Pixels], side: int) -> None:
        large = [pixels for pixels in pictures if min(pixels.shape[:2]) >= side]
        texture = np.array([_texture(pixels) for pixels in large])
        self._pictures = [large[place] for place in np.flatnonzero(texture >= _MIN_TEXTURE)]
        if not self._pictures:
            raise ValueError(f"no picture of {side} x {side} pixels or more has any texture")
        ranks = texture[texture >= _MIN_TEXTURE].argsort().argsort() / len(self._pictures)
        chances = _PLAINEST + (1 - _PLAINEST) * ranks
        self._chances, self._side = chances / chances.sum(), side

    def __len__(self) -> int:
        """Number of pictures that pieces are cut from."""
        return len(self._pictures)

    def draw(self, generator: np.random.Generator) -> NDArray[np.float32]:
        """A piece (side, side, 3), from 0 to 255: often reduced, mirrored, recoloured, grainy."""
        pixels = self._pictures[generator.choice(len(self._pictures), p=self._chances)]
        piece = self._cut(pixels, generator)
        if generator.random() < 0.5:
            piece = piece[:, ::-1]
        if generator.random() < 0.5:
            piece = piece[::-1]
        if generator.random() < 0.5:
            piece = piece.transpose(1, 0, 2)
        values = piece.astype(np.float64)
        if generator.random() < 0.25:
            values = values[..., generator.permutation(3)]
        if generator.random() < 0.3:
            values = values * np.exp(generator.normal(0, 0.15)) + generator.normal(0, 6)
        if generator.random() < 0.3:
            grain = generator.standard_normal((*values.shape[:2], 1))
            values = values + generator.uniform(0.5, 4) * grain
        return values.clip(0, 255).astype(np.float32)

    def _cut(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        side, shorter = self._side, min(pixels.shape[:2])
        reduction = 1.0
        if generator.random() > 0.35:
            least = max(side / shorter, _MIN_REDUCTION)
            reduction = float(np.exp(generator.uniform(np.log(least), 0)))
        cut = min(round(side / reduction), shorter)
        top, left = (int(generator.integers(length - cut + 1)) for length in pixels.shape[:2])
        piece = pixels[top : top + cut, left : left + cut]
        if cut == side:
            return piece
        resampling = _FILTERS[int(generator.integers(len(_FILTERS)))]
        return np.asarray(Image.fromarray(piece).resize((side, side), resampling))


def _texture(pixels: Pixels) -> float:
    grey = np.asarray(Image.fromarray(pixels).convert("L").reduce(2), np.int16)
    return float(sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1)))
