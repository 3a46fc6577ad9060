"""Work: compress a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

import combiner_core as cc
from combiner_core.importance import Importance
from combiner_core.signals import Shape
from demo.media import ORIGINAL, for_screen, lossless
from demo.ui import charts
from demo.work.source import Source
from demo.workers import Engine


@dataclass(frozen=True)
class Opened:
    """The file was read.

    Attributes:
        shape: of the signal.
        budget_bytes: largest size of the compressed file.
        notes: sentences on what of the file is not in the signal.
        has_frames: whether the file is a video or an animation, and the signal a part of it.
    """

    shape: Shape
    budget_bytes: int
    notes: tuple[str, ...] = ()
    has_frames: bool = False


@dataclass(frozen=True, eq=False)
class Made:
    """What came of it.

    Attributes:
        data: the compressed file.
        original, decoded: the signals without loss, as files.
        screens: both for the screen, if they are large pictures; see `demo.media.for_screen`.
        figures: charts of both, if they are clips.
        psnr_db, kl_bits, side_bits, model, device, seconds: as in `combiner_core.Encoded`.
    """

    data: bytes
    original: bytes
    decoded: bytes
    screens: tuple[bytes, bytes]
    figures: tuple[go.Figure, ...]
    psnr_db: float
    kl_bits: float
    side_bits: float
    model: str
    device: str
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class Encode:
    """Work: compress a file; first it says what it opened, last what it made.

    Attributes:
        source: the file.
        budget: the largest size of the compressed one.
        options: how; the worker's device takes the place of theirs.
        title: what charts call the result.
        importance: where in an image the bits should go.
        most_bytes: of the compressed file whatever the budget; ``None`` for no other limit.
    """

    source: Source
    budget: cc.Budget
    options: cc.EncodeOptions
    title: str
    importance: Importance | None = None
    most_bytes: int | None = None

    def run(self, engine: Engine) -> Iterator[Opened | cc.Progress | Made]:
        """See `demo.workers.Work`; a preview, which may be large, is in one event only."""
        reading = self.source.open()
        signal = reading.signal
        budget_bytes = self.budget.file_bytes(signal)
        if self.most_bytes is not None:
            budget_bytes = min(budget_bytes, self.most_bytes)
        budget = cc.Budget(budget_bytes)
        yield Opened(signal.shape, budget_bytes, reading.all_notes(), reading.has_frames)
        options = replace(self.options, device=engine.device)
        wanted, sent = self.importance, None
        for event in cc.encode(signal, budget, options, engine.models, importance=wanted):
            if not isinstance(event, cc.Progress):
                yield self._made(signal, event)
            elif event.preview is sent or _equal(event.preview, sent):
                yield replace(event, preview=None)
            else:
                sent = event.preview
                yield event

    def _made(self, signal: cc.Signal, encoded: cc.Encoded) -> Made:
        decoded = encoded.reconstruction
        return Made(
            encoded.data,
            lossless(signal),
            lossless(decoded),
            (for_screen(signal), for_screen(decoded)),
            charts.of_clips({ORIGINAL: signal, self.title: decoded}),
            encoded.psnr_db,
            encoded.kl_bits,
            encoded.side_bits,
            encoded.model,
            encoded.device,
            encoded.seconds,
        )


def _equal(one: NDArray[np.uint8] | None, other: NDArray[np.uint8] | None) -> bool:
    return one is not None and other is not None and np.array_equal(one, other)
