"""Executors: where tasks run, on this machine or on a cluster, behind one interface.

A task is a function of a module and one argument, both small: files move through file systems.
Whoever uses executors neither knows nor cares how many processes there are, and where.
"""

from combiner_core.executors.choice import EXECUTORS, ExecutorName, executor_named
from combiner_core.executors.completion import completed
from combiner_core.executors.executor import Executor, Resources, WorkerLostError

__all__ = [
    "EXECUTORS",
    "Executor",
    "ExecutorName",
    "Resources",
    "WorkerLostError",
    "completed",
    "executor_named",
]
