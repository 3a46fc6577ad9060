"""Parts of a picture that are differentiated one after the other: memory stays bounded."""

from __future__ import annotations

from itertools import pairwise

from combiner_core.multires.image.noise_map import CELL

# pictures are taken in parts of at most this many pixels, whose margins are not kept
_PART_PIXELS = 1 << 20
_PART_SIDE = 896
_MARGIN = 64

Box = tuple[slice, slice]


def parts_of(height: int, width: int) -> list[tuple[Box, Box]]:
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


def kept(outer: Box, inner: Box) -> Box:
    """What is kept of a part, in its own rows and columns."""
    rows, columns = (
        slice(part.start - whole.start, part.stop - whole.start)
        for part, whole in zip(inner, outer, strict=True)
    )
    return rows, columns


def _spans(length: int) -> list[slice]:
    count = -(-length // _PART_SIDE)
    # between cells of the noise map
    ends = [length * part // count // CELL * CELL for part in range(count)] + [length]
    return [slice(a, b) for a, b in pairwise(ends)]


def _widened(span: slice, length: int) -> slice:
    return slice(max(0, span.start - _MARGIN), min(length, span.stop + _MARGIN))
