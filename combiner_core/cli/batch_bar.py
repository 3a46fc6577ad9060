"""A batch as a bar on the terminal: files, bytes, time left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PACE_S = 600.0  # files differ: time left is by the pace of the last ten minutes


class BatchBar:
    """Drawn on standard error, if that is a terminal.

    Args:
        count: finds how many files there are; it is asked only where there is a bar.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        console = Console(stderr=True)
        self._count = count
        self._progress = Progress(
            MofNCompleteColumn(),
            TextColumn("files"),
            BarColumn(),
            TextColumn("{task.fields[sizes]}{task.fields[failed]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=_PACE_S,
        )
        self._task = self._progress.add_task("", total=None, sizes="", failed="")

    def __enter__(self) -> Self:
        self._progress.start()
        if not self._progress.disable:
            self._progress.update(self._task, total=self._count())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, counts: Mapping[str, int], skipped: int) -> None:
        """Draw.

        Args:
            counts: of files `done` and `failed`, and of their `source_bytes` and `bytes`.
            skipped: files that were done before.
        """
        failed = counts["failed"]
        self._progress.update(
            self._task,
            completed=counts["done"] + failed + skipped,
            sizes=f"{decimal(counts['source_bytes'])} to {decimal(counts['bytes'])}",
            failed=f", {failed} failed" if failed else "",
        )
