"""A job: what it is asked to do, how it stands, what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import combiner_core as cc
from combiner_core.signals import Kind
from demo.budgets import Extent
from demo.contest import Standing

State = Literal["waiting", "running", "done", "stopped", "failed"]

SUFFIXES: dict[Kind, str] = {"image": ".png", "audio": ".wav"}


@dataclass(frozen=True, eq=False)
class Task:
    """What to compress, and how.

    Attributes:
        signal: the image or clip.
        name: of its file, without suffix.
        budget_bytes: largest size of the compressed file.
        options: model, effort and so on; the board's device takes the place of theirs.
    """

    signal: cc.Signal
    name: str
    budget_bytes: int
    options: cc.EncodeOptions


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
        state: "waiting" for other jobs, "running", or how it ended.
        place: runs that come before it, while it waits.
        progress: the latest event.
        fraction: about how much of the work is done, 0 to 1.
        previews: number of different previews so far.
        points: payload bits committed and running PSNR in dB, so far.
        outcome: if it is done.
        error: the reason in a sentence, if it failed.
        standing: of other codecs.
        companion: the job that compresses the same with the other model, if it was asked for.
    """

    id: str
    name: str
    extent: Extent
    budget_bytes: int
    options: cc.EncodeOptions
    state: State
    place: int
    progress: cc.Progress | None
    fraction: float
    previews: int
    points: Sequence[tuple[int, float]]
    outcome: Outcome | None
    error: str
    standing: Standing
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
            and (self.state != "done" or self.standing.complete)
            and (companion is None or companion.settled)
        )


def keep(result: cc.Encoded, task: Task, folder: Path) -> Outcome:
    """Write the files of a result into a folder, which is made.

    Raises:
        SignalError: one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffix = SUFFIXES[task.signal.kind]
    original = folder / f"{task.name}{suffix}"
    decoded = folder / f"{task.name}-decoded{suffix}"
    compressed = folder / f"{task.name}.cmb"
    cc.save(task.signal, original)
    cc.save(result.reconstruction, decoded)
    compressed.write_bytes(result.data)
    return Outcome(
        original,
        compressed,
        decoded,
        len(result.data),
        result.psnr_db,
        result.kl_bits,
        result.side_bits,
        result.model,
        result.device,
        result.seconds,
    )
