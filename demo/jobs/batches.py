"""Batches: several files of one visitor, which are compressed one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import RLock

import combiner_core as cc
from demo.jobs.job import JobView, Task
from demo.jobs.queue import JobQueue
from demo.scheduling import QueueFullError, Visitor

MAX_FILES = 24
_MAX_BATCHES = 256


@dataclass(frozen=True)
class BatchItem:
    """A file of a batch as it stands.

    Attributes:
        name: of the file.
        job_id: of its run; empty before its turn.
        view: of the run; ``None`` before its turn, and when it is no longer kept.
        error: why there is no run, in a sentence.
    """

    name: str
    job_id: str = ""
    view: JobView | None = None
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        if self.view is not None:
            return self.view.ended
        return bool(self.error or self.job_id)


@dataclass(frozen=True)
class BatchView:
    """A batch as it stands."""

    id: str
    items: tuple[BatchItem, ...]

    @property
    def ended(self) -> bool:
        """Whether all of it is over."""
        return all(each.ended for each in self.items)

    @property
    def results(self) -> list[JobView]:
        """The runs that are done."""
        views = (each.view for each in self.items)
        return [view for view in views if view is not None and view.outcome is not None]


@dataclass(eq=False)
class _Entry:
    task: Task
    job_id: str = ""
    error: str = ""


@dataclass(eq=False)
class _Batch:
    visitor: Visitor
    entries: list[_Entry]
    begun: int = 0


class Batches:
    """Batches over a queue, in which at most one run of each waits: the others come after it.

    Args:
        queue: where the runs live.
    """

    def __init__(self, queue: JobQueue) -> None:
        self._queue, self._lock = queue, RLock()
        self._batches: dict[str, _Batch] = {}

    def submit(self, visitor: Visitor, tasks: Sequence[Task]) -> str:
        """Begin a batch; returns its id.

        Raises:
            CombinerError: there are more than `MAX_FILES` files, or none.
            QueueFullError: too much waits already.
        """
        if not 0 < len(tasks) <= MAX_FILES:
            raise cc.CombinerError(f"At most {MAX_FILES} files are compressed at once.")
        batch = _Batch(visitor, [_Entry(task) for task in tasks])
        batch_id = secrets.token_urlsafe(12)
        with self._lock:
            self._advance(batch)
            if not batch.begun:
                raise QueueFullError("The queue is full: try again in a minute.")
            self._batches[batch_id] = batch
            while len(self._batches) > _MAX_BATCHES:
                del self._batches[next(iter(self._batches))]
        return batch_id

    def view(self, batch_id: str | None) -> BatchView | None:
        """A batch as it stands; ``None`` if it is not known, or nothing of it is kept."""
        with self._lock:
            batch = self._batches.get(batch_id or "")
            if batch is None:
                return None
            self._advance(batch)  # The queue may have been full before.
            items = tuple(self._item(entry) for entry in batch.entries)
            view = BatchView(batch_id or "", items)
            if view.ended and not any(item.view for item in items):
                del self._batches[view.id]
                return None
        return view

    def stop(self, batch_id: str | None) -> None:
        """End what runs of a batch or waits, and begin nothing more of it."""
        with self._lock:
            batch = self._batches.get(batch_id or "")
            if batch is None:
                return
            for entry in batch.entries[batch.begun :]:
                entry.error = "Stopped before its turn."
            batch.begun = len(batch.entries)
            begun = [entry.job_id for entry in batch.entries if entry.job_id]
        for job_id in begun:
            self._queue.stop(job_id)

    def _item(self, entry: _Entry) -> BatchItem:
        view = self._queue.view(entry.job_id) if entry.job_id else None
        return BatchItem(entry.task.file.name, entry.job_id, view, entry.error)

    def _advance(self, batch: _Batch) -> None:
        """Hand over what comes next, unless something of the batch still waits."""
        with self._lock:
            while batch.begun < len(batch.entries) and not self._waits(batch):
                entry = batch.entries[batch.begun]
                batch.begun += 1  # Before it may have ended, with which the next one begins.
                try:
                    entry.job_id = self._queue.submit(
                        batch.visitor, entry.task, partial(self._advance, batch)
                    )
                except QueueFullError:
                    batch.begun -= 1
                    return
                except cc.CombinerError as error:
                    entry.error = str(error)

    def _waits(self, batch: _Batch) -> bool:
        views = (self._queue.view(entry.job_id) for entry in batch.entries if entry.job_id)
        return any(view is not None and view.state == "waiting" for view in views)
