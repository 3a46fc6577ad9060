"""What all executors have in common, wherever their workers are.

Work goes there as one object and comes back as events. Both carry all that they need, files as
bytes: a worker shares no disk and no memory with who asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import combiner_core as cc
from combiner_core.options import DeviceName

EventT_co = TypeVar("EventT_co", covariant=True)
EventT = TypeVar("EventT")


@dataclass(frozen=True)
class Engine:
    """What a worker has at hand for all its work.

    Attributes:
        models: trained models; each is read once.
        device: where to fit and decode.
    """

    models: cc.PresetLibrary
    device: DeviceName


class Work(Protocol[EventT_co]):
    """A description of something to do, which can be sent to another process."""

    def run(self, engine: Engine) -> Iterator[EventT_co]:
        """Do it; what is yielded, too, can be sent. Ends early if it is asked for no more.

        Raises:
            CombinerError: it cannot be done.
        """
        ...


@dataclass(frozen=True)
class Setup:
    """How a worker is set up before its first work.

    Attributes:
        presets: folder of trained models; ``None`` for those shipped with the program.
        device: where to fit and decode.
        threads: of each worker.
        niceness: how much the worker yields the processor to others.
        rehearsal: work to do once at the start, so that what it needs is loaded.
    """

    presets: Path | None = None
    device: DeviceName = "auto"
    threads: int = 1
    niceness: int = 0
    rehearsal: Work[object] | None = None

    def engine(self) -> Engine:
        """What the worker then has at hand."""
        return Engine(cc.PresetLibrary(self.presets), self.device)


class Run(Protocol[EventT_co]):
    """Work that has begun."""

    def __iter__(self) -> Iterator[EventT_co]:
        """Its events, each as soon as it is there; once only.

        Raises:
            StoppedError: it was stopped.
            TimeLimitError, MemoryLimitError: it took too much.
            WorkerDiedError: its worker is gone.
            WorkFailedError: it failed in a way that nobody foresaw.
            CombinerError: what the work itself raised.
        """
        ...

    def stop(self) -> None:
        """Have it end soon; returns at once, and may be called by any thread."""
        ...


class Executor(Protocol):
    """Does work, several pieces at a time; all methods may be called by any thread."""

    def submit(self, work: Work[EventT]) -> Run[EventT]:
        """Begin with some work, which goes on as its events are asked for."""
        ...

    def close(self) -> None:
        """Stop everything and let go of all workers; nothing of them is left afterwards."""
        ...


class StoppedError(cc.CombinerError):
    """The work was stopped."""


class TimeLimitError(cc.CombinerError):
    """The work took too long."""


class MemoryLimitError(cc.CombinerError):
    """The work needed too much memory."""


class WorkerDiedError(cc.CombinerError):
    """The process that did the work is gone, by a crash or because the system ended it."""


class WorkFailedError(cc.CombinerError):
    """The work raised something other than a sentence for people."""
