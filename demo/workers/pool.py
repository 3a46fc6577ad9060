"""Workers that do one piece of work at a time, and those of them that stay when there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Lock
from typing import Generic, Protocol, TypeVar

from demo.workers.protocol import StoppedError


class Worker(Protocol):
    """One of them; used by one thread at a time, but for `kill`.

    Attributes:
        is_free: whether it has nothing to do.
    """

    is_free: bool

    def is_alive(self) -> bool:
        """Whether it can do more."""
        ...

    def seems_ready(self) -> bool:
        """Whether it is set up, or has ended meanwhile."""
        ...

    def kill(self) -> None:
        """End it at once, whatever it does."""
        ...


WorkerT = TypeVar("WorkerT", bound=Worker)


class Pool(Generic[WorkerT]):
    """Workers; all methods may be called by any thread.

    One that died, or is not free when it is given back, is replaced by another.

    Args:
        start: makes a worker; is told whether somebody waits for it.
        kept: how many stay when there is nothing to do.
    """

    def __init__(self, start: Callable[[bool], WorkerT], kept: int) -> None:
        self._start, self._kept = start, kept
        self._idle: list[WorkerT] = []
        self._busy: set[WorkerT] = set()
        self._lock, self._closed = Lock(), False

    def fill(self) -> Iterator[WorkerT]:
        """Start the workers that are kept; yields each when it begins to get ready.

        Raises:
            StoppedError: this is closed.
        """
        while self._lacks_workers():
            worker = self._started(for_now=False)
            self.give_back(worker)
            yield worker

    def waits_for(self, worker: WorkerT) -> bool:
        """Whether a worker still gets ready, and nobody has taken it."""
        with self._lock:
            return worker in self._idle and not worker.seems_ready()

    def take(self) -> WorkerT:
        """A worker that has nothing to do, one that is ready if there is one.

        Raises:
            StoppedError: this is closed.
        """
        with self._lock:
            alive = [each for each in self._idle if each.is_alive()]
            ready = [each for each in alive if each.seems_ready()]
            chosen = next(iter(ready or alive), None)
            self._idle = [each for each in alive if each is not chosen]
            if chosen is not None:
                self._busy.add(chosen)
                return chosen
        return self._started(for_now=True)

    def give_back(self, worker: WorkerT) -> None:
        """Take note that a worker has nothing to do, or cannot be used any more."""
        with self._lock:
            self._busy.discard(worker)
            is_wanted = len(self._idle) < self._kept and not self._closed
            if is_wanted and worker.is_free and worker.is_alive():
                self._idle.append(worker)
                return
        worker.kill()
        if self._lacks_workers():
            with suppress(StoppedError):
                self.give_back(self._started(for_now=False))

    def replace(self, worker: WorkerT) -> WorkerT:
        """One that was just started, in the place of one that was taken and cannot be used.

        Raises:
            StoppedError: this is closed.
        """
        worker.kill()
        try:
            return self._started(for_now=True)
        finally:
            with self._lock:
                self._busy.discard(worker)

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle = []
        for worker in workers:
            worker.kill()

    def _lacks_workers(self) -> bool:
        with self._lock:
            return not self._closed and len(self._idle) + len(self._busy) < self._kept

    def _started(self, *, for_now: bool) -> WorkerT:
        """A new worker, which is busy as long as it is not given back."""
        # It may take seconds, in which nobody else shall wait.
        worker = self._start(for_now)
        with self._lock:
            if not self._closed:
                self._busy.add(worker)
                return worker
        worker.kill()
        raise StoppedError("The app is about to end.")
