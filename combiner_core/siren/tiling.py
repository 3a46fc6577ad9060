"""Signals as sets of fields, and back: an image is a grid of tiles, a clip a row of segments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.signals import AudioShape, ImageShape, Signal, regrid, resample, scaled_size
from combiner_core.siren.coordinates import FieldData, audio_coordinates, image_coordinates
from combiner_core.siren.preset import Framing

MAX_TILES_A_SIDE = 255
_MIN_TILE_SIDE = 16
_USUAL_ASPECT = 1.4
_ASSEMBLED_PIXELS = 1 << 20
# measured on validation images: a field does best with about what it was trained for
_BEST_LOAD = 1.05


def fields_for(bits: float, nominal_bits: float) -> float:
    """Into how many fields an image is best divided, as a number to be rounded."""
    return bits / (_BEST_LOAD * nominal_bits)


def most_tiles(side: int) -> int:
    """Tiles along a side of so many pixels: none is shorter than 16, unless it is the only one."""
    return _clamp(side // _MIN_TILE_SIDE, 1, MAX_TILES_A_SIDE)


@dataclass(frozen=True)
class ImageTiling:
    """An image as rows x columns tiles, each a field; in raster order."""

    shape: ImageShape
    rows: int
    columns: int

    @classmethod
    def of_about(cls, shape: ImageShape, fields: float) -> ImageTiling:
        """The grid nearest to a number of fields whose tiles have the shape photographs have."""
        max_rows, max_columns = most_tiles(shape.height), most_tiles(shape.width)
        fields = min(fields, DEFAULT_LIMITS.fields)

        def cost(tiling: ImageTiling) -> float:
            aspect = math.log(shape.width / tiling.columns / (shape.height / tiling.rows))
            count = math.log(tiling.fields / max(fields, 1.0))
            return abs(count) + 0.5 * abs(abs(aspect) - math.log(_USUAL_ASPECT))

        if fields < 1.5:
            return cls(shape, 1, 1)
        grids = []
        for rows in range(1, max_rows + 1):
            for columns in {math.floor(fields / rows), math.ceil(fields / rows)}:
                grid = cls(shape, rows, _clamp(columns, 1, max_columns))
                if grid.fields <= DEFAULT_LIMITS.fields:
                    grids.append(grid)
        return min(grids, key=cost)

    @property
    def fields(self) -> int:
        """M."""
        return self.rows * self.columns

    def field_data(self, signal: Signal, device: torch.device | str) -> list[FieldData]:
        """The data of every field."""
        pixels = signal.values if signal.deep is None else signal.levels()
        return [
            FieldData.image(np.ascontiguousarray(tile), device)
            for band in np.split(pixels, _ends(self.shape.height, self.rows)[:-1], axis=0)
            for tile in np.split(band, _ends(self.shape.width, self.columns)[:-1], axis=1)
        ]

    def coordinates(self, scale: float, device: torch.device | str) -> Iterator[Tensor]:
        """Where to evaluate each field, `scale` times as finely as the signal was given."""
        for height, rows in _sizes(self.shape.height, self.rows, scale):
            for width, columns in _sizes(self.shape.width, self.columns, scale):
                yield image_coordinates(height, width, rows, columns).to(device)

    def assemble(
        self, values: Iterable[NDArray[np.float32]], scale: float, depth: int = 8
    ) -> Signal:
        """The image from the values of its fields on `coordinates(scale)`, taken one by one."""
        downs = _spans(_sizes(self.shape.height, self.rows, scale))
        acrosses = _spans(_sizes(self.shape.width, self.columns, scale))
        most = (1 << depth) - 1
        size = (downs[-1].stop, acrosses[-1].stop, 3)
        pixels = np.empty(size, np.uint8 if depth == 8 else np.uint16)
        for (down, across), field in zip(product(downs, acrosses), values, strict=True):
            tile = pixels[down, across]
            # some rows at a time: their copies are larger than they are
            rows = max(1, _ASSEMBLED_PIXELS // max(1, tile.shape[1]))
            shaped = field.reshape(tile.shape)
            for start in range(0, len(tile), rows):
                shares = shaped[start : start + rows] + 1
                tile[start : start + rows] = np.rint(shares * np.float32(most / 2)).clip(0, most)
        return Signal.image(pixels)


@dataclass(frozen=True)
class AudioTiling:
    """A clip as segments of equal length, each a field; channels outermost, then time."""

    shape: AudioShape
    framing: Framing

    @property
    def fields(self) -> int:
        """M."""
        return self.shape.channels * self._segments

    @property
    def _samples(self) -> int:
        shape = self.shape
        return max(1, -(-shape.samples * self.framing.sample_rate // shape.sample_rate))

    @property
    def _segments(self) -> int:
        return -(-self._samples // self.framing.segment_samples)

    def field_data(self, signal: Signal, device: torch.device | str) -> list[FieldData]:
        """The data of every field."""
        values = resample(signal, self.framing.sample_rate, self._samples).values
        return [
            FieldData.audio(part, self.framing.segment_samples, device)
            for channel in values
            for part in np.split(channel, _ends(self._samples, self._segments)[:-1])
        ]

    def coordinates(self, scale: float, device: torch.device | str) -> Iterator[Tensor]:
        """Where to evaluate each field, `scale` times as finely as the signal was given."""
        for _ in range(self.shape.channels):
            for length, count in _sizes(self._samples, self._segments, scale):
                yield audio_coordinates(length, self.framing.segment_samples, count).to(device)

    def assemble(
        self, values: Iterable[NDArray[np.float32]], scale: float, depth: int = 8
    ) -> Signal:
        """The clip from the values of its fields on `coordinates(scale)`."""
        joined = np.concatenate([part[:, 0] for part in values]).reshape(self.shape.channels, -1)
        # a finer grid only means more samples a second: the ratio of the rates is the same
        samples = scaled_size(self.shape.samples, scale)
        wave = regrid(joined, self.framing.sample_rate, self.shape.sample_rate, samples)
        return Signal.audio(wave, max(1, round(self.shape.sample_rate * scale)))


Tiling = ImageTiling | AudioTiling


def _ends(length: int, parts: int) -> list[int]:
    """Where each part ends when a length is divided as evenly as can be."""
    return [length * (part + 1) // parts for part in range(parts)]


def _sizes(length: int, parts: int, scale: float) -> list[tuple[int, int]]:
    """Of each part: its own length, and its length on the scaled grid, which sum exactly."""
    ends = _ends(length, parts)
    scaled = [scaled_size(end, scale) for end in ends]
    return [
        (end - start, scaled_end - scaled_start)
        for (start, end), (scaled_start, scaled_end) in zip(
            pairwise([0, *ends]), pairwise([0, *scaled]), strict=True
        )
    ]


def _spans(sizes: Sequence[tuple[int, int]]) -> list[slice]:
    """Where each part lies on the scaled grid."""
    ends = np.cumsum([0, *(scaled for _, scaled in sizes)]).tolist()
    return [slice(start, end) for start, end in pairwise(ends)]


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))
