"""Workers: processes that do the work, so that none of it can stop the page."""

from demo.workers.limits import Limits
from demo.workers.local import LocalExecutor, load_early
from demo.workers.protocol import (
    Engine,
    Executor,
    MemoryLimitError,
    Run,
    Setup,
    StoppedError,
    TimeLimitError,
    Work,
    WorkerDiedError,
    WorkFailedError,
)

__all__ = [
    "Engine",
    "Executor",
    "Limits",
    "LocalExecutor",
    "MemoryLimitError",
    "Run",
    "Setup",
    "StoppedError",
    "TimeLimitError",
    "Work",
    "WorkFailedError",
    "WorkerDiedError",
    "load_early",
]
