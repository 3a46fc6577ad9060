"""Waiting for what others do in their own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

WAIT_S = 240.0


def await_that(look: Callable[[], Seen], wanted: Callable[[Seen], object]) -> Seen:
    """What is seen when it is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while not wanted(seen := look()):
        assert time.monotonic() < deadline, f"it stayed {seen}"
        time.sleep(0.02)
    return seen
