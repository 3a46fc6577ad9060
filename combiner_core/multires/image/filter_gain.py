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
from combiner_core.multires.image.folding import PHASES, unfold
from combiner_core.multires.image.prior import DETAILS
from combiner_core.multires.image.pyramid import place_octaves
from combiner_core.multires.image.wavelets import join

# sides of the places in pixels, and what of these is only context where the picture goes on
_SIDE, _MARGIN = 48, 12
# middles of the places, in twelfths of the sides: a grid, and another one in its gaps, which is
# enough as long as a size is only looked for
_GRID, _GAPS, _TWELFTHS = range(1, 12, 2), range(2, 12, 2), 12
# pictures of so many pixels are looked at as a whole, which takes as long
_SMALL_PIXELS = 100_000
# sides are multiples of what becomes one place of the postfilter's coarsest grid
_MULTIPLE = 8

# corrected pixels of pixels and their contexts, of some places each
Correct = Callable[[Tensor, tuple[Tensor, ...]], Tensor]


@dataclass(frozen=True)
class _Part:
    """Part of a side of a picture, in pixels.

    Attributes:
        length: of the side.
        start, stop: where it begins and ends.
    """

    length: int
    start: int
    stop: int

    @classmethod
    def around(cls, length: int, twelfths: int) -> _Part:
        """About so many twelfths of the side; all of one that is hardly longer than a place."""
        if length < _SIDE + _MULTIPLE:
            return cls(length, 0, length)
        start = min(max(0, twelfths * length // _TWELFTHS - _SIDE // 2), length - _SIDE)
        start = start // _MULTIPLE * _MULTIPLE
        return cls(length, start, start + _SIDE)

    def scaled(self, factor: int) -> slice:
        """The same on a coarser grid."""
        return slice(self.start // factor, -(-self.stop // factor))

    @property
    def counted(self) -> slice:
        """What of it is not only context."""
        first = self.start + _MARGIN if self.start > 0 else 0
        last = self.stop - _MARGIN if self.stop < self.length else self.stop
        return slice(first, last)

    def counted_on(self, factor: int) -> tuple[slice, float]:
        """The same on a coarser grid, and its length for what is cut there."""
        counted = self.counted
        if counted.stop - counted.start == self.length:
            return slice(0, -(-self.length // factor)), 1.0
        start, stop = counted.start / factor, counted.stop / factor
        first = int(start)
        last = max(first + 1, round(stop))
        return slice(first, last), (stop - start) / (last - first)


Place = tuple[_Part, _Part]


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
        pixels: of the original (1, 3, H, W).
        levels: of the pyramid.
        is_grey: whether colours are equal.
        roughly: whether fewer places will do.
    """

    def __init__(self, pixels: Tensor, levels: int, *, is_grey: bool, roughly: bool) -> None:
        height, width = pixels.shape[2:]
        self._is_grey = is_grey
        self._weights_squares = 0.0
        self._places = _places(height, width, roughly)
        # how much a weight of a level counts, by its place there
        self._counts = {
            level: _counts(self._places, (height, width), 1 << place_octaves(level, levels))
            for level in range(1, levels + 2)
        }
        self._original = _cut(pixels, self._places, 1)
        rows, columns = (-(-side // 4) for side in self._original.shape[2:])
        shape = len(self._places), DETAILS * PHASES, rows, columns
        self._details = torch.zeros(shape, dtype=torch.int32, device=pixels.device)

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
        counts = self._counts[group.level][group.first_row :][: errors.shape[1]]
        squares = np.square(errors).sum(0, where=exists)
        self._weights_squares += float((squares * counts).sum(dtype=np.float64))
        if group.level != 1:
            return
        channels = list(group.channels)
        for details, place in zip(self._details, self._places, strict=True):
            down, across = (part.scaled(4) for part in place)
            first = group.first_row
            rows = slice(max(down.start, first), min(down.stop, first + values.shape[2]))
            if rows.start < rows.stop:
                part = values[0, :, rows.start - first : rows.stop - first, across]
                details[channels, rows.start - down.start : rows.stop - down.start] = part

    def ratio(self, finest: Finest, correct: Correct) -> float:
        """Squared error of the corrected pixels over that of the weights, at these places."""
        height, width = self._original.shape[2:]
        details = unfold(self._details, -(-height // 2), -(-width // 2))
        low = _cut(finest.low, self._places, 2)
        pixels = to_pixels(join(low, details, height, width).float() * finest.gain)
        corrected = correct(pixels, tuple(_cut(each, self._places, 4) for each in finest.contexts))
        squares = 0.0
        for place, errors in zip(
            self._places, self._rounded(corrected) - self._original, strict=True
        ):
            squares += float(_counted(errors, place).square().sum())
        weights_squares = self._weights_squares * finest.scale**2
        return squares / weights_squares if weights_squares > 0 else 1.0

    def _rounded(self, pixels: Tensor) -> Tensor:
        """As in the result: grey if the original is, whole levels if those are."""
        pixels = pixels.clamp(0, 255)
        if self._is_grey:
            pixels = pixels.mean(1, keepdim=True).expand(pixels.shape)
        return pixels.round() if torch.equal(self._original, self._original.round()) else pixels


def _places(height: int, width: int, roughly: bool) -> list[Place]:
    """Some of a picture; of a small one all of it as one."""
    if height * width <= _SMALL_PIXELS:
        return [(_Part(height, 0, height), _Part(width, 0, width))]
    places = [
        (_Part.around(height, down), _Part.around(width, across))
        for middles in ((_GAPS,) if roughly else (_GAPS, _GRID))
        for down in middles
        for across in middles
    ]
    return list(dict.fromkeys(places))


def _counts(places: list[Place], size: tuple[int, int], scale: int) -> NDArray[np.float32]:
    """What counts of places on a coarser grid: shares of what was cut, as overlaps add up."""
    height, width = (-(-side // scale) for side in size)
    counts = np.zeros((height, width), np.float32)
    for place in places:
        (rows, down), (columns, across) = (part.counted_on(scale) for part in place)
        counts[rows, columns] += down * across
    return counts


def _counted(pixels: Tensor, place: Place) -> Tensor:
    """What counts of the pixels (C, H, W) of a place."""
    down, across = (
        slice(part.counted.start - part.start, part.counted.stop - part.start) for part in place
    )
    return pixels[:, down, across]


def _cut(values: Tensor, places: list[Place], factor: int) -> Tensor:
    """Parts of (1, C, H, W), one for each place, on a grid that is coarser by a factor."""
    return torch.cat(
        [values[:, :, down.scaled(factor), across.scaled(factor)] for down, across in places]
    )
