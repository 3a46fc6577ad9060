"""The files of a job: what is kept of a result."""

from __future__ import annotations

from pathlib import Path

import combiner_core as cc
from demo.jobs.job import Outcome, Task
from demo.media import SUFFIXES


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
