"""What synthesis and postfilter make of errors, by some places: all takes as long as decoding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.coding_order import Group
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.folding import unfold
from combiner_core.multires.image.wavelets import join

# middles of the places in quarters of the sides, their sides in pixels, and what of these is only
# context
_MIDDLES = ((1, 1), (1, 3), (2, 2), (3, 1), (3, 3))
_SIDE, _MARGIN = 88, 12
# sides are multiples of what becomes one place of the postfilter's coarsest grid
_MULTIPLE = 8
_FOLDED = 36

# corrected pixels of pixels and their contexts, of some places each
Correct = Callable[[Tensor, tuple[Tensor, ...]], Tensor]
Place = tuple[slice, slice]


@dataclass(frozen=True)
class Finest:
    """What places need of the finest level.

    Attributes:
        low: its low-pass array (1, 3, ceil(H / 2), ceil(W / 2)), int32.
        contexts: of the postfilter, as `rendering.corrected_blocks` has them.
        gain: of an integer to the colours' units.
        scale: the noise scale.
    """

    low: Tensor
    contexts: tuple[Tensor, ...]
    gain: float
    scale: float


class FilterGain:
    """Collects the finest details of some places, and errors there, while a picture is coded.

    Args:
        pixels: of the original (1, 3, H, W), 64 at least along each side.
        levels: of the pyramid.
    """

    def __init__(self, pixels: Tensor, levels: int) -> None:
        height, width = pixels.shape[2:]
        self._levels, self._weights_squares = levels, 0.0
        places = [(_part(height, down), _part(width, across)) for down, across in _MIDDLES]
        self._places = [each for index, each in enumerate(places) if each not in places[:index]]
        self._original = _cut(pixels, self._places, 1)
        rows, columns = (side // 4 for side in self._original.shape[2:])
        self._details = torch.zeros(
            len(self._places), _FOLDED, rows, columns, dtype=torch.int32, device=pixels.device
        )

    def enter(
        self,
        group: Group,
        values: Tensor,
        errors: NDArray[np.floating],
        exists: NDArray[np.bool_],
    ) -> None:
        """Take what belongs to these places of a group.

        Args:
            group: which one.
            values: its weights, int32 (1, channels, H, W).
            errors: of these in units of s (channels, H, W).
            exists: which of them belong to the group, of the same shape.
        """
        scale = 1 << min(group.level + 1, self._levels)
        for place in self._places:
            inside, area = _inside(place, scale, group.first_row)
            counted = errors[inside][exists[inside]]
            self._weights_squares += area * float(np.square(counted).sum())
        if group.level != 1:
            return
        channels = list(group.channels)
        for details, place in zip(self._details, self._places, strict=True):
            down, across = _scaled(place, 4)
            first = group.first_row
            rows = slice(max(down.start, first), min(down.stop, first + values.shape[2]))
            if rows.start < rows.stop:
                part = values[0, :, rows.start - first : rows.stop - first, across]
                details[channels, rows.start - down.start : rows.stop - down.start] = part

    def ratio(self, finest: Finest, correct: Correct) -> float:
        """Squared error of the corrected pixels over that of the weights, at these places."""
        height, width = self._original.shape[2:]
        details = unfold(self._details, height // 2, width // 2)
        low = _cut(finest.low, self._places, 2)
        pixels = to_pixels(join(low, details, height, width).float() * finest.gain)
        corrected = correct(pixels, tuple(_cut(each, self._places, 4) for each in finest.contexts))
        errors = (self._rounded(corrected) - self._original)[
            ..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN
        ]
        weights_squares = self._weights_squares * finest.scale**2
        return float(errors.square().sum()) / weights_squares if weights_squares > 0 else 1.0

    def _rounded(self, pixels: Tensor) -> Tensor:
        """As in the result, where levels are whole unless those of the original were not."""
        pixels = pixels.clamp(0, 255)
        return pixels.round() if torch.equal(self._original, self._original.round()) else pixels


def _inside(place: Place, scale: int, first_row: int) -> tuple[tuple[slice, slice, slice], float]:
    """A place without its margin on a coarser grid from a row on, and its area for what is cut."""
    inner, area = [], 1.0
    for part in place:
        start, stop = (part.start + _MARGIN) / scale, (part.stop - _MARGIN) / scale
        first = int(start)
        last = max(first + 1, round(stop))
        inner.append(slice(first, last))
        area *= (stop - start) / (last - first)
    down, across = inner
    rows = slice(max(0, down.start - first_row), max(0, down.stop - first_row))
    return (slice(None), rows, across), area


def _part(length: int, quarter: int) -> slice:
    """Part of a side about a quarter of it, or as near to that as there is room."""
    side = min(_SIDE, length // _MULTIPLE * _MULTIPLE)
    start = min(max(0, quarter * length // 4 - side // 2), length - side)
    start = start // _MULTIPLE * _MULTIPLE
    return slice(start, start + side)


def _scaled(place: Place, factor: int) -> Place:
    down, across = (slice(part.start // factor, part.stop // factor) for part in place)
    return down, across


def _cut(values: Tensor, places: list[Place], factor: int) -> Tensor:
    """Parts of (1, C, H, W), one for each place, on a grid that is coarser by a factor."""
    parts = [values[:, :, down, across] for down, across in (_scaled(p, factor) for p in places)]
    return torch.cat(parts)
