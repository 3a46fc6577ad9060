"""Workers: processes that do the work, so that none of it can stop the page."""

from demo.workers.limits import RunLimits
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
    "LocalExecutor",
    "MemoryLimitError",
    "Run",
    "RunLimits",
    "Setup",
    "StoppedError",
    "TimeLimitError",
    "Work",
    "WorkFailedError",
    "WorkerDiedError",
    "load_early",
]
