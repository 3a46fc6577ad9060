"""A job: what it is asked to do, how it stands, what comes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import plotly.graph_objects as go

import combiner_core as cc
from combiner_core.importance import Importance
from combiner_core.signals import Kind
from demo.baselines import ComparisonState
from demo.media import Extent

# What is left of the pictures of runs that have ended, along the longer side: there may be many.
_KEPT_PREVIEW_SIDE = 512

State = Literal["waiting", "running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Task:
    """What to compress, and how.

    Attributes:
        file: an image or a clip, or what one is taken of; the job has its own copy.
        kind: that it must be of; ``None`` for either.
        budget: largest size of the compressed file.
        options: model, effort and so on; the device of the workers takes the place of theirs.
        title: what the result is called in charts.
        frame_s: see `demo.work.Source`.
        importance: where in an image the bits should go.
        most_bytes: of the compressed file whatever the budget; ``None`` for no other limit.
    """

    file: Path
    kind: Kind | None
    budget: cc.Budget
    options: cc.EncodeOptions
    title: str = "Compressed"
    frame_s: float | None = None
    importance: Importance | None = None
    most_bytes: int | None = None

    @property
    def name(self) -> str:
        """Of the file, without suffix."""
        return self.file.stem


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a job.

    Attributes:
        extent: size of the signal.
        original, compressed, decoded: files; the signals are without loss.
        screens: original and decoded for the screen, if they are large pictures.
        bytes_count: size of the compressed file.
        figures: charts of original and decoded, if they are clips.
        psnr_db, kl_bits, side_bits, model, device, seconds: as in `combiner_core.Encoded`.
    """

    extent: Extent
    original: Path
    compressed: Path
    decoded: Path
    screens: tuple[Path | None, Path | None]
    bytes_count: int
    figures: tuple[go.Figure, ...]
    psnr_db: float
    kl_bits: float
    side_bits: float
    model: str
    device: str
    seconds: dict[str, float]

    @property
    def encode_s(self) -> float:
        """How long encoding took, in seconds."""
        return self.seconds["load"] + self.seconds["fit"] + self.seconds["code"]

    @property
    def decode_s(self) -> float:
        """How long decoding took, with which the encoder ends, in seconds."""
        return self.seconds["total"] - self.encode_s


@dataclass(frozen=True, eq=False)
class JobView:
    """A job as it stands.

    Attributes:
        id: name of the job.
        name: of the file, without suffix.
        options: as asked for.
        file: what was handed in; ``None`` if nothing of the job is kept.
        frame_s: as asked for.
        is_painted: whether it was said where the bits should go.
        file_bytes: size of the file; 0 if the signal is only a part of it.
        budget_bytes: largest size of the compressed file; 0 before the signal was read.
        extent: size of the signal; ``None`` before it was read.
        notes: sentences on what of the file is not in the signal.
        state: "waiting" for other jobs, "running", or how it ended.
        place: runs that come before it, while it waits.
        progress: the latest event.
        fraction: about how much of the work is done, 0 to 1.
        left_s: about how many seconds are left, ``None`` if nobody knows yet, infinite if it takes
            much longer than it seemed.
        previews: number of different previews so far.
        points: payload bits committed and running PSNR in dB, so far.
        passes: how often the code was begun anew, to be nearer to the budget.
        outcome: if it is done.
        error: the reason in a sentence, if it failed.
        comparison: with other codecs.
        companion: the job that compresses the same with the other model, if it was asked for.
    """

    id: str
    name: str
    options: cc.EncodeOptions
    file: Path | None = None
    frame_s: float | None = None
    is_painted: bool = False
    file_bytes: int = 0
    budget_bytes: int = 0
    extent: Extent | None = None
    notes: tuple[str, ...] = ()
    state: State = "waiting"
    place: int = 0
    progress: cc.Progress | None = None
    fraction: float = 0.0
    left_s: float | None = None
    previews: int = 0
    points: Sequence[tuple[int, float]] = ()
    passes: int = 0
    outcome: Outcome | None = None
    error: str = ""
    comparison: ComparisonState = field(default_factory=ComparisonState)
    companion: JobView | None = None

    @property
    def ended(self) -> bool:
        """Whether the encoder is done with it."""
        return self.state in ("done", "stopped", "failed")

    @property
    def settled(self) -> bool:
        """Whether nothing about it will change by itself."""
        companion = self.companion
        return (
            self.ended
            and (self.state != "done" or self.comparison.settled)
            and (companion is None or companion.settled)
        )

    def with_small_preview(self) -> JobView:
        """The same, to be kept when it has ended."""
        progress = self.progress
        if progress is None or progress.preview is None:
            return self
        step = math.ceil(max(progress.preview.shape[:2]) / _KEPT_PREVIEW_SIDE)
        small = progress.preview[::step, ::step].copy()
        return replace(self, progress=replace(progress, preview=small))
