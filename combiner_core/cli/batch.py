"""What `combiner batch` does."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from time import monotonic
from typing import TYPE_CHECKING

from combiner_core.cli import output
from combiner_core.errors import CombinerError

if TYPE_CHECKING:
    from combiner_core.batch.settings import Settings
    from combiner_core.budget import Budget
    from combiner_core.signals.shape import Kind

SOME_FAILED = 3


def encode(parsed: argparse.Namespace) -> int:
    """Compress files.

    Returns:
        0, or 3 if there are files that could not be compressed.

    Raises:
        CombinerError: the sources, the settings, the executor or the folder will not do.
    """
    output.check()
    from combiner_core.batch import EncodeSettings
    from combiner_core.cli.commands import limits_of
    from combiner_core.options import EncodeOptions

    settings = EncodeSettings(
        _budgets(parsed),
        EncodeOptions(
            parsed.model,
            parsed.effort,
            parsed.rec,
            parsed.seed,
            parsed.device,
            tune=parsed.tune,
        ),
        parsed.frame,
        parsed.keep_metadata,
        limits_of(parsed),
    )
    return _run(parsed, settings)


def decode(parsed: argparse.Namespace) -> int:
    """Decompress files.

    Returns:
        0, or 3 if there are files that could not be decompressed.

    Raises:
        CombinerError: the sources, the settings, the executor or the folder will not do.
    """
    output.check()
    from combiner_core.batch import DecodeSettings
    from combiner_core.cli.commands import limits_of

    settings = DecodeSettings(
        parsed.fraction,
        parsed.scale,
        parsed.device,
        parsed.depth,
        parsed.detail,
        parsed.sound,
        limits_of(parsed),
    )
    return _run(parsed, settings, suffix=".cmb")


def _run(parsed: argparse.Namespace, settings: Settings, suffix: str = "") -> int:
    from combiner_core.batch import Batch, Folder, Shard, Sources
    from combiner_core.cli.batch_bar import BatchBar
    from combiner_core.executors import Resources, executor_named

    started, shard = monotonic(), Shard.parse(parsed.shard)
    resources = Resources(
        gpus=parsed.gpus_per_task, memory_bytes=round(parsed.memory_per_task * 1e9)
    )
    folder = Folder(parsed.out, settings)
    sources = Sources(tuple(parsed.sources), suffix, shard, folder.place)
    counts = Counter[str]()
    # machines that are shut down ask first: as who stops a command does
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        # Ray tells of lost workers on standard output
        redirect_stdout(sys.stderr),
        executor_named(
            parsed.executor,
            workers=parsed.workers,
            address=parsed.address,
            resources=resources,
            preload=["numba", "combiner_core.batch.work"],
        ) as executor,
        BatchBar(sources.count) as bar,
    ):
        batch = Batch(sources, settings, folder, executor)
        for row in batch.run():
            counts.update(
                done=int(row.error is None),
                failed=int(row.error is not None),
                source_bytes=row.source_bytes or 0,
                bytes=row.bytes or 0,
            )
            bar.show(counts, batch.skipped)
    tables = folder.write_tables()
    report = {
        **{name: counts[name] for name in ("done", "failed", "source_bytes", "bytes")},
        "skipped": batch.skipped,
        "seconds": round(monotonic() - started, 3),
        "results": list(tables),
    }
    output.report(report, as_json=parsed.json)
    return SOME_FAILED if counts["failed"] else 0


def _budgets(parsed: argparse.Namespace) -> Mapping[Kind, Budget]:
    """One for each kind of signal.

    Raises:
        CombinerError: there is none, or there are two for one kind.
    """
    from combiner_core.budget import Budget

    if parsed.bytes is not None:
        if parsed.bpp is not None or parsed.kbps is not None:
            raise CombinerError("Say how large files may be in bytes, or in bpp and kbps.")
        budget = Budget(parsed.bytes, "bytes")
        return {"image": budget, "audio": budget}
    budgets: dict[Kind, Budget] = {}
    if parsed.bpp is not None:
        budgets["image"] = Budget(parsed.bpp, "bpp")
    if parsed.kbps is not None:
        budgets["audio"] = Budget(parsed.kbps, "kbps")
    return budgets
