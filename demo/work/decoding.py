"""Work: decompress parts of a file, beside the original if it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import plotly.graph_objects as go

import combiner_core as cc
from combiner_core.signals import ImageShape, Shape
from demo.media import ORIGINAL, lossless, size_text
from demo.ui import charts
from demo.work.revealing import UNSURE, unsure_map
from demo.work.source import Source
from demo.workers import Engine


@dataclass(frozen=True)
class Part:
    """The first part of a file.

    Attributes:
        title: what it is called.
        fraction: share of the payload, above 0 and at most 1.
    """

    title: str
    fraction: float


@dataclass(frozen=True, eq=False)
class Rendering:
    """A signal to show.

    Attributes:
        title: what it is called.
        shape: of the signal.
        content: the signal without loss, as a file.
        psnr_db: against the original, if there is one of this size.
    """

    title: str
    shape: Shape
    content: bytes
    psnr_db: float | None = None


@dataclass(frozen=True, eq=False)
class Decoded:
    """What came of it.

    Attributes:
        renderings: the original if there is one, then the parts in the order asked for.
        figures: charts of the first and the last of them, if they are clips.
        seconds: for the decoding of the last part.
    """

    renderings: tuple[Rendering, ...]
    figures: tuple[go.Figure, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class Decode:
    """Work: decompress parts of a file.

    Attributes:
        name: of the file, for sentences.
        data: its bytes.
        parts: one or more.
        scale, detail: see `combiner_core.decode`.
        unsure: whether to show where an image is expected to be off.
        original: to compare with.
    """

    name: str
    data: bytes
    parts: tuple[Part, ...]
    scale: float = 1.0
    detail: float | None = None
    unsure: bool = False
    original: Source | None = None

    def run(self, engine: Engine) -> Iterator[Decoded]:
        """See `demo.workers.Work`."""
        original = self._read_original(engine)
        signals = {ORIGINAL: original} if original is not None else {}
        renderings = [Rendering(ORIGINAL, original.shape, lossless(original))] if original else []
        for part in self.parts:
            started_s = time.monotonic()
            signal = cc.decode(
                self.data,
                fraction=part.fraction,
                scale=self.scale,
                detail=self.detail,
                device=engine.device,
                models=engine.models,
            )
            seconds = time.monotonic() - started_s
            signals[part.title] = signal
            psnr_db = None
            if original is not None and original.values.shape == signal.values.shape:
                psnr_db = cc.psnr_db(original, signal)
            renderings.append(Rendering(part.title, signal.shape, lossless(signal), psnr_db))
        if self.unsure:
            map_ = unsure_map(cc.uncertainty(self.data, device=engine.device, models=engine.models))
            renderings.insert(-1, Rendering(UNSURE, map_.shape, lossless(map_)))
        heard = [each.title for each in renderings if each.title in signals]
        shown = {title: signals[title] for title in (heard[0], heard[-1])}
        yield Decoded(tuple(renderings), charts.of_clips(shown), seconds)

    def _read_original(self, engine: Engine) -> cc.Signal | None:
        if self.original is None:
            return None
        held = cc.inspect(self.data, engine.models).shape
        signal = self.original.load()
        if _size(signal.shape) != _size(held):
            raise cc.SignalError(
                f"{self.original.name} ({size_text(signal.shape)}) is not of the size of what "
                f"{self.name} holds."
            )
        return signal


def _size(shape: Shape) -> tuple[int, int]:
    if isinstance(shape, ImageShape):
        return shape.width, shape.height
    return shape.channels, shape.samples
