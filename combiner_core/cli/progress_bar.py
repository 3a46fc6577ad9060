"""An encoder's events as bars on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from combiner_core.events import Encoded, Event, Phase

_PHASES: Mapping[Phase, str] = MappingProxyType(
    {
        "search": "searching the rate",
        "fit": "learning the posterior",
        "code": "coding and refining",
        "verify": "verifying",
    }
)


def follow(events: Iterator[Event]) -> Encoded:
    """Draw the events on standard error.

    Returns:
        The result that ends them.

    Raises:
        CombinerError: what the encoder refuses.
    """
    first = next(events)  # what is wrong with the input shows before anything is drawn
    with _progress_bar() as bar:
        return _draw(chain([first], events), bar)


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description:22}"),
        BarColumn(),
        TextColumn("{task.fields[bits]} bits  {task.fields[psnr]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # elsewhere than on a terminal even a bar without lines leaves an empty one
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield bar


def _draw(events: Iterator[Event], bar: Progress) -> Encoded:
    tasks: dict[str, Any] = {}
    for event in events:
        if isinstance(event, Encoded):
            return event
        if event.phase not in tasks:
            tasks[event.phase] = bar.add_task(_PHASES[event.phase], bits="", psnr="")
        bits = event.committed_bits if event.phase == "code" else event.kl_bits
        bar.update(
            tasks[event.phase],
            completed=event.step,
            total=event.total,
            bits=f"{bits:,.0f}/{event.budget_bits:,}",
            psnr=f"{event.psnr_db:.2f} dB",
        )
    raise AssertionError("an encoder's events end in a result")
