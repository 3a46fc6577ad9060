"""Scheduling: which work is done next, by whose turn it is, and how much may wait."""

from demo.scheduling.scheduler import QueueFullError, Scheduler, Ticket
from demo.scheduling.turns import Visitor

__all__ = ["QueueFullError", "Scheduler", "Ticket", "Visitor"]
