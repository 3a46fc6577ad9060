"""What the processes of all executors do before they work."""

from __future__ import annotations

from combiner_core.process import keep_freed_memory


def prepare(threads: int) -> None:
    """Hold this process to a number of threads: what encoders write may depend on it."""
    import torch

    keep_freed_memory()
    torch.set_num_threads(threads)
