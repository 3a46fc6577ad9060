"""The wavelet pyramid of a picture: its pixels as levels of weights, and back."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from combiner_core.multires.image.colours import to_colours
from combiner_core.multires.image.wavelets import join, split


def level_sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """Rows and columns of the arrays of level 0 (the picture) to `levels`."""
    sizes = [(height, width)]
    for _ in range(levels):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def place_octaves(level: int, levels: int) -> int:
    """log2 of the pixels along a place of a level, folded unless it is the low-pass array."""
    return level + 1 if level <= levels else levels


def decompose(pixels: Tensor, levels: int) -> dict[int, Tensor]:
    """Weights of pixels (B, 3, H, W) by level, the low-pass array as level `levels` + 1."""
    weights: dict[int, Tensor] = {}
    low = to_colours(pixels)
    for level in range(1, levels + 1):
        low, weights[level] = split(low)
    weights[levels + 1] = low
    return weights


def recompose(weights: Mapping[int, Tensor], height: int, width: int) -> Tensor:
    """The inverse of `decompose`: colours still apart, see `to_pixels`, (B, 3, height, width)."""
    levels = len(weights) - 1
    sizes = level_sizes(height, width, levels)
    low = weights[levels + 1]
    for level in range(levels, 0, -1):
        low = join(low, weights[level], *sizes[level - 1])
    return low
