"""What the processes of all executors do before they work."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic

from combiner_core.executors.executor import EventT, ResultT
from combiner_core.process import keep_freed_memory


@dataclass(frozen=True)
class Result(Generic[ResultT]):
    """What a generator returned."""

    value: ResultT


def with_result(events: Generator[EventT, None, ResultT]) -> Iterator[EventT | Result[ResultT]]:
    """The events, and the result last: what a generator returns is not sent by itself.

    Each is asked for by `next`: Ray's own `send` would go through to iterators that have none.
    """
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            yield Result(end.value)
            return
        yield event


def prepare(threads: int) -> None:
    """Hold this process to a number of threads: what encoders write may depend on it."""
    import torch

    keep_freed_memory()
    torch.set_num_threads(threads)
