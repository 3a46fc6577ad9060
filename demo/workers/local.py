"""Workers on this machine: processes that are started, watched and ended by this one."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from threading import Event as Flag
from typing import Generic

import psutil

from combiner_core import CombinerError
from demo.workers import child
from demo.workers.child import Began, Ended, Event, Failed, Message, Ready, Stop
from demo.workers.limits import RunLimits
from demo.workers.pool import Pool
from demo.workers.protocol import (
    EventT,
    MemoryLimitError,
    Setup,
    StoppedError,
    TimeLimitError,
    Work,
    WorkerDiedError,
    WorkFailedError,
)

_WATCH_S = 0.05
# Work that is stopped has this long to come to its next event; then its process is ended.
_GRACE_S = 0.5
_START_S = 120.0
# So many workers may die before they have the work; that is not the work's fault.
_TRIES = 3
# Loaded once, in the process that all workers are forked from: they start in no time and share the
# memory. None of these starts threads, which would not survive.
_LOADED = (
    *("torch", "numba", "safetensors.numpy", "scipy.signal"),
    *("PIL.Image", "soundfile", "soxr", "plotly.graph_objects"),
    "demo.workers.inheritance",
)


def load_early() -> None:
    """Begin to load what workers need, so that it is there when they start; returns at once.

    For the main thread.
    """
    if _context().get_start_method() != "forkserver":
        return
    # The process that loads inherits this: Ctrl-C is for its parent.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, before)


class LocalExecutor:
    """Does work in processes of its own; each does one piece at a time, then the next.

    A process that crashed, took too much or did not stop is replaced by another.

    Args:
        setup: of each worker.
        limits: of each piece of work.
        kept: workers that stay when there is nothing to do.
    """

    def __init__(self, setup: Setup, limits: RunLimits, *, kept: int = 1) -> None:
        self._setup, self._limits = setup, limits
        self._context = _context()
        self._pool = Pool(self._start, kept)

    def warm_up(self) -> None:
        """Start the workers that are kept, one after the other; returns when they are ready."""
        for worker in self._pool.fill():
            while self._pool.waits_for(worker):
                time.sleep(_WATCH_S)

    def submit(self, work: Work[EventT]) -> LocalRun[EventT]:
        """Begin with some work; a worker is found when its events are asked for."""
        return LocalRun(self._pool, work, self._limits)

    def close(self) -> None:
        """Stop everything and end all workers."""
        self._pool.close()

    def _start(self, for_now: bool) -> _Worker:
        # The work of who waits takes the place of a rehearsal.
        setup = replace(self._setup, rehearsal=None) if for_now else self._setup
        return _Worker(self._context, setup)


class LocalRun(Generic[EventT]):
    """See `demo.workers.protocol.Run`."""

    def __init__(self, pool: Pool[_Worker], work: Work[EventT], limits: RunLimits) -> None:
        self._pool, self._work, self._limits = pool, work, limits
        self._stopped = Flag()

    def __iter__(self) -> Iterator[EventT]:
        worker = self._employed()
        try:
            yield from self._events(worker)
        finally:
            self._pool.give_back(worker)

    def stop(self) -> None:
        """Have it end soon; returns at once."""
        self._stopped.set()

    def _employed(self) -> _Worker:
        """A worker that has begun with the work."""
        worker = self._pool.take()
        for _ in range(_TRIES):
            try:
                self._hand_over(worker)
            except WorkerDiedError:
                worker = self._pool.replace(worker)
            except BaseException:
                self._pool.give_back(worker)
                raise
            else:
                return worker
        self._pool.give_back(worker)
        raise WorkerDiedError("No process could be started to work on it.")

    def _hand_over(self, worker: _Worker) -> None:
        if not worker.seems_ready():
            worker.tell_to_stop()  # A rehearsal can wait.
        start_by = time.monotonic() + _START_S
        while not worker.is_ready(_WATCH_S):
            if self._stopped.is_set():
                raise StoppedError("It was stopped.")
            if time.monotonic() > start_by:
                worker.kill()
        worker.begin(self._work)

    def _events(self, worker: _Worker) -> Iterator[EventT]:
        began_s, told_s = time.monotonic(), None
        while True:
            message = worker.receive(_WATCH_S)
            if isinstance(message, Ended):
                break
            if isinstance(message, Failed):
                raise message.error or self._reason(message)
            now_s = time.monotonic()
            if self._stopped.is_set():
                if told_s is None:
                    worker.tell_to_stop()
                    told_s = now_s
                elif now_s - told_s > _GRACE_S:
                    break
                continue
            if isinstance(message, Event):
                value: EventT = message.value  # type: ignore[assignment]
                yield value
            self._check(worker, now_s - began_s)
        if self._stopped.is_set():
            raise StoppedError("It was stopped.")

    def _check(self, worker: _Worker, seconds: float) -> None:
        if seconds > self._limits.time_s:
            raise TimeLimitError(
                f"It took longer than {self._limits.time_s:g} s, the most that is given here, and "
                "was ended."
            )
        if worker.resident_bytes() > self._limits.memory_bytes:
            raise self._out_of_memory()

    def _reason(self, failure: Failed) -> CombinerError:
        if failure.of_memory:
            return self._out_of_memory()
        return WorkFailedError("It failed: the log of the app says why.")

    def _out_of_memory(self) -> MemoryLimitError:
        return MemoryLimitError(
            f"It needed more than {self._limits.memory_bytes / 2**20:,.0f} MB of memory, the most "
            "that is given here, and was ended."
        )


class _Worker:
    """One process; used by one thread at a time, but for `kill`.

    Attributes:
        is_free: whether it has nothing to do.
    """

    def __init__(self, context: BaseContext, setup: Setup) -> None:
        self._connection, theirs = context.Pipe()
        self._process = context.Process(  # type: ignore[attr-defined]
            target=child.main, args=(theirs, setup), daemon=True
        )
        with theirs:
            self._process.start()
        self._measured: psutil.Process | None = None
        self._ready, self.is_free = False, True

    def is_alive(self) -> bool:
        """Whether the process runs."""
        alive: bool = self._process.is_alive()
        return alive

    def seems_ready(self) -> bool:
        """Whether it is set up, or has ended meanwhile."""
        return self._ready or self._connection.poll()

    def is_ready(self, timeout_s: float) -> bool:
        """Wait until it is set up, at most so long.

        Raises:
            WorkerDiedError: it is gone.
        """
        if not self._ready:
            self._ready = isinstance(self.receive(timeout_s), Ready)
        return self._ready

    def begin(self, work: Work[object]) -> None:
        """Send it something to do; returns when it has it.

        Raises:
            WorkerDiedError: it is gone.
        """
        self.is_free = False
        try:
            self._connection.send(work)
        except OSError:
            raise self._death() from None
        while not isinstance(self.receive(_WATCH_S), Began):
            pass

    def tell_to_stop(self) -> None:
        """Have it stop at the next event."""
        with suppress(OSError):  # It is gone, which will be noticed.
            self._connection.send(Stop())

    def receive(self, timeout_s: float) -> Message | None:
        """What it says next; ``None`` if it says nothing for so long.

        Raises:
            WorkerDiedError: it is gone.
        """
        try:
            if not self._connection.poll(timeout_s):
                return None
            message: Message = self._connection.recv()
        except (OSError, EOFError):
            raise self._death() from None
        if isinstance(message, Ended | Failed):
            self.is_free = True
        return message

    def resident_bytes(self) -> int:
        """Memory that it uses."""
        with suppress(psutil.Error):
            # Found once: that takes longer than to ask it.
            self._measured = self._measured or psutil.Process(self._process.pid)
            resident: int = self._measured.memory_info().rss
            return resident
        return 0

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self._process.join()

    def _death(self) -> WorkerDiedError:
        self._process.join(_GRACE_S)
        if self._process.exitcode == -signal.SIGKILL:
            return WorkerDiedError(
                "The system ended the process that worked on it, probably for want of memory."
            )
        return WorkerDiedError("The process that worked on it crashed; nothing else is affected.")


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload(list(_LOADED))
    return context
