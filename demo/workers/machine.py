"""What this machine has to share out: cores and memory, or those of the container it is in."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

import psutil

# Of the second and of the first version of Linux's control groups.
_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CORES = "/sys/fs/cgroup/cpu.max"


def memory_bytes() -> int:
    """Memory in all."""
    total_bytes: int = psutil.virtual_memory().total
    for path in _MEMORY:
        with suppress(OSError, ValueError):  # There is none, or it is "max".
            total_bytes = min(total_bytes, int(Path(path).read_text()))
    return total_bytes


def cores() -> int:
    """Cores that this process may use, at least 1."""
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # Not Linux.
        count = os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path(_CORES).read_text().split()
        count = min(count, math.ceil(int(quota) / int(period)))
    return max(1, count)
