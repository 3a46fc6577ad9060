"""Turns: round robin between networks, and between the visitors of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True)
class Visitor:
    """Somebody who asks for work.

    Attributes:
        network: that they come from. Networks take turns, and visitors within each: who pretends
            to be many gains nothing over those from elsewhere.
        name: of the browser or program.
    """

    network: str
    name: str


class Asked(Protocol):
    """Something that a visitor asked for."""

    @property
    def visitor(self) -> Visitor:
        """Who asked."""
        ...


AskedT = TypeVar("AskedT", bound=Asked)
# When the last turn was, of visitors and of networks.
_Served = dict[Visitor | str, int]


class Turns:
    """Who is next: whose last turn is longest ago; each visitor's own things go in order.

    Args:
        places: how many things are done at a time.
    """

    def __init__(self, places: int) -> None:
        self._places, self._clock = places, 0
        self._served: _Served = {}

    def arrive(self, visitor: Visitor) -> None:
        """A visitor asks for something; of a new one, all others but the last served go first."""
        for key in (visitor.network, visitor):
            self._served.setdefault(key, self._clock - 1)

    def next(self, waiting: Sequence[AskedT], running: Iterable[AskedT]) -> AskedT | None:
        """What begins now, if there is a place; it counts as the turn of its visitor.

        Where all places are taken and one visitor has several, or one network, those who have none
        get one more.

        Args:
            waiting: in the order of their coming.
            running: what is being done.
        """
        taken = [each.visitor for each in running]
        if len(taken) > self._places:
            return None
        if len(taken) == self._places:
            waiting = [each for each in waiting if _is_crowded_out(each.visitor, taken)]
        chosen = _first(waiting, self._served)
        if chosen is not None:
            self._clock += 2
            _serve(chosen, self._served, self._clock)
        return chosen

    def order(self, waiting: Sequence[AskedT]) -> list[AskedT]:
        """What waits, in the order in which it would begin if nothing more came."""
        rest, ordered = list(waiting), list[AskedT]()
        served, clock = dict(self._served), self._clock
        while (chosen := _first(rest, served)) is not None:
            clock += 2
            _serve(chosen, served, clock)
            rest.remove(chosen)
            ordered.append(chosen)
        return ordered

    def keep(self, present: Collection[Visitor]) -> None:
        """Forget all visitors but these, of whom something waits or runs."""
        known = {*present, *(visitor.network for visitor in present)}
        self._served = {each: turn for each, turn in self._served.items() if each in known}

    def __len__(self) -> int:
        """Visitors and networks remembered."""
        return len(self._served)


def _is_crowded_out(visitor: Visitor, taken: Sequence[Visitor]) -> bool:
    """Whether somebody has no place while another visitor, or network, has several."""
    visitors, networks = Counter(taken), Counter(each.network for each in taken)
    return (visitor not in visitors and max(visitors.values()) > 1) or (
        visitor.network not in networks and max(networks.values()) > 1
    )


def _first(waiting: Sequence[AskedT], served: _Served) -> AskedT | None:
    def last_turns(asked: AskedT) -> tuple[int, int]:
        return served[asked.visitor.network], served[asked.visitor]

    return min(waiting, key=last_turns, default=None)


def _serve(asked: Asked, served: _Served, clock: int) -> None:
    served[asked.visitor.network] = served[asked.visitor] = clock
