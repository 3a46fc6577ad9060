"""Workers on a Ray cluster: processes of its machines, held to their limits there.

Each is a `LocalExecutor` with one process, hosted by an actor: what ends work that is stopped or
takes too much is what ends it on the page's own machine. The actor passes on what comes of it.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import Any, Generic

from combiner_core import CombinerError
from combiner_core.executors import Resources
from combiner_core.executors.cluster import connect
from demo.workers.limits import RunLimits
from demo.workers.local import LocalExecutor
from demo.workers.pool import Pool
from demo.workers.protocol import (
    EventT,
    Run,
    Setup,
    StoppedError,
    Work,
    WorkerDiedError,
    WorkFailedError,
)

# A piece of work is begun so many times, if its workers die.
_TRIES = 3
_WATCH_S = 0.2
# A host that says nothing for so long after it was told to stop is ended.
_GRACE_S = 5.0
# Until a machine of the cluster has room; some clusters start one first.
_PLACE_S = 300.0
# A run, its stop, and whether it is there.
_CALLS_AT_ONCE = 3


@dataclass(frozen=True)
class Machine:
    """What a machine of the cluster has to share out.

    Attributes:
        cores: of it, at least 1.
        memory_bytes: in all.
        gpus: of it.
    """

    cores: int
    memory_bytes: int
    gpus: float = 0.0


class Cluster:
    """A Ray cluster, on all machines of which this program is in the same place.

    Args:
        address: see `combiner_core.executors.cluster.connect`.
        cores: of a cluster that is started here.

    Raises:
        CombinerError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str | None = None, cores: int | None = None) -> None:
        self._ray = connect(address, cores, logs=True)

    def machines(self) -> list[Machine]:
        """Those that are there now and have a core.

        Raises:
            CombinerError: there are none.
        """
        found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        machines = [
            Machine(int(each["CPU"]), int(each.get("memory", 0)), each.get("GPU", 0.0))
            for each in found
            if each.get("CPU", 0) >= 1
        ]
        if not machines:
            raise CombinerError("No machine of the cluster has a core to offer.")
        return machines

    def executor(
        self,
        setup: Setup,
        limits: RunLimits,
        *,
        kept: int = 1,
        resources: Resources | None = None,
    ) -> ClusterExecutor:
        """Workers of this cluster.

        Args:
            setup, limits, kept: as of `LocalExecutor`; paths are those of all machines.
            resources: that each worker has to itself; ``None`` for what is used by the way.
        """
        return ClusterExecutor(self._ray, setup, limits, resources, kept=kept)

    def close(self) -> None:
        """Leave the cluster, and end one that was started here."""
        self._ray.shutdown()


class ClusterExecutor:
    """Does work wherever the cluster has room; see `LocalExecutor`, and `Cluster.executor`."""

    def __init__(
        self,
        ray: Any,
        setup: Setup,
        limits: RunLimits,
        resources: Resources | None,
        *,
        kept: int,
    ) -> None:
        self._ray = ray
        presets = setup.presets and setup.presets.resolve()
        self._setup, self._limits = replace(setup, presets=presets), limits
        self._hosts = ray.remote(_Host).options(
            num_cpus=resources.threads if resources else 0,
            num_gpus=resources.gpus if resources else 0,
            memory=(resources.memory_bytes if resources else 0) or None,
            max_concurrency=_CALLS_AT_ONCE,
            max_restarts=0,
            max_task_retries=0,
        )
        self._pool = Pool(self._start, kept)

    def warm_up(self) -> None:
        """Start the workers that are kept, all at once; returns before they are ready."""
        for _ in self._pool.fill():
            pass

    def submit(self, work: Work[EventT]) -> ClusterRun[EventT]:
        """Begin with some work; a worker is found when its events are asked for."""
        return ClusterRun(self._ray, self._pool, work)

    def close(self) -> None:
        """Stop everything and end all workers."""
        self._pool.close()

    def _start(self, for_now: bool) -> _Worker:
        # Hosts rehearse by themselves, and stop that when work comes.
        return _Worker(self._ray, self._hosts.remote(self._setup, self._limits))


