"""Pictures from decoded values, block by block: memory stays bounded whatever their shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.wavelets import join

# pixels that go through a network together, at most so many in a row, and how far it reaches
_BLOCK_PIXELS = 1 << 19
_BLOCK_COLUMNS = 1 << 10
_MARGIN = 48
# pixels that become one place of the network's coarsest grid, and of that of its context
_COARSEST, _CONTEXT = 8, 4
# sides of the blocks of a finer grid, and pixels of context: wavelets and cubics reach over four
_FINER_SIDE = 1024
_FINER_MARGIN = 5

Block = tuple[slice, slice]
Network = Callable[[Tensor, tuple[Tensor, ...]], Tensor]


def corrected_blocks(
    pixels: Tensor, network: Network, contexts: tuple[Tensor, ...]
) -> Iterator[tuple[Block, Tensor]]:
    """Apply a network of limited reach to a picture.

    Args:
        pixels: (B, 3, H, W).
        network: gives corrected pixels of pixels and their contexts.
        contexts: (B, channels, ceil(H / 4), ceil(W / 4)) each, of any type.

    Yields:
        Rows and columns of a block, and its corrected pixels, float32 (B, 3, rows, columns).
    """
    height, width = pixels.shape[2:]
    columns = min(width, _BLOCK_COLUMNS)
    rows = max(_COARSEST, _BLOCK_PIXELS // columns // _COARSEST * _COARSEST)
    for down, across in product(_parts(height, rows), _parts(width, columns)):
        high, wide = _around(down, _MARGIN, height), _around(across, _MARGIN, width)
        quarter = (..., _context(high), _context(wide))
        part = network(pixels[:, :, high, wide], tuple(one[quarter] for one in contexts))
        top, left = down.start - high.start, across.start - wide.start
        block = part[..., top:, left:][..., : down.stop - down.start, : across.stop - across.start]
        yield (down, across), block.float()


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """The field of these pixels on a grid of another size over the same area (B, 3, *size).

    A finer grid is that of the wavelets' own scaling functions, twice as fine at a time without
    further details, and cubic between its points; a coarser one has means of the pixels.
    """
    height, width = pixels.shape[2:]
    if (height, width) == size:
        return pixels
    if size[0] <= height and size[1] <= width:
        return functional.interpolate(pixels, size=size, mode="bicubic", antialias=True)
    result = pixels.new_empty(*pixels.shape[:2], *size)
    for (down, across), block in finer_blocks(pixels, size):
        result[:, :, down, across] = block
    return result


def finer_blocks(pixels: Tensor, size: tuple[int, int]) -> Iterator[tuple[Block, Tensor]]:
    """`resize` to a grid that is finer along an axis at least, block by block.

    Yields:
        Rows and columns of a block, and its values (B, 3, rows, columns).
    """
    height, width = pixels.shape[2:]
    points = 1
    while points * height < size[0] or points * width < size[1]:
        points *= 2
    for down, across in product(_parts(size[0], _FINER_SIDE), _parts(size[1], _FINER_SIDE)):
        high, wide = _source(down, height, size[0]), _source(across, width, size[1])
        part = pixels[:, :, high, wide]
        for _ in range(points.bit_length() - 1):
            details = part.new_zeros(len(part), 3 * part.shape[1], *part.shape[2:])
            part = join(2 * part, details, 2 * part.shape[2], 2 * part.shape[3])
        # every point that was there before stays the first of its successors
        y = _places(down, high, height / size[0], points, pixels)
        x = _places(across, wide, width / size[1], points, pixels)
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), 2)[None]
        yield (
            (down, across),
            functional.grid_sample(
                part,
                grid.expand(len(pixels), -1, -1, -1),
                mode="bicubic",
                padding_mode="border",
                align_corners=True,
            ),
        )


def to_levels(pixels: Tensor, depth: int = 8) -> NDArray[Any]:
    """Pixels (1, C, H, W) from 0 to 255 as whole levels (H, W, C) of 8 or 16 bits."""
    most, kind = (255, torch.uint8) if depth == 8 else (65535, torch.int32)
    rounded = [(part.clamp(0, 255) * (most / 255)).round_().to(kind) for part in pixels[0]]
    levels: NDArray[Any] = torch.stack(rounded, 2).cpu().numpy()
    return levels.astype(_level_type(depth), copy=False)


def levels_of(
    blocks: Iterator[tuple[Block, Tensor]], size: tuple[int, int], depth: int = 8
) -> NDArray[Any]:
    """`to_levels` of a picture of this size that comes in blocks."""
    picture = np.empty((*size, 3), _level_type(depth))
    for block, pixels in blocks:
        picture[block] = to_levels(pixels, depth)
    return picture


def _level_type(depth: int) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if depth == 8 else np.uint16


def _parts(length: int, most: int) -> list[slice]:
    return [slice(start, min(start + most, length)) for start in range(0, length, most)]


def _around(part: slice, margin: int, length: int) -> slice:
    return slice(max(0, part.start - margin), min(length, part.stop + margin))


def _context(part: slice) -> slice:
    return slice(part.start // _CONTEXT, -(-part.stop // _CONTEXT))


def _source(part: slice, length: int, count: int) -> slice:
    """Pixels, of `length`, of which part of `count` points over the same side is made."""
    covered = slice(part.start * length // count, -(-part.stop * length // count))
    return _around(covered, _FINER_MARGIN, length)


def _places(part: slice, source: slice, step: float, points: int, like: Tensor) -> Tensor:
    """Where points of a grid, `step` pixels apart, lie in pixels of which each became `points`.

    Returns:
        From -1 at the first of these to 1 at the last.
    """
    middles = (torch.arange(part.start, part.stop, dtype=torch.float64) + 0.5) * step - 0.5
    last = points * (source.stop - source.start) - 1
    # a single one is everywhere
    places: Tensor = 2 * points / max(last, 1) * (middles - source.start) - 1
    return places.to(like)
