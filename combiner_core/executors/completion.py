"""Many tasks, of which few are in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any

from combiner_core.executors.executor import ArgumentT, Executor, ResultT, WorkerLostError

ATTEMPTS = 3
_SPARE = 2  # tasks that wait at a slot, so that it never does
_IDLE_S = 1.0


def completed(
    executor: Executor,
    work: Callable[[ArgumentT], ResultT],
    arguments: Iterable[ArgumentT],
    *,
    idle: Callable[[], Any] | None = None,
) -> Iterator[tuple[ArgumentT, Future[ResultT]]]:
    """Run a task for each argument; yields them in the order in which they end.

    Arguments are asked for as tasks end: there may be any number of them. A task whose worker was
    lost is tried again, three times in all. Who stops asking stops all tasks.

    Args:
        executor: where.
        work: what each task does.
        arguments: of the tasks.
        idle: is called about once a second while no task ends.

    Returns:
        Arguments, with futures that are done.
    """
    waiting, ended = iter(arguments), SimpleQueue[Future[ResultT]]()
    running: dict[Future[ResultT], tuple[ArgumentT, int]] = {}

    def start(argument: ArgumentT, attempt: int) -> None:
        future = executor.submit(work, argument)
        running[future] = argument, attempt
        future.add_done_callback(ended.put)

    def fill() -> None:
        for argument in islice(waiting, max(0, _SPARE * executor.slots - len(running))):
            start(argument, 1)

    try:
        fill()
        while running:
            try:
                future = ended.get(timeout=_IDLE_S)
            except Empty:
                if idle is not None:
                    idle()
                fill()  # There may be more room by now.
                continue
            argument, attempt = running.pop(future)
            lost = isinstance(future.exception(), WorkerLostError)
            if lost and attempt < ATTEMPTS:
                start(argument, attempt + 1)
                continue
            fill()
            yield argument, future
    finally:
        for future in running:
            future.cancel()
