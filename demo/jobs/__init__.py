"""Jobs: runs that live on the server, whether or not anybody watches."""

from demo.jobs.batches import MAX_FILES, Batches, BatchItem, BatchView
from demo.jobs.job import JobView, Outcome, State, Task
from demo.jobs.lanes import Capacity, Lanes
from demo.jobs.queue import JobQueue

__all__ = [
    "MAX_FILES",
    "BatchItem",
    "BatchView",
    "Batches",
    "Capacity",
    "JobQueue",
    "JobView",
    "Lanes",
    "Outcome",
    "State",
    "Task",
]
