"""Dissection: the groups of a picture's file as a decoder meets them, gathered by level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.anatomy import Anatomy, LevelAnatomy, PathStep
from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.field import Decoded, ImageField
from combiner_core.multires.image.folding import PHASES, unfold
from combiner_core.multires.image.prior import COLOURS, DETAILS
from combiner_core.multires.image.pyramid import level_sizes
from combiner_core.multires.image.wavelets import join
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec import IntegerPrior
from combiner_core.rec.groups import GroupDecoder, TracedGroup
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, NOISE_UNITS, VALUE_UNITS

_PATH_WEIGHTS = 12
# sizes of which a step of the path tells the points, and those that it may have
_PATH_SIZES, _TELLING = 7, 3


@dataclass(eq=False)
class _Level:
    """Arrays (channels, h, w) in units of the noise scale, on the level's folded grid."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    values: NDArray[np.float32]
    weights: int = 0
    bits: float = 0.0
    picture: NDArray[np.uint8] | None = None

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> _Level:
        mean, variance, values = np.zeros((3, *shape), np.float32)
        return cls(mean, variance, values)


class Dissection:
    """Gathers the groups of one file.

    Args:
        field: of the file.
        noise: its noise scale.
        decoder: which decodes the groups.
    """

    def __init__(self, field: ImageField, noise: NoiseScale, decoder: GroupDecoder) -> None:
        self._field, self._noise, self._decoder = field, noise, decoder
        levels = field.levels
        self._sizes = level_sizes(*field.size, levels + 1)
        self._last = levels + 1
        self._levels = {
            level: _Level.empty((DETAILS * PHASES, *self._sizes[level + 1]))
            for level in range(1, levels + 1)
        }
        self._levels[self._last] = _Level.empty((COLOURS, *self._sizes[levels]))
        self._bit_map = field.bit_map()
        self._path: tuple[PathStep, ...] = ()
        self._told = 0

    def enter(self, prior: GroupPrior) -> Tensor:
        """Decode a group and take note of it; returns the answer to its coding order."""
        group, integers = prior.group, prior.integers()
        traced = self._decoder.trace(integers)
        level, coded = self._levels[group.level], integers.coded
        rows = slice(group.first_row, group.first_row + coded.shape[1])
        here = list(group.channels), rows
        level.mean[here] = integers.default / VALUE_UNITS
        level.variance[here] = coded * np.exp2(integers.log_variance / LOG_VARIANCE_UNITS)
        level.values[here] = traced.values / VALUE_UNITS
        level.weights += int(np.count_nonzero(coded))
        level.bits += float(traced.spent_bits.sum(dtype=np.float64))
        self._field.add_bits(self._bit_map, group, traced.spent_bits)
        if prior.low is not None and group.first_row == 0:
            coarser = self._levels[group.level + 1]
            coarser.picture = self._field.picture_of(prior.low, self._noise, group.level)
        self._look_for_path(integers, traced)
        return prior.answer(traced.values)

    def anatomy(self, decoded: Decoded, side_bits: float, states: int) -> Anatomy:
        """What was gathered.

        Args:
            decoded: by the coding order, with the last synthesis.
            side_bits, states: see `Anatomy`.
        """
        self._levels[1].picture = self._field.picture_of(decoded[0], self._noise, 0)
        levels = tuple(self._of_level(number) for number in range(self._last, 0, -1))
        return Anatomy(levels, self._bit_map.bits, side_bits, states, self._path)

    def _of_level(self, number: int) -> LevelAnatomy:
        level = self._levels[number]
        assert level.picture is not None
        gain = self._noise.value / 2.0 ** (min(number, self._last - 1) - (number < self._last))
        expected, came = (
            gain * self._synthesised(number, part) for part in (level.mean, level.values)
        )
        variance = level.variance
        if number < self._last:
            # spread over the four pixels of each place
            unfolded = self._unfolded(number, variance).sum(1)[0].numpy() / 4
            height, width = self._sizes[number - 1]
            total = unfolded.repeat(2, 0).repeat(2, 1)[:height, :width]
        else:
            total = variance.sum(0)
        deviation = (gain * np.sqrt(total / COLOURS)).astype(np.float32)
        return LevelAnatomy(level.weights, level.bits, level.picture, expected, came, deviation)

    def _synthesised(self, number: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """What a level's weights alone make of the array before: (h, w, 3) in noise scales."""
        if number == self._last:
            colours = torch.from_numpy(values)[None]
        else:
            low = torch.zeros(1, COLOURS, *self._sizes[number])
            colours = join(low, self._unfolded(number, values), *self._sizes[number - 1])
        pixels: NDArray[np.float32] = to_pixels(colours)[0].permute(1, 2, 0).numpy()
        return pixels

    def _unfolded(self, number: int, values: NDArray[np.float32]) -> Tensor:
        return unfold(torch.from_numpy(values)[None], *self._sizes[number])

    def _look_for_path(self, integers: IntegerPrior, traced: TracedGroup) -> None:
        """Keep the stretch of a row in which weights at their means and near them mix best."""
        sizes = np.abs(traced.sizes)
        if sizes.shape[2] < _PATH_WEIGHTS:
            return
        windows = np.lib.stride_tricks.sliding_window_view
        usable = windows(integers.coded & (sizes <= _TELLING), _PATH_WEIGHTS, 2).all(3)
        moved = windows(sizes > 0, _PATH_WEIGHTS, 2).sum(3, dtype=np.int32)
        mixed = usable * np.minimum(moved, _PATH_WEIGHTS - moved)
        best = int(mixed.argmax())
        if mixed.flat[best] <= self._told:
            return
        self._told = int(mixed.flat[best])
        plane, row, first = np.unravel_index(best, mixed.shape)
        places = [(int(plane), int(row), int(first) + step) for step in range(_PATH_WEIGHTS)]
        self._path = tuple(self._step(integers, traced, place) for place in places)

    def _step(
        self, integers: IntegerPrior, traced: TracedGroup, place: tuple[int, int, int]
    ) -> PathStep:
        own = 1.0 if integers.noise is None else 2.0 ** (int(integers.noise[place]) / NOISE_UNITS)
        index = integers.indices[place].reshape(1)
        points = self._decoder.points(integers.table, index, _PATH_SIZES)[0]
        unit = self._noise.value / VALUE_UNITS
        octaves = float(integers.log_variance[place]) / LOG_VARIANCE_UNITS
        mean = unit * float(integers.mean[place])
        return PathStep(
            int(traced.states[place]),
            mean,
            self._noise.value * 2.0 ** (octaves / 2),
            (mean + unit * own * points).astype(np.float32),
            int(traced.sizes[place]),
            unit * float(traced.values[place]),
            float(traced.spent_bits[place]),
        )
