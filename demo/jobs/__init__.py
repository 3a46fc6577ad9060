"""Jobs: runs that live on the server in one queue, whether or not anybody watches."""

from demo.jobs.job import JobView, Outcome, State, Task
from demo.jobs.queue import JobQueue, QueueFullError

__all__ = ["JobQueue", "JobView", "Outcome", "QueueFullError", "State", "Task"]
