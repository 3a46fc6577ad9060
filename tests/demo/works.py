"""Work that misbehaves, for tests of those who have it done."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import combiner_core as cc
from demo.work import Source
from demo.workers import Engine


@dataclass(frozen=True)
class Count:
    """Counts, with a pause after each number."""

    numbers: int
    pause_s: float = 0.0

    def run(self, engine: Engine) -> Iterator[int]:
        for number in range(self.numbers):
            yield number
            time.sleep(self.pause_s)


@dataclass(frozen=True)
class Pid:
    """Tells the process that it is done in, and how many threads torch has there."""

    def run(self, engine: Engine) -> Iterator[tuple[int, int]]:
        import torch

        yield os.getpid(), torch.get_num_threads()


@dataclass(frozen=True)
class Sleep:
    """Tells its process, then says nothing for long."""

    seconds: float = 600.0

    def run(self, engine: Engine) -> Iterator[int]:
        yield os.getpid()
        time.sleep(self.seconds)


@dataclass(frozen=True)
class HoldInterpreter:
    """Tells its process, then keeps the interpreter's lock in a C library."""

    seconds: int = 600

    def run(self, engine: Engine) -> Iterator[int]:
        yield os.getpid()
        ctypes.PyDLL(None).usleep(ctypes.c_uint(self.seconds * 1_000_000))


@dataclass(frozen=True)
class Crash:
    """A library reads where there is nothing, after a while."""

    pause_s: float = 0.0

    def run(self, engine: Engine) -> Iterator[int]:
        time.sleep(self.pause_s)
        yield ctypes.string_at(0)[0]


@dataclass(frozen=True)
class Abort:
    """A library gives up."""

    def run(self, engine: Engine) -> Iterator[int]:
        os.abort()
        yield 0


@dataclass(frozen=True)
class Fill:
    """Fills the memory, up to some size."""

    megabytes: int

    def run(self, engine: Engine) -> Iterator[int]:
        held = []
        for _ in range(self.megabytes // 16):
            held.append(np.ones(16 << 20, np.uint8))
            time.sleep(0.01)
        yield len(held)


@dataclass(frozen=True)
class Raise:
    """Raises something."""

    sentence: str
    is_for_people: bool

    def run(self, engine: Engine) -> Iterator[int]:
        if self.is_for_people:
            raise cc.SignalError(self.sentence)
        raise ValueError(self.sentence)
        yield 0


@dataclass(frozen=True, eq=False)
class CrashingSource(Source):
    """A file that a library crashes on."""

    def load(self) -> cc.Signal:
        ctypes.string_at(0)
        return super().load()
