"""Lanes: runs, what is short, and what nobody waits for, each with workers of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

from combiner_core.executors import Resources
from combiner_core.options import DeviceName
from demo.scheduling import QueueFullError, Scheduler, Visitor
from demo.work import Gauge, Gauged, Rehearse
from demo.workers import LocalExecutor, RunLimits, Setup, StoppedError
from demo.workers.cluster import Cluster, ClusterExecutor

_SHORT_S, _BACKGROUND_S = 300.0, 600.0
# The page answers first, then what somebody waits for is done, then the rest.
_NICENESS, _BACKGROUND_NICENESS = 5, 10
_NOBODY = Visitor("", "")


@dataclass(frozen=True)
class Capacity:
    """How much is done at a time, how much may wait, how much each may take.

    Attributes:
        device: where to fit and decode.
        presets: folder of trained models; ``None`` for those shipped with the program.
        workers: runs at a time.
        threads: of each.
        max_waiting: runs that may wait.
        max_waiting_each: of one visitor.
        max_run_s: longest run, in seconds.
        max_memory_bytes: of each process.
        gpus: of a cluster that each of the workers has: a share of one, or some.
    """

    device: DeviceName = "auto"
    presets: Path | None = None
    workers: int = 1
    threads: int = 1
    max_waiting: int = 32
    max_waiting_each: int = 4
    max_run_s: float = 3600.0
    max_memory_bytes: int = 4 << 30
    gpus: float = 0.0


class Lanes:
    """Schedulers with their workers.

    Args:
        capacity: of them.
        cluster: where workers are, for longer than this; ``None`` for this machine.

    Attributes:
        runs: for what takes long, and is watched.
        short: for what takes seconds: reading and decoding files.
        background: for what nobody waits for; it yields the processor to the others.
    """

    def __init__(self, capacity: Capacity, cluster: Cluster | None = None) -> None:
        self._cluster = cluster
        workers = capacity.workers
        setup = Setup(capacity.presets, capacity.device, capacity.threads, _NICENESS, Rehearse())
        limits = RunLimits(capacity.max_run_s, capacity.max_memory_bytes)
        short = replace(limits, time_s=min(_SHORT_S, limits.time_s))
        long = replace(limits, time_s=min(_BACKGROUND_S, limits.time_s))
        # On a cluster what is not a run has no GPU, nor cores of its own.
        light = setup if cluster is None else replace(setup, device="cpu")
        quiet = replace(light, niceness=_BACKGROUND_NICENESS, rehearsal=None)
        own = Resources(capacity.threads, capacity.gpus, capacity.max_memory_bytes)
        self._warmed = self._hire(setup, limits, workers, own)
        self._also_warmed = self._hire(light, short, 1)
        background = self._hire(quiet, long, 1)
        self.runs = Scheduler(
            self._warmed,
            workers,
            max_waiting=capacity.max_waiting,
            max_waiting_each=capacity.max_waiting_each,
        )
        self.short = Scheduler(
            self._also_warmed,
            workers + 1,
            max_waiting=capacity.max_waiting,
            max_waiting_each=capacity.max_waiting_each,
        )
        self.background = Scheduler(background, 1)

    def warm_up(self, gauged: Callable[[Gauged], None]) -> None:
        """Start workers, so that the first visitor need not wait for them; returns at once.

        Args:
            gauged: is told how long runs take here, when that is known, by another thread.
        """
        Thread(target=self._warm_up, args=(gauged,), daemon=True).start()

    def close(self) -> None:
        """Stop everything; no process is left."""
        for lane in (self.runs, self.short, self.background):
            lane.close()

    def _hire(
        self, setup: Setup, limits: RunLimits, kept: int, own: Resources | None = None
    ) -> LocalExecutor | ClusterExecutor:
        if self._cluster is None:
            return LocalExecutor(setup, limits, kept=kept)
        return self._cluster.executor(setup, limits, kept=kept, resources=own)

    def _warm_up(self, gauged: Callable[[Gauged], None]) -> None:
        # who came meanwhile is worth more than the gauge
        with suppress(StoppedError, QueueFullError):
            self._warmed.warm_up()
            self._also_warmed.warm_up()
            self.short.submit(_NOBODY, Gauge, gauged)
