"""Executors by name, for command lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from combiner_core.errors import CombinerError
from combiner_core.executors.executor import DEFAULT_RESOURCES, Executor, Resources

ExecutorName = Literal["local", "ray"]
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)


def executor_named(
    name: ExecutorName,
    *,
    workers: int | None = None,
    address: str | None = None,
    resources: Resources = DEFAULT_RESOURCES,
    tasks_per_worker: int = 0,
    preload: Sequence[str] = (),
) -> Executor:
    """The executor of that name.

    Args:
        name: "local" for processes of this machine, or "ray".
        workers: tasks at a time on this machine; by default as many as it has cores for.
        address: of a Ray cluster, see `RayExecutor`.
        resources: of each task.
        tasks_per_worker: after so many a process is replaced, for what one leaves behind not to
            reach the next; 0 for never.
        preload: modules that tasks need.

    Raises:
        CombinerError: there are no workers, no cluster, or an option is not of this executor.
    """
    if workers is not None and workers < 1:
        raise CombinerError(f"There cannot be {workers} workers.")
    if name == "ray":
        from combiner_core.executors.cluster import RayExecutor

        return RayExecutor(address, workers, resources, tasks_per_worker=tasks_per_worker)
    if address is not None:
        raise CombinerError("An address is of the executor ray, not of local.")
    if resources.memory_bytes or resources.gpus:
        raise CombinerError("Memory and GPUs of a task are of the executor ray, not of local.")
    from combiner_core.executors.local import LocalExecutor

    return LocalExecutor(workers, resources, tasks_per_worker=tasks_per_worker, preload=preload)
