"""A job: what it is asked to do, how it stands, what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import combiner_core as cc
from demo.baselines import ComparisonState
from demo.media import Extent

State = Literal["waiting", "running", "done", "stopped", "failed"]


@dataclass(frozen=True, eq=False)
class Task:
    """What to compress, and how.

    Attributes:
        signal: the image or clip.
        name: of its file, without suffix.
        budget_bytes: largest size of the compressed file.
        options: model, effort and so on; the queue's device takes the place of theirs.
        notes: sentences on what of the file is not in the signal.
    """

    signal: cc.Signal
    name: str
    budget_bytes: int
    options: cc.EncodeOptions
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        original, compressed, decoded: files; the signals are without loss.
        bytes_count: size of the compressed file.
        psnr_db, kl_bits, side_bits, model, device, seconds: as in `combiner_core.Encoded`.
    """

    original: Path
    compressed: Path
    decoded: Path
    bytes_count: int
    psnr_db: float
    kl_bits: float
    side_bits: float
    model: str
    device: str
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class JobView:
    """A job as it stands.

    Attributes:
        id: name of the job.
        name: of the file, without suffix.
        extent: size of the signal.
        budget_bytes, options: as asked for.
        notes: sentences on what of the file is not in the signal.
        state: "waiting" for other jobs, "running", or how it ended.
        place: runs that come before it, while it waits.
        progress: the latest event.
        fraction: about how much of the work is done, 0 to 1.
        previews: number of different previews so far.
        points: payload bits committed and running PSNR in dB, so far.
        outcome: if it is done.
        error: the reason in a sentence, if it failed.
        comparison: with other codecs.
        companion: the job that compresses the same with the other model, if it was asked for.
    """

    id: str
    name: str
    extent: Extent
    budget_bytes: int
    options: cc.EncodeOptions
    notes: tuple[str, ...]
    state: State
    place: int
    progress: cc.Progress | None
    fraction: float
    previews: int
    points: Sequence[tuple[int, float]]
    outcome: Outcome | None
    error: str
    comparison: ComparisonState
    companion: JobView | None

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
            and (self.state != "done" or self.comparison.complete)
            and (companion is None or companion.settled)
        )
