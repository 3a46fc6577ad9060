"""How much is done at a time, on this machine or a cluster, where the settings leave it open."""

from __future__ import annotations

import os
from collections.abc import Sequence

from demo.jobs import Capacity
from demo.settings import Settings
from demo.workers import machine
from demo.workers.cluster import Machine

_FEWEST_WORKERS, _MOST_WORKERS, _CORES_EACH = 2, 8, 2
# For this share of the memory, the page itself and what else runs here.
_LEAST_MEMORY_BYTES = 1 << 30


def capacity_of(settings: Settings, cluster: Sequence[Machine] | None = None) -> Capacity:
    """What is done at a time and what each may take.

    Args:
        settings: of the app.
        cluster: machines that do the work; ``None`` for this one.
    """
    workers, threads, share_bytes = (
        _here(settings) if cluster is None else _there(settings, cluster)
    )
    memory_bytes = settings.max_memory_mb and round(settings.max_memory_mb * 2**20)
    device = settings.device
    if cluster is not None and not settings.gpus_per_worker:
        device = "cpu"  # Ray shows no GPU to who asks for none.
    return Capacity(
        device,
        settings.presets,
        workers,
        threads,
        settings.queue_length,
        settings.queue_length_each,
        settings.max_run_s,
        memory_bytes or max(_LEAST_MEMORY_BYTES, share_bytes),
        settings.gpus_per_worker,
    )


def _here(settings: Settings) -> tuple[int, int, int]:
    """Workers, threads and bytes of memory of each: the cores divided, and the memory."""
    cores = machine.cores()
    few = max(_FEWEST_WORKERS, min(_MOST_WORKERS, cores // _CORES_EACH))
    workers = settings.workers or few
    share_bytes = machine.memory_bytes() // (workers + 1)
    return workers, _asked_threads() or max(1, cores // workers), share_bytes


def _there(settings: Settings, cluster: Sequence[Machine]) -> tuple[int, int, int]:
    """The same of a cluster: as many as fit by their cores, memory in the same proportion."""
    threads = _asked_threads() or min(_CORES_EACH, max(each.cores for each in cluster))
    fitting = [each for each in cluster if each.cores >= threads]
    gpus = settings.gpus_per_worker
    places = sum(
        min(each.cores // threads, int(each.gpus / gpus) if gpus else each.cores)
        for each in fitting
    )
    share_bytes = min((each.memory_bytes * threads // each.cores for each in fitting), default=0)
    return settings.workers or max(1, places), threads, share_bytes


def _asked_threads() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() else 0
