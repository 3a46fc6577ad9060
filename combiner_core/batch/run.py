"""A run: what is not done yet is handed to an executor, and what comes of it is written down."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from combiner_core.batch.places import Place
from combiner_core.batch.results import Journal, Row, read_rows, write_tables
from combiner_core.batch.settings import Settings
from combiner_core.batch.sources import Entry, Sources
from combiner_core.batch.work import Task, work
from combiner_core.errors import CombinerError
from combiner_core.executors import Executor, completed
from combiner_core.signals.storage import sweep

_RECORDS = ".combiner-batch"
_SETTINGS = "settings.json"


class Folder:
    """The folder of outputs, with a record of what was done.

    Args:
        name: its path or URL; it need not be there.
        settings: of the batch.

    Raises:
        CombinerError: it holds outputs of other settings.
    """

    def __init__(self, name: str, settings: Settings) -> None:
        self.place = Place.of(name)
        self._records = self.place.below(_RECORDS)
        # through JSON, as those that are there
        ours = json.loads(json.dumps(settings.summary()))
        there = self._records.below(_SETTINGS)
        if not there.exists():
            there.write((json.dumps(ours, indent=1) + "\n").encode())
            return
        try:
            theirs = json.loads(there.read())
            differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        except (ValueError, TypeError, AttributeError) as error:
            raise CombinerError(
                f"The record of settings in {self.place.base} is damaged."
            ) from error
        if differing:
            raise CombinerError(
                f"{self.place.base} holds outputs of other settings ({', '.join(differing)}): "
                "name another folder."
            )

    def done(self) -> set[str]:
        """Names of the files whose outputs are there."""
        done = set[str]()
        for row in read_rows(self._records):
            (done.add if row.error is None else done.discard)(row.name)
        return done

    def journal(self) -> Journal:
        """A record for a new run."""
        return Journal(self._records)

    def write_tables(self) -> tuple[str, ...]:
        """Write what came of each file, by all runs, and return the names of the tables.

        Raises:
            SignalError: they cannot be written.
        """
        last = {row.name: number for number, row in enumerate(read_rows(self._records))}
        rows = (
            row for number, row in enumerate(read_rows(self._records)) if last[row.name] == number
        )
        return write_tables(rows, self.place)


class Batch:
    """A batch, resumable: what an earlier run has done with the same settings is not done again.

    Args:
        sources: the files.
        settings: what to do with each.
        folder: of outputs.
        executor: where to do it.

    Attributes:
        skipped: files that were done before.
    """

    def __init__(
        self, sources: Sources, settings: Settings, folder: Folder, executor: Executor
    ) -> None:
        self._sources, self._settings = sources, settings
        self._folder, self._executor = folder, executor
        self.skipped = 0

    def run(self) -> Iterator[Row]:
        """Work; yields a row for each file that is not done yet, in the order of their ends.

        Raises:
            CombinerError: the sources cannot be listed, or rows cannot be written.
        """
        journal = self._folder.journal()
        ended = completed(self._executor, work, self._tasks(), idle=journal.flush)
        try:
            with closing(ended):  # type: ignore[type-var]
                for task, future in ended:
                    row = _row(task, future)
                    journal.add(row)
                    yield row
        finally:
            journal.flush()

    def _tasks(self) -> Iterator[Task]:
        done, sources = self._folder.done(), dict[str, str]()
        folders = set[str]()
        for entry in self._sources.entries():
            if entry.name in done:
                self.skipped += 1
                continue
            problem = None
            if entry.name in sources:
                if sources[entry.name] == entry.source:
                    continue
                problem = f"{entry.name} is also the output of another source."
                entry = Entry(entry.source, Place(entry.source).shown)
            sources[entry.name] = entry.source
            self._sweep(posixpath.dirname(entry.name), folders)
            yield Task(entry, self._settings, self._folder.place.name, problem)

    def _sweep(self, relative: str, swept: set[str]) -> None:
        """Remove what killed workers have left where outputs come, once."""
        if relative not in swept and self._folder.place.is_local:
            swept.add(relative)
            sweep(Path(self._folder.place.path, relative))


def _row(task: Task, future: Future[Any]) -> Row:
    error = future.exception()
    if error is not None:
        return replace(task.row, error=str(error))
    row: Row = future.result()
    return row
