"""Seconds of the engine's own work, whatever the caller does between events."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """Stands still while a caller has the event it was given last."""

    def __init__(self) -> None:
        self._worked_s = 0.0
        self._resumed_s: float | None = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds of work so far."""
        running_s = 0.0 if self._resumed_s is None else time.monotonic() - self._resumed_s
        return self._worked_s + running_s

    def timed(self, events: Generator[T, None, None]) -> Generator[T, None, None]:
        """The same events; the clock stops before each is handed out, and goes on afterwards."""
        self.resume()
        with closing(events):
            for event in events:
                self.pause()
                yield event
                self.resume()

    def pause(self) -> None:
        """Stand still."""
        self._worked_s = self.elapsed_s
        self._resumed_s = None

    def resume(self) -> None:
        """Go on, or do nothing if it runs."""
        if self._resumed_s is None:
            self._resumed_s = time.monotonic()
