"""What happens in a worker's process: it is set up, then does one piece of work after the other."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread

import combiner_core as cc
from combiner_core.process import keep_freed_memory
from demo.workers.protocol import Engine, Setup, Work

try:
    import fcntl
    import resource
except ImportError:  # Not a Unix.
    pass

# The system ends workers before the server if there is too little memory.
_OUT_OF_MEMORY_SCORE = 900
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """The worker is set up."""


@dataclass(frozen=True)
class Began:
    """The work has arrived: if the worker dies now, it may be because of it."""


@dataclass(frozen=True, eq=False)
class Event:
    """Something the work yielded."""

    value: object


@dataclass(frozen=True)
class Ended:
    """There is no more to come of the work: it is done, or was stopped."""


@dataclass(frozen=True, eq=False)
class Failed:
    """The work raised something.

    Attributes:
        error: if it is a sentence for people.
        of_memory: whether the system gave no more memory.
    """

    error: cc.CombinerError | None = None
    of_memory: bool = False


@dataclass(frozen=True)
class Stop:
    """What the worker is told so that the work, or the rehearsal, ends at its next event."""


Message = Ready | Began | Event | Ended | Failed


def main(connection: Connection, setup: Setup) -> None:
    """Work until the other end is closed."""
    _end_with_parent()
    _prepare(setup)
    engine = setup.engine()
    if setup.rehearsal is not None:
        for _ in _messages(setup.rehearsal, engine):
            if connection.poll():  # Somebody waits already.
                break
    connection.send(Ready())
    while True:
        try:
            received = connection.recv()
        except EOFError:
            return
        if isinstance(received, Stop):  # It came when the work was done already.
            continue
        connection.send(Began())
        for message in _messages(received, engine):
            connection.send(message)
            if isinstance(message, Event) and connection.poll():
                connection.send(Ended())
                break


def _messages(work: Work[object], engine: Engine) -> Iterator[Message]:
    try:
        for value in work.run(engine):
            yield Event(value)
    except cc.CombinerError as error:
        yield Failed(error)
    except MemoryError:
        yield Failed(of_memory=True)
    except Exception:
        _LOG.exception("a piece of work failed")
        yield Failed()
    else:
        yield Ended()


def _prepare(setup: Setup) -> None:
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Of a whole terminal: the parent says when.
    faulthandler.enable()  # Crashes of libraries are told to the log.
    keep_freed_memory()
    torch.set_num_threads(setup.threads)
    with suppress(AttributeError, OSError):  # Only Unix has these.
        os.nice(setup.niceness)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # No file is left by a crash.
    with suppress(OSError):  # Only Linux has this.
        Path("/proc/self/oom_score_adj").write_text(str(_OUT_OF_MEMORY_SCORE))


def _end_with_parent() -> None:
    """Have this process end as soon as its parent does, whatever it is doing then."""
    parent = parent_process()
    assert parent is not None
    # Readable when the last process that can write to it is gone, and that is the parent.
    sentinel = parent.sentinel
    try:
        # By the system: a thread would have to wait for libraries that keep the interpreter's lock.
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(sentinel, fcntl.F_GETFL)
        fcntl.fcntl(sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
        if wait([sentinel], 0):
            os._exit(1)
    except (NameError, AttributeError, OSError):  # Not a Unix.
        Thread(target=_exit_after, args=(sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
