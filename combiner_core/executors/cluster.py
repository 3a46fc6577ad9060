"""Tasks on a Ray cluster.

A task and its result are a few hundred bytes: no file goes through Ray's object store.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from threading import Thread
from typing import Any

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

HERE = "local"
_REACH_S = 20.0
_ASK_S = 2.0  # between questions how large the cluster is
_MISSING = "The executor ray needs the package ray: pip install 'combiner[cluster]'."
_LOST = "The process or machine that did this was lost, perhaps for want of memory."


def connect(address: str | None = None, cores: int | None = None, *, logs: bool = False) -> Any:
    """The package ray, once this process is part of a cluster.

    Args:
        address: of the cluster, "auto" for the one this machine belongs to, or "local" for one that
            is started here and ends with this process; by default as the variable RAY_ADDRESS says,
            or "local".
        cores: of a cluster that is started here.
        logs: whether what workers log is told here, too.

    Raises:
        CombinerError: Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise CombinerError(_MISSING) from error
    address = address or os.environ.get("RAY_ADDRESS") or HERE
    here: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False}
    try:
        _reach(address)
        ray.init(
            address,
            log_to_driver=logs,
            logging_level="error",
            **(here if address == HERE else {}),
        )
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise CombinerError(f"There is no Ray cluster at {address}.") from error
    return ray


class RayExecutor(Executor):
    """Whatever a cluster has room for.

    Ray places a task only where its resources are free, and gives a process of GPUs its own to see.

    Args:
        address: see `connect`.
        workers: cores of a cluster that is started here.
        resources: of each task.
        tasks_per_worker: after so many a process is replaced; 0 for never.

    Raises:
        CombinerError: Ray is not installed, or there is no such cluster.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        resources: Resources = DEFAULT_RESOURCES,
        *,
        tasks_per_worker: int = 0,
    ) -> None:
        ray = connect(address, workers)
        self._ray, self._resources = ray, resources
        self._slots, self._asked_at = 0, -_ASK_S
        options = {
            "num_cpus": resources.threads,
            "num_gpus": resources.gpus,
            "memory": resources.memory_bytes or None,
            # who waits decides what is tried again, on all executors alike
            "max_retries": 0,
        }
        lasting = ray.remote(max_calls=tasks_per_worker)
        self._call = lasting(_call).options(**options)
        self._stream = lasting(_stream).options(**options, num_returns="streaming")

    @property
    def slots(self) -> int:
        """How many tasks the cluster holds at present; it may grow."""
        now = time.monotonic()
        if now - self._asked_at < _ASK_S:
            return self._slots
        self._asked_at, self._slots = now, self._count_slots()
        return self._slots

    def _count_slots(self) -> int:
        there, each = self._ray.cluster_resources(), self._resources
        slots = there.get("CPU", 0) // each.threads
        if each.gpus:
            slots = min(slots, there.get("GPU", 0) // each.gpus)
        if each.memory_bytes:
            slots = min(slots, there.get("memory", 0) // each.memory_bytes)
        return max(1, int(slots))

    def submit(self, work: Callable[[ArgumentT], ResultT], argument: ArgumentT) -> Future[ResultT]:
        """See `Executor`."""
        reference = self._call.remote(work, argument, self._resources.threads)
        future: Future[ResultT] = _Task(lambda: self._ray.cancel(reference, force=True))
        reference.future().add_done_callback(lambda done: self._end(done, future))
        return future

    def stream(
        self,
        work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
        argument: ArgumentT,
        tell: Callable[[EventT], Any],
    ) -> Future[ResultT]:
        """See `Executor`."""
        references = self._stream.remote(work, argument, self._resources.threads)
        future: Future[ResultT] = _Task(lambda: self._ray.cancel(references, force=True))
        Thread(target=self._listen, args=(references, future, tell), daemon=True).start()
        return future

    def close(self) -> None:
        """See `Executor`."""
        self._ray.shutdown()

    def _listen(
        self,
        references: Iterator[Any],
        future: Future[ResultT],
        tell: Callable[[EventT], Any],
    ) -> None:
        done: Future[ResultT] = Future()
        try:
            for event in map(self._ray.get, references):
                if isinstance(event, Result):
                    done.set_result(event.value)
                else:
                    tell(event)
        except Exception as error:  # of any kind: it is handed on to who waits
            done.set_exception(error)
        self._end(done, future)

    def _end(self, done: Future[ResultT], future: Future[ResultT]) -> None:
        if future.cancelled():
            return
        error, lost = done.exception(), self._ray.exceptions
        if error is None:
            future.set_result(done.result())
        elif isinstance(error, lost.RayTaskError):
            future.set_exception(error.cause)
        elif isinstance(
            error,
            lost.WorkerCrashedError
            | lost.OutOfMemoryError
            | lost.NodeDiedError
            | lost.LocalRayletDiedError,
        ):
            future.set_exception(WorkerLostError(_LOST))
        else:
            future.set_exception(error)


class _Task(Future[ResultT]):
    """What callers wait for; a task that runs is stopped, too."""

    def __init__(self, stop: Callable[[], None]) -> None:
        super().__init__()
        self._stop = stop

    def cancel(self) -> bool:
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()
        self._stop()
        return True


def _reach(address: str) -> None:
    """Try whether somebody listens there, for which Ray itself takes minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), _REACH_S).close()


def _call(work: Callable[[ArgumentT], ResultT], argument: ArgumentT, threads: int) -> ResultT:
    prepare(threads)
    return work(argument)


def _stream(
    work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
    argument: ArgumentT,
    threads: int,
) -> Iterator[EventT | Result[ResultT]]:
    prepare(threads)
    yield from with_result(work(argument))
