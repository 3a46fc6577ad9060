"""What an executor does."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from combiner_core.errors import CombinerError

ArgumentT = TypeVar("ArgumentT")
EventT = TypeVar("EventT")
ResultT = TypeVar("ResultT")


class WorkerLostError(CombinerError):
    """The process that worked on a task ended before the task did."""


@dataclass(frozen=True)
class Resources:
    """What one task takes, for executors to place no more tasks somewhere than fit there.

    Attributes:
        threads: of a processor; a task is held to them, so that results do not depend on them.
        gpus: a share of one, or several.
        memory_bytes: of the machine; 0 says nothing.

    Raises:
        CombinerError: there are none, or fewer.
    """

    threads: int = 1
    gpus: float = 0.0
    memory_bytes: int = 0

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise CombinerError(f"A task cannot have {self.threads} threads.")
        if not 0 <= self.gpus < float("inf") or self.memory_bytes < 0:
            raise CombinerError("A task cannot have fewer than no GPUs or no memory.")
        if self.gpus > 1 and self.gpus % 1:
            raise CombinerError(f"A task cannot have {self.gpus:g} GPUs: a share of one, or whole.")


DEFAULT_RESOURCES = Resources()


class Executor(Protocol):
    """Runs tasks in processes of their own.

    A future's `cancel` also stops a task that runs. Futures raise what the task raised, or
    `WorkerLostError`.
    """

    @property
    def slots(self) -> int:
        """How many tasks run at a time, at present."""

    def submit(self, work: Callable[[ArgumentT], ResultT], argument: ArgumentT) -> Future[ResultT]:
        """Have a function of a module run; returns at once.

        Raises:
            CombinerError: no task can run any more.
        """

    def stream(
        self,
        work: Callable[[ArgumentT], Generator[EventT, None, ResultT]],
        argument: ArgumentT,
        tell: Callable[[EventT], Any],
    ) -> Future[ResultT]:
        """Have a generator function of a module run; what it returns is the result.

        Args:
            work, argument: as of `submit`.
            tell: is called with every event, in a thread of this process.

        Raises:
            CombinerError: as `submit`.
        """

    def close(self) -> None:
        """Stop all tasks and let go of the processes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
