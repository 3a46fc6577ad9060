"""What the tests of executors have done: functions that workers can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path


def square(number: int) -> int:
    return number * number


def fail(number: int) -> int:
    raise ValueError(f"not {number}")


def threads(_: int) -> tuple[int, int]:
    import torch

    return torch.get_num_threads(), os.getpid()


def die_once(path: str) -> str:
    """End the process, but for the second time."""
    marker = Path(path)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die(path: str) -> None:
    with Path(path).open("a") as stream:
        stream.write("x")
    os.kill(os.getpid(), signal.SIGKILL)


def count(steps: int) -> Generator[int, None, str]:
    yield from range(steps)
    return f"{steps} steps"


def wait_for_ever(path: str) -> Generator[int, None, None]:
    Path(path).write_text(str(os.getpid()))
    yield 1
    time.sleep(600)
    yield 2


def wait_long(path: str) -> None:
    *_, _ = wait_for_ever(path)
