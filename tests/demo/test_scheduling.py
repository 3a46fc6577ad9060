"""Scheduling: visitors take turns, nobody has too much waiting, who leaves frees the place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from works import Abort, Count, HoldInterpreter, Sleep

from demo.scheduling import QueueFullError, Scheduler, Ticket, Visitor
from demo.scheduling.turns import Turns
from demo.workers import LocalExecutor, RunLimits, Setup, StoppedError, WorkerDiedError

WAIT_S = 120.0
ANNA, BEN, CARL = (Visitor("198.51.100.1", name) for name in ("anna", "ben", "carl"))
DORA = Visitor("203.0.113.9", "dora")


@dataclass(eq=False)
class Asked:
    visitor: Visitor


@pytest.fixture
def make() -> Iterator[Callable[..., Scheduler]]:
    made: list[Scheduler] = []

    def scheduler(places: int = 1, **bounds: int) -> Scheduler:
        executor = LocalExecutor(Setup(device="cpu"), RunLimits(600, 8 << 30), kept=places)
        made.append(Scheduler(executor, places, **bounds))
        return made[-1]

    yield scheduler
    for each in made:
        each.close()


def await_start(ticket: Ticket[int]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not ticket.result.running():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def turns_of(visitors: list[Visitor], served: Turns | None = None) -> list[Visitor]:
    """Who has a turn after whom, if all of these ask at once."""
    turns = served or Turns(1)
    waiting = [Asked(visitor) for visitor in visitors]
    for each in waiting:
        turns.arrive(each.visitor)
    order = []
    while (chosen := turns.next(waiting, [])) is not None:
        waiting.remove(chosen)
        order.append(chosen.visitor)
    return order


def test_visitors_take_turns() -> None:
    assert turns_of([ANNA] * 4 + [BEN] * 2) == [ANNA, BEN, ANNA, BEN, ANNA, ANNA]


def test_networks_take_turns_before_their_visitors_do() -> None:
    asked = [ANNA, ANNA, BEN, CARL, DORA, DORA, DORA]
    assert turns_of(asked) == [ANNA, DORA, BEN, DORA, CARL, DORA, ANNA]


def test_who_comes_late_waits_for_one_turn_at_most() -> None:
    turns = Turns(1)
    waiting = [Asked(ANNA) for _ in range(5)]
    for _ in range(3):
        turns.arrive(ANNA)
        chosen = turns.next(waiting, [])
        assert chosen is not None
        waiting.remove(chosen)
    waiting.append(Asked(BEN))
    turns.arrive(BEN)
    chosen = turns.next(waiting, [])
    assert chosen is not None
    assert chosen.visitor == BEN


def test_who_asks_again_and_again_does_not_overtake() -> None:
    turns = Turns(1)
    turns.arrive(BEN)
    waiting = [Asked(BEN) for _ in range(3)]
    order = []
    for _ in range(3):
        turns.arrive(ANNA)
        waiting.append(Asked(ANNA))
        for _ in range(2):
            chosen = turns.next(waiting, [])
            assert chosen is not None
            waiting.remove(chosen)
            order.append(chosen.visitor)
            turns.keep({each.visitor for each in waiting})
    assert order.count(BEN) == 3
    assert all(first != second for first, second in pairwise(order))


@given(st.lists(st.sampled_from([ANNA, BEN, CARL, DORA]), max_size=12))
def test_the_order_foretold_is_the_order_that_comes(visitors: list[Visitor]) -> None:
    turns = Turns(1)
    waiting = [Asked(visitor) for visitor in visitors]
    for each in waiting:
        turns.arrive(each.visitor)
    foretold = turns.order(waiting)
    for each in foretold:
        assert turns.next(waiting, []) is each
        waiting.remove(each)
    assert waiting == []


@given(st.lists(st.sampled_from([ANNA, BEN, CARL, DORA]), min_size=1, max_size=30))
def test_no_visitor_is_served_twice_while_another_of_their_network_waits(
    visitors: list[Visitor],
) -> None:
    order = turns_of(visitors)
    assert sorted(order, key=str) == sorted(visitors, key=str)
    for network in {visitor.network for visitor in visitors}:
        own = [visitor for visitor in order if visitor.network == network]
        for index, (first, second) in enumerate(pairwise(own)):
            assert first != second or set(own[index + 1 :]) == {first}


def test_only_those_present_are_remembered() -> None:
    turns = Turns(1)
    for index in range(100):
        turns.arrive(Visitor(str(index), "x"))
    turns.keep({Visitor("7", "x")})
    assert len(turns) == 2


def test_results_and_errors_arrive(make: Callable[..., Scheduler]) -> None:
    scheduler, seen = make(), list[int]()
    assert scheduler.submit(ANNA, lambda: Count(3), seen.append).result.result(WAIT_S) == 2
    assert seen == [0, 1, 2]
    with pytest.raises(WorkerDiedError):
        scheduler.submit(ANNA, Abort).result.result(WAIT_S)


def test_work_is_done_side_by_side(make: Callable[..., Scheduler]) -> None:
    scheduler = make(2)
    tickets = [scheduler.submit(ANNA, Sleep) for _ in range(3)]
    for ticket in tickets[:2]:
        await_start(ticket)
    assert tickets[2].place == 2
    assert not tickets[2].result.running()


def test_one_visitor_with_all_places_does_not_stop_another(make: Callable[..., Scheduler]) -> None:
    scheduler = make(2)
    own = [scheduler.submit(ANNA, HoldInterpreter) for _ in range(4)]
    assert scheduler.submit(BEN, lambda: Count(2)).result.result(WAIT_S) == 1
    assert [ticket.result.running() for ticket in own] == [True, True, False, False]


def test_many_names_of_one_network_do_not_keep_all_places() -> None:
    turns = Turns(2)
    running, waiting = [Asked(ANNA), Asked(BEN)], [Asked(CARL), Asked(DORA)]
    for each in (*running, *waiting):
        turns.arrive(each.visitor)
    extra = turns.next(waiting, running)
    assert extra is not None
    assert extra.visitor == DORA
    assert turns.next(waiting, [*running, extra]) is None
    alone = Visitor("192.0.2.4", "emil")
    turns.arrive(alone)
    assert turns.next([Asked(alone)], [Asked(ANNA), Asked(DORA)]) is None


def test_two_visitors_alternate(make: Callable[..., Scheduler]) -> None:
    scheduler, order = make(), list[Visitor]()
    first = scheduler.submit(ANNA, Sleep)
    await_start(first)
    tickets = []
    for visitor in [ANNA] * 3 + [BEN] * 3:
        see = partial(lambda visitor, _: order.append(visitor), visitor)
        tickets.append(scheduler.submit(visitor, lambda: Count(1), see))
    assert [ticket.place for ticket in tickets] == [2, 4, 6, 1, 3, 5]
    first.cancel()
    for ticket in tickets:
        ticket.result.result(WAIT_S)
    assert order == [BEN, ANNA] * 3


def test_what_may_wait_is_bounded(make: Callable[..., Scheduler]) -> None:
    scheduler = make(max_waiting=3, max_waiting_each=2)
    scheduler.submit(ANNA, Sleep)
    waiting = [scheduler.submit(ANNA, Sleep) for _ in range(2)]
    with pytest.raises(QueueFullError, match=r"^You have 2 waiting already, "):
        scheduler.submit(ANNA, Sleep)
    scheduler.submit(BEN, Sleep)
    with pytest.raises(QueueFullError, match=r"^The queue is full: "):
        scheduler.submit(CARL, Sleep)
    # Those from elsewhere may still have one each, up to a point.
    scheduler.submit(DORA, Sleep)
    with pytest.raises(QueueFullError, match=r"^The queue is full: "):
        scheduler.submit(DORA, Sleep)
    others = [Visitor(f"203.0.113.{number}", "x") for number in range(3)]
    for other in others[:2]:
        scheduler.submit(other, Sleep)
    with pytest.raises(QueueFullError, match=r"^The queue is full: "):
        scheduler.submit(others[2], Sleep)
    for ticket in waiting:
        ticket.cancel()
    scheduler.submit(others[2], Sleep)


def test_nothing_need_wait_where_there_is_a_place(make: Callable[..., Scheduler]) -> None:
    scheduler = make(max_waiting=0)
    first = scheduler.submit(ANNA, Sleep)
    with pytest.raises(QueueFullError):
        scheduler.submit(BEN, Sleep)
    first.cancel()
    with pytest.raises(StoppedError):
        first.result.result(WAIT_S)
    assert scheduler.submit(BEN, lambda: Count(1)).result.result(WAIT_S) == 0


def test_who_leaves_frees_the_place(make: Callable[..., Scheduler]) -> None:
    scheduler = make()
    running, waiting = scheduler.submit(ANNA, HoldInterpreter), scheduler.submit(ANNA, Sleep)
    last = scheduler.submit(BEN, lambda: Count(2))
    await_start(running)
    waiting.cancel()
    running.cancel()
    assert last.result.result(WAIT_S) == 1
    with pytest.raises(CancelledError):
        waiting.result.result(WAIT_S)


def test_closing_leaves_nothing(make: Callable[..., Scheduler]) -> None:
    scheduler = make()
    tickets = [scheduler.submit(ANNA, Sleep) for _ in range(3)]
    await_start(tickets[0])
    scheduler.close()
    assert all(ticket.result.done() for ticket in tickets)
    with pytest.raises(StoppedError):
        scheduler.submit(ANNA, Sleep)
