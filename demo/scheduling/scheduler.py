"""The scheduler: work that waits, work that is done, and how much of both there may be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock, Thread, current_thread
from typing import Any, Generic

from combiner_core import CombinerError
from demo.scheduling.turns import Turns, Visitor
from demo.workers import Executor, Run, StoppedError, Work
from demo.workers.protocol import EventT

_LOG = logging.getLogger(__name__)


class QueueFullError(CombinerError):
    """As much waits as may."""


@dataclass(eq=False)
class Ticket(Generic[EventT]):
    """Work that was asked for.

    Attributes:
        visitor: who asked.
        result: the last event of the work, or the error that it ended with; cancelled, or a
            `StoppedError`, if the ticket was.
    """

    visitor: Visitor
    result: Future[EventT]
    _scheduler: Scheduler
    _make: Callable[[], Work[EventT]]
    _see: Callable[[EventT], None]
    _run: Run[EventT] | None = field(default=None, init=False)
    _is_cancelled: bool = field(default=False, init=False)

    @property
    def place(self) -> int:
        """How much begins or is done before it, while it waits."""
        return self._scheduler.place(self)

    def cancel(self) -> None:
        """End it, and free its place; returns at once."""
        self._scheduler.cancel(self)


class Scheduler:
    """Gives work to an executor as it has places, visitors taking turns.

    Args:
        executor: does the work; it is closed with this.
        places: how much of it is done at a time; see `Turns.next` for one more.
        max_waiting: how much may wait; ``None`` for any number. When so much does, networks of
            whom nothing waits may have one thing waiting each, up to twice as much in all.
        max_waiting_each: of one visitor.
    """

    def __init__(
        self,
        executor: Executor,
        places: int,
        *,
        max_waiting: int | None = None,
        max_waiting_each: int | None = None,
    ) -> None:
        self._executor = executor
        self._max_waiting, self._max_waiting_each = max_waiting, max_waiting_each
        self._turns = Turns(places)
        self._waiting: list[Ticket[Any]] = []
        self._running: list[Ticket[Any]] = []
        # The waiting in the order of their turns, until that changes: many ask for their place.
        self._order: list[Ticket[Any]] | None = None
        self._threads: set[Thread] = set()
        self._lock, self._is_closed = Lock(), False

    def submit(
        self,
        visitor: Visitor,
        make: Callable[[], Work[EventT]],
        see: Callable[[EventT], None] = lambda event: None,
    ) -> Ticket[EventT]:
        """Ask for some work.

        Args:
            visitor: who asks.
            make: makes the work when it begins, so that nothing large waits.
            see: is told of each event, by another thread.

        Raises:
            QueueFullError: too much waits already.
            StoppedError: this is closed.
        """
        ticket = Ticket[EventT](visitor, Future(), self, make, see)
        with self._lock:
            if self._is_closed:
                raise StoppedError("The app is about to end.")
            self._order = None
            self._turns.arrive(visitor)
            self._waiting.append(ticket)
            self._begin()
            try:
                self._check_room(ticket)
            except QueueFullError:
                self._waiting.remove(ticket)
                self._forget()
                raise
        return ticket

    def place(self, ticket: Ticket[Any]) -> int:
        """See `Ticket.place`."""
        with self._lock:
            if ticket not in self._waiting:
                return 0
            if self._order is None:
                self._order = self._turns.order(self._waiting)
            return len(self._running) + self._order.index(ticket)

    def cancel(self, ticket: Ticket[Any]) -> None:
        """See `Ticket.cancel`."""
        with self._lock:
            ticket._is_cancelled = True
            run = ticket._run
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._forget()
        if run is not None:
            run.stop()
        ticket.result.cancel()

    def close(self) -> None:
        """Stop all work, and wait until nothing of it is left."""
        with self._lock:
            self._is_closed = True
            dropped, self._waiting = self._waiting, []
            threads = list(self._threads)
        for ticket in dropped:
            ticket.result.cancel()
        self._executor.close()
        for thread in threads:
            thread.join()

    def _check_room(self, ticket: Ticket[Any]) -> None:
        before = [each for each in self._waiting if each is not ticket]
        if len(before) == len(self._waiting):
            return  # It has begun.
        own = sum(each.visitor == ticket.visitor for each in before)
        if self._max_waiting_each is not None and own >= self._max_waiting_each:
            raise QueueFullError(
                f"You have {own} waiting already, as many as one visitor may: try again when one "
                "of them has begun."
            )
        if self._max_waiting is None or len(before) < self._max_waiting:
            return
        # Who fills it up does not keep out those from elsewhere.
        network = ticket.visitor.network
        has_some = any(each.visitor.network == network for each in before)
        if has_some or len(before) >= 2 * self._max_waiting:
            raise QueueFullError("The queue is full: try again in a minute.")

    def _begin(self) -> None:
        """Begin with as much as there are places for."""
        while not self._is_closed:
            ticket = self._turns.next(self._waiting, self._running)
            if ticket is None:
                return
            self._waiting.remove(ticket)
            if ticket.result.set_running_or_notify_cancel():
                self._running.append(ticket)
                thread = Thread(target=self._follow, args=(ticket,), daemon=True)
                self._threads.add(thread)
                thread.start()

    def _follow(self, ticket: Ticket[EventT]) -> None:
        """Have a ticket's work done; then its place is free, then its result is told."""
        events: list[EventT] = []
        error = CombinerError("Nothing came of it.")
        try:
            for event in self._events(ticket):
                events[:] = [event]
                ticket._see(event)
        except CombinerError as reason:
            error, events = reason, []
        except Exception:
            _LOG.exception("work could not be followed")
            error, events = CombinerError("It failed: the log of the app says why."), []
        with self._lock:
            self._running.remove(ticket)
            self._forget()
            self._begin()
        if events:
            ticket.result.set_result(events[0])
        else:
            ticket.result.set_exception(error)
        with self._lock:
            self._threads.discard(current_thread())

    def _events(self, ticket: Ticket[EventT]) -> Iterator[EventT]:
        run = self._executor.submit(ticket._make())
        with self._lock:
            ticket._run, is_cancelled = run, ticket._is_cancelled
        if is_cancelled:
            run.stop()
        yield from run

    def _forget(self) -> None:
        self._order = None
        self._turns.keep({each.visitor for each in (*self._waiting, *self._running)})
