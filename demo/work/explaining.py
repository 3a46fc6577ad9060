"""Work: what the default model does with a picture, step by step, to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

import combiner_core as cc
from combiner_core.anatomy import PathStep
from combiner_core.events import result_of
from combiner_core.signals import MIN_SIDE
from demo.ui import anatomy_charts, charts
from demo.work.source import Source
from demo.workers import Engine

_MAX_SIDE = 512
_RATE_BPP, _LEAST_BYTES = 0.3, 600
# The level whose expectations are shown: the finest with so much of the bits.
_TELLING_SHARE = 0.1
_FORETOLD_SIDE, _CROP_SIDE = 72, 112
_FLAT_SIDE, _QUALITY = 128, 85


@dataclass(frozen=True, eq=False)
class ShownLevel:
    """A level of the pyramid.

    Attributes:
        sides: width and height of the picture.
        weights: how many the level has.
        bits: that they took.
        picture: what this level and those before give, as WebP.
    """

    sides: tuple[int, int]
    weights: int
    bits: float
    picture: bytes


@dataclass(frozen=True, eq=False)
class Foretold:
    """What the prior expected of a level; pictures, as WebP, of the part to which it adds most.

    Attributes:
        number: of the level, counted from 1 for the coarsest.
        before: what the coarser levels give.
        expected: with the means of the level's weights.
        deviation: how far off that may be.
        came: with the weights that were decoded.
        most_levels: what white stands for in the deviation, in grey levels.
        share: of the energy of what came that the means account for, of the whole level.
    """

    number: int
    before: bytes
    expected: bytes
    deviation: bytes
    came: bytes
    most_levels: float
    share: float


@dataclass(frozen=True, eq=False)
class Crops:
    """A part of the picture, where detail adds most, as WebP.

    Attributes:
        original, faithful, natural: as it is, without detail, and with what the file suggests.
        detail: that it suggests, from 0 to 1.
    """

    original: bytes
    faithful: bytes
    natural: bytes
    detail: float


@dataclass(frozen=True, eq=False)
class Explained:
    """A picture's file, taken apart.

    Attributes:
        sides: width and height of the picture, scaled down.
        file_bytes, psnr_db: of the file.
        levels: of the pyramid, the coarsest first.
        foretold: what the prior expected.
        bit_map, bits_by_level: charts.
        states: of the trellis.
        path: some weights on the way through it; none if the picture is too small.
        path_chart: of these, if there are any.
        crops: with and without detail.
    """

    sides: tuple[int, int]
    file_bytes: int
    psnr_db: float
    levels: tuple[ShownLevel, ...]
    foretold: Foretold
    bit_map: go.Figure
    bits_by_level: go.Figure
    states: int
    path: tuple[PathStep, ...]
    path_chart: go.Figure | None
    crops: Crops


@dataclass(frozen=True, eq=False)
class Explain:
    """Work: compress a picture, at most 512 pixels a side, and take the file apart.

    Attributes:
        source: the picture.
    """

    source: Source

    def run(self, engine: Engine) -> Iterator[Explained]:
        """See `demo.workers.Work`."""
        signal = _scaled(self.source.load())
        rate_bytes = cc.Budget(_RATE_BPP, "bpp").file_bytes(signal)
        options = cc.EncodeOptions(effort="fast", tune="perceptual", device=engine.device)
        budget = cc.Budget(max(rate_bytes, _LEAST_BYTES))
        encoded = result_of(cc.encode(signal, budget, options, engine.models))
        anatomy = cc.dissect(encoded.data, device=engine.device, models=engine.models)
        faithful = cc.decode(encoded.data, detail=0, device=engine.device, models=engine.models)
        detail = cc.inspect(encoded.data, engine.models).intent.detail or 0.0
        height, width = signal.values.shape[:2]
        yield Explained(
            (width, height),
            len(encoded.data),
            encoded.psnr_db,
            tuple(
                ShownLevel(
                    (level.picture.shape[1], level.picture.shape[0]),
                    level.weights,
                    level.bits,
                    _webp(level.picture),
                )
                for level in anatomy.levels
            ),
            _foretold(anatomy),
            charts.bit_map(anatomy.bit_map, "image", encoded.reconstruction.values),
            anatomy_charts.bits_by_level(anatomy.levels),
            anatomy.states,
            anatomy.path,
            anatomy_charts.path(anatomy.path) if anatomy.path else None,
            _crops(signal, faithful, encoded.reconstruction, detail),
        )


def _scaled(signal: cc.Signal) -> cc.Signal:
    picture = signal.to_pil()
    share = min(1.0, _MAX_SIDE / max(picture.size))
    width, height = (max(MIN_SIDE, round(share * side)) for side in picture.size)
    return cc.Signal.image(np.asarray(picture.resize((width, height))))


def _foretold(anatomy: cc.Anatomy) -> Foretold:
    total_bits = sum(level.bits for level in anatomy.levels)
    number, level = max(
        (number, level)
        for number, level in enumerate(anatomy.levels, 1)
        if level.bits >= _TELLING_SHARE * total_bits
    )
    here = _most(np.square(level.came).sum(2), _FORETOLD_SIDE)
    came, expected, deviation = level.came[here], level.expected[here], level.deviation[here]
    picture = level.picture[here].astype(np.float32)
    most_levels = max(float(deviation.max()), 1.0)
    left = float(np.square(level.came - level.expected).sum())
    share = 1 - left / max(float(np.square(level.came).sum()), 1e-9)
    return Foretold(
        number,
        _webp(_levels(picture - came)),
        _webp(_levels(picture - came + expected)),
        _webp(_levels(255 / most_levels * deviation)),
        _webp(_levels(picture)),
        most_levels,
        max(share, 0.0),
    )


def _crops(original: cc.Signal, faithful: cc.Signal, natural: cc.Signal, detail: float) -> Crops:
    added = natural.values.astype(np.float32) - faithful.values
    here = _most(np.square(added).sum(2), _CROP_SIDE)
    cropped = [_webp(each.values[here]) for each in (original, faithful, natural)]
    return Crops(cropped[0], cropped[1], cropped[2], detail)


def _most(energy: NDArray[np.float32], side: int) -> tuple[slice, slice]:
    """The square, of at most this side, with most of an energy (h, w)."""
    side = min(side, *energy.shape)
    sums = np.pad(energy.cumsum(0, np.float64).cumsum(1), ((1, 0), (1, 0)))
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = (int(place) for place in np.unravel_index(int(windows.argmax()), windows.shape))
    return slice(row, row + side), slice(column, column + side)


def _levels(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def _webp(levels: NDArray[np.uint8]) -> bytes:
    """A small picture for the browser: without loss if its pixels are to be seen."""
    stream = BytesIO()
    is_flat = max(levels.shape[:2]) <= _FLAT_SIDE
    Image.fromarray(levels).save(stream, "WEBP", lossless=is_flat, quality=_QUALITY)
    return stream.getvalue()