class ClusterRun(Generic[EventT]):
    """See `demo.workers.protocol.Run`.

    A worker that dies costs what it had done: the work begins anew with another.
    """

    def __init__(self, ray: Any, pool: Pool[_Worker], work: Work[EventT]) -> None:
        self._ray, self._pool, self._work = ray, pool, work
        self._stopped = Flag()
        self._worker: _Worker | None = None

    def __iter__(self) -> Iterator[EventT]:
        for tries in range(1, _TRIES + 1):
            try:
                yield from self._tried()
            except WorkerDiedError:
                if tries == _TRIES:
                    raise
            else:
                return

    def stop(self) -> None:
        """Have it end soon; returns at once."""
        self._stopped.set()
        if (worker := self._worker) is not None:
            worker.tell_to_stop()

    def _tried(self) -> Iterator[EventT]:
        worker = self._pool.take()
        try:
            self._await(worker)
            worker.begin(self._work)
            self._worker = worker
            if self._stopped.is_set():
                worker.tell_to_stop()
            yield from self._events(worker)
        finally:
            self._worker = None
            self._pool.give_back(worker)
        if self._stopped.is_set():
            raise StoppedError("It was stopped.")

    def _await(self, worker: _Worker) -> None:
        place_by = monotonic() + _PLACE_S
        while not worker.is_ready(_WATCH_S):
            if self._stopped.is_set():
                worker.kill()
                raise StoppedError("It was stopped.")
            if monotonic() > place_by:
                worker.kill()
                raise CombinerError("The cluster has no room for it at present: try again later.")

    def _events(self, worker: _Worker) -> Iterator[EventT]:
        told_at: float | None = None
        while not worker.is_free:
            value = worker.receive(_WATCH_S)
            if self._stopped.is_set():
                told_at = told_at or monotonic()
                if monotonic() - told_at > _GRACE_S:
                    worker.kill()
                    return
            elif value is not None:
                event: EventT = value.event
                yield event


@dataclass(frozen=True, eq=False)
class _Told:
    """Something a host told."""

    event: Any


class _Worker:
    """An actor, and what it works on; see `demo.workers.pool.Worker`."""

    def __init__(self, ray: Any, host: Any) -> None:
        self._ray, self._host = ray, host
        self._greeting = host.greet.remote()
        self._key = ""
        self._events: Iterator[Any] = iter(())
        self.is_free, self._is_alive = True, True

    def is_alive(self) -> bool:
        """Whether nothing is known of its end."""
        return self._is_alive

    def seems_ready(self) -> bool:
        """Whether it has a place on a machine, or has ended meanwhile."""
        return bool(self._ray.wait([self._greeting], timeout=0)[0])

    def is_ready(self, timeout_s: float) -> bool:
        """Wait until it has a place, at most so long.

        Raises:
            WorkerDiedError: it could not be started.
        """
        if not self._ray.wait([self._greeting], timeout=timeout_s)[0]:
            return False
        self._got(self._greeting)
        return True

    def begin(self, work: Work[object]) -> None:
        """Send it something to do; returns at once.

        Raises:
            WorkerDiedError: it is gone.
        """
        self.is_free, self._key = False, secrets.token_hex(8)
        try:
            self._events = self._host.run.remote(self._key, work)
        except self._ray.exceptions.RayError as error:
            raise self._death() from error

    def tell_to_stop(self) -> None:
        """Have it end what it does; returns at once."""
        with suppress(self._ray.exceptions.RayError):  # It is gone, which will be noticed.
            self._host.stop.remote(self._key)

    def receive(self, timeout_s: float) -> _Told | None:
        """What comes next of its work; ``None`` if nothing does for so long, or at its end.

        Raises:
            CombinerError: what the work ended with.
            WorkerDiedError: it is gone.
        """
        if not self._ray.wait([self._events], timeout=timeout_s)[0]:
            return None
        try:
            reference = next(self._events)
        except StopIteration:
            self.is_free = True
            return None
        return _Told(self._got(reference))

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._is_alive = False
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._host)

    def _got(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            self.is_free = True
            if isinstance(error.cause, CombinerError):
                raise error.cause from None
            raise WorkFailedError("It failed: the log of the app says why.") from error
        except errors.RayError as error:
            raise self._death() from error

    def _death(self) -> WorkerDiedError:
        self._is_alive = False
        return WorkerDiedError("The machine or process that worked on it was lost.")


class _Host:
    """The actor: one process of its machine, and the run that this has."""

    def __init__(self, setup: Setup, limits: RunLimits) -> None:
        # Or its processes would load that file, and all of Ray with it.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._executor = LocalExecutor(setup, limits)
        self._lock, self._stopped = Lock(), set[str]()
        self._key = ""
        self._run: Run[object] | None = None
        Thread(target=self._warm_up, daemon=True).start()

    def greet(self) -> None:
        """Say that it is there."""

    def run(self, key: str, work: Work[EventT]) -> Iterator[EventT]:
        """See `demo.workers.protocol.Executor.submit`; the key is for `stop`."""
        run: Run[EventT] = self._executor.submit(work)
        with self._lock:
            self._key, self._run = key, run
            if key in self._stopped:
                run.stop()
            self._stopped.clear()
        yield from run

    def stop(self, key: str) -> None:
        """Stop the run of that key, which may have ended, or not begun."""
        with self._lock:
            if key == self._key and self._run is not None:
                self._run.stop()
            else:
                self._stopped.add(key)

    def _warm_up(self) -> None:
        with suppress(StoppedError):
            self._executor.warm_up()
