"""Tasks in processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from pebble import ProcessExpired, ProcessPool

from combiner_core.errors import CombinerError
from combiner_core.executors.executor import (
    DEFAULT_RESOURCES,
    ArgumentT,
    EventT,
    Executor,
    Resources,
    ResultT,
    WorkerLostError,
)
from combiner_core.executors.worker import Result, prepare, with_result

_LOST = "The process that did this ended without a word, perhaps for want of memory."
_POLL_S = 0.2


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class LocalExecutor(Executor):
    """As many processes as there are cores, or as asked for.

    Args:
        workers: tasks at a time.
        resources: of each; only threads are looked at.
        tasks_per_worker: after so many a process is replaced; 0 for never.
        preload: modules that all processes share, imported once.

    Raises:
        CombinerError: no workers were asked for.
    """

    def __init__(
        self,
        workers: int | None = None,
        resources: Resources = DEFAULT_RESOURCES,
        *,
        tasks_per_worker: int = 0,
        preload: Sequence[str] = (),
    ) -> None:
        self._slots = max(1, usable_cores() // resources.threads) if workers is None else workers
        if self._slots < 1:
            raise CombinerError(f"There cannot be {self._slots} workers.")
        # processes begin as copies of one that has imported everything and run nothing
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        self._pool = ProcessPool(
            self._slots,
            max_tasks=tasks_per_worker,
            initializer=prepare,
            initargs=(resources.threads,),
            context=self._context,
        )

    @property
    def slots(self) -> int:
        """How many tasks run at a time."""
        return self._slots

    def submit(self, work: Callable[[ArgumentT], ResultT], argument: ArgumentT) -> Future[ResultT]:
        """See `Executor`."""
        future: Future[ResultT] = _Task()
        try:
            inner = self._pool.schedule(work, args=(argument,))
        except RuntimeError as error:  # closed, or its processes cannot be started
            raise CombinerError("There are no processes for tasks any more.") from error
        return _followed(inner, future)

    def stream(
        self,
        work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
        argument: ArgumentT,
        tell: Callable[[EventT], Any],
    ) -> Future[ResultT]:
        """See `Executor`."""
        receiving, sending = self._context.Pipe(duplex=False)
        future = self.submit(partial(_stream, work, sending), argument)
        Thread(target=_listen, args=(receiving, sending, future, tell), daemon=True).start()
        return future

    def close(self) -> None:
        """See `Executor`."""
        self._pool.stop()
        self._pool.join()


class _Task(Future[ResultT]):
    """What callers wait for: the pool's future, with its errors in our words."""

    inner: Future[ResultT]

    def cancel(self) -> bool:
        # the pool ends the process of a task that runs
        return self.inner.cancel()


def _followed(inner: Future[ResultT], outer: Future[ResultT]) -> Future[ResultT]:
    assert isinstance(outer, _Task)
    outer.inner = inner

    def end(done: Future[ResultT]) -> None:
        if done.cancelled():
            Future.cancel(outer)
            outer.set_running_or_notify_cancel()
            return
        error = done.exception()
        if error is None:
            outer.set_result(done.result())
        elif isinstance(error, ProcessExpired | BrokenExecutor):
            outer.set_exception(WorkerLostError(_LOST))
        else:
            outer.set_exception(error)

    inner.add_done_callback(end)
    return outer


def _stream(
    work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
    sending: Connection,
    argument: ArgumentT,
) -> ResultT:
    with sending:
        for event in with_result(work(argument)):
            if isinstance(event, Result):
                result: ResultT = event.value
            else:
                sending.send(event)
    return result


def _listen(
    receiving: Connection,
    sending: Connection,
    future: Future[ResultT],
    tell: Callable[[EventT], Any],
) -> None:
    """Tell what comes, until the task has ended; it may do so before it has begun."""
    with receiving, sending, suppress(EOFError, OSError):
        while receiving.poll(_POLL_S) or not future.done():
            if receiving.poll():
                tell(receiving.recv())
