"""Tasks on a Ray cluster: actors work on one after the other.

A task and its result are a few hundred bytes: no file goes through Ray's object store. They are not
tasks of Ray's own, whose `cancel` ends the process that asks if a task ends in the same moment (Ray
2.60); to end an actor does not.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
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
_LINGER_S = 5.0  # until the room of actors without tasks is given back
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

    Ray places an actor only where its resources are free, and gives a process of GPUs its own to
    see.

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
        self._ray, self._resources, self._most_tasks = ray, resources, tasks_per_worker
        self._slots, self._asked_at = 0, -_ASK_S
        self._actor = ray.remote(_Worker).options(
            num_cpus=resources.threads,
            num_gpus=resources.gpus,
            memory=resources.memory_bytes or None,
        )
        # of what follows, under the lock
        self._lock = Lock()
        self._waiting = deque[_Task[Any]]()
        self._running: dict[_Task[Any], _Place] = {}
        self._idle: list[_Place] = []
        # what ends is looked at in a thread of its own: Ray's own may not ask it for anything
        self._ended = SimpleQueue[tuple[_Task[Any], Future[Any]] | None]()
        self._settling = Thread(target=self._settle, daemon=True)
        self._settling.start()

    @property
    def slots(self) -> int:
        """How many tasks the cluster holds at present; it may grow."""
        now = time.monotonic()
        if now - self._asked_at < _ASK_S:
            return self._slots
        self._asked_at, self._slots = now, self._count_slots()
        self._fill(self._slots)  # it may have grown while tasks waited
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

        def begin(actor: Any, task: _Task[ResultT]) -> None:
            done = actor.call.remote(work, argument).future()
            done.add_done_callback(lambda done: self._ended.put((task, done)))

        return self._added(_Task(begin, self._stop))

    def stream(
        self,
        work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
        argument: ArgumentT,
        tell: Callable[[EventT], Any],
    ) -> Future[ResultT]:
        """See `Executor`."""

        def begin(actor: Any, task: _Task[ResultT]) -> None:
            references = actor.stream.remote(work, argument)
            Thread(target=self._listen, args=(references, task, tell), daemon=True).start()

        return self._added(_Task(begin, self._stop))

    def close(self) -> None:
        """See `Executor`."""
        with self._lock:
            tasks = [*self._waiting, *self._running]
        for task in tasks:
            task.cancel()
        self._ended.put(None)
        self._settling.join()
        self._ray.shutdown()

    def _added(self, task: _Task[ResultT]) -> Future[ResultT]:
        slots = self.slots
        with self._lock:
            self._waiting.append(task)
        self._fill(slots)
        return task

    def _fill(self, slots: int) -> None:
        """Begin what there is room for."""
        with self._lock:
            while self._waiting and len(self._running) < slots:
                task = self._waiting.popleft()
                if self._idle:
                    place = self._idle.pop()
                else:
                    place = _Place(self._actor.remote(self._resources.threads))
                place.tasks += 1
                self._running[task] = place
                try:
                    task.begin(place.actor, task)
                except Exception as error:  # such as of what cannot be sent
                    failed: Future[Any] = Future()
                    failed.set_exception(error)
                    self._ended.put((task, failed))

    def _listen(
        self,
        references: Iterator[Any],
        task: _Task[ResultT],
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
        self._ended.put((task, done))

    def _settle(self) -> None:
        """Hand on what tasks end with, and begin others."""
        while True:
            try:
                ended = self._ended.get(timeout=_LINGER_S)
            except Empty:
                self._give_back()
                continue
            if ended is None:
                return
            task, done = ended
            error = done.exception()
            is_through = error is None or isinstance(error, self._ray.exceptions.RayTaskError)
            with self._lock:
                place = self._running.pop(task)
                is_spent = 0 < self._most_tasks <= place.tasks
                if is_through and not (is_spent or task.cancelled()):
                    self._idle.append(place)
                else:
                    self._kill(place)
            self._fill(self._slots)  # as last asked: this thread must not fail
            with suppress(InvalidStateError):  # cancelled a moment ago
                if error is None:
                    task.set_result(done.result())
                else:
                    task.set_exception(self._in_our_words(error))

    def _in_our_words(self, error: BaseException) -> BaseException:
        ray = self._ray.exceptions
        if isinstance(error, ray.RayTaskError):
            cause: BaseException = error.cause
            return cause
        lost = (ray.RayActorError, ray.WorkerCrashedError, ray.OutOfMemoryError)
        if isinstance(error, (*lost, ray.NodeDiedError, ray.LocalRayletDiedError)):
            return WorkerLostError(_LOST)
        return error

    def _give_back(self) -> None:
        with self._lock:
            while self._idle:
                self._kill(self._idle.pop())

    def _stop(self, task: _Task[Any]) -> None:
        with self._lock:
            if task in self._running:
                self._kill(self._running[task])
            elif task in self._waiting:
                self._waiting.remove(task)

    def _kill(self, place: _Place) -> None:
        with suppress(self._ray.exceptions.RayError):  # it is gone
            self._ray.kill(place.actor)


class _Worker:
    """The actor: a process somewhere."""

    def __init__(self, threads: int) -> None:
        prepare(threads)

    def call(self, work: Callable[[ArgumentT], ResultT], argument: ArgumentT) -> ResultT:
        """What a function returns."""
        return work(argument)

    def stream(
        self, work: Callable[[ArgumentT], Generator[EventT, None, ResultT]], argument: ArgumentT
    ) -> Iterator[EventT | Result[ResultT]]:
        """The events of a generator, and its result."""
        yield from with_result(work(argument))


@dataclass
class _Place:
    """An actor, and how many tasks it was given."""

    actor: Any
    tasks: int = 0


class _Task(Future[ResultT]):
    """What callers wait for; a task that runs is stopped, too."""

    def __init__(
        self,
        begin: Callable[[Any, _Task[ResultT]], None],
        stop: Callable[[_Task[ResultT]], None],
    ) -> None:
        super().__init__()
        self.begin, self._stop = begin, stop

    def cancel(self) -> bool:
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()
        self._stop(self)
        return True


def _reach(address: str) -> None:
    """Try whether somebody listens there, for which Ray itself takes minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), _REACH_S).close()
