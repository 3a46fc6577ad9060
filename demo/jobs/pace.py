"""How far a run is, told from its events: about what share of the time has passed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from combiner_core import EncodeOptions, Progress
from combiner_core.events import Phase
from combiner_core.options import EffortName
from combiner_core.signals import Kind
from demo.codecs import family_of


@dataclass(frozen=True)
class Stage:
    """A part of a run, and its usual share of the time."""

    phase: Phase
    share: float


def _refined(fit: float) -> tuple[Stage, ...]:
    rest = 1 - fit
    return (
        Stage("search", 0.6 * rest),
        Stage("fit", fit),
        Stage("code", 0.25 * rest),
        Stage("verify", 0.15 * rest),
    )


# As measured on an image of 768 x 512 pixels.
_MULTIRES: Mapping[EffortName, tuple[Stage, ...]] = MappingProxyType(
    {
        "fast": (Stage("search", 0.5), Stage("code", 0.25), Stage("verify", 0.25)),
        "balanced": _refined(0.68),
        "best": _refined(0.85),
    }
)
# Before so much is done, the time left is anybody's guess.
_LEAST_DONE = 0.3
# what is left may be so much more than is said
_MUCH_LONGER, _SLACK_S = 2.0, 3.0
_SIREN = (Stage("fit", 0.7), Stage("code", 0.28), Stage("verify", 0.02))


def stages_of(options: EncodeOptions, kind: Kind) -> tuple[Stage, ...]:
    """The stages of a run on a signal of some kind."""
    if family_of(options) == "siren":
        return _SIREN
    return _MULTIRES[options.effort if kind == "image" else "fast"]


class Pace:
    """Follows the events of one run.

    Args:
        stages: in order; those that a run skips do no harm.
        usual_s: how long such runs usually take, in seconds, if anybody knows.
    """

    def __init__(self, stages: Sequence[Stage], usual_s: float | None = None) -> None:
        self._stages, self._current = stages, 0
        self._walks, self._within, self._done = 0, 0.0, 0.0
        self._end_s = usual_s
        self._seen_s = 0.0

    def left_s(self, elapsed_s: float) -> float | None:
        """About how many seconds are left; ``None`` as long as nobody can say.

        At first it is what such runs usually take. It shrinks as time goes by. Where a run takes
        longer than it seemed, it stands still: the end moves on, but never by more than the time
        that has passed since. It is infinite while the end seems much further away than that.
        """
        if self._done < _LEAST_DONE:
            if self._end_s is None or elapsed_s >= self._end_s:
                return None
            self._seen_s = elapsed_s
            return self._end_s - elapsed_s
        found_s = shown_s = elapsed_s / self._done
        if self._end_s is not None:
            shown_s = min(found_s, self._end_s + max(0.0, elapsed_s - self._seen_s))
        self._end_s, self._seen_s = shown_s, elapsed_s
        left_s = max(0.0, shown_s - elapsed_s)
        is_late = found_s - elapsed_s > _MUCH_LONGER * left_s + _SLACK_S
        return math.inf if is_late else left_s

    def see(self, progress: Progress) -> float:
        """Share of the work that is done, from 0 to 1; it never falls."""
        self._advance(progress.phase)
        stage = self._stages[self._current]
        if stage.phase != progress.phase:
            return self._done
        within = progress.step / max(1, progress.total)
        if within < self._within:
            self._walks += 1
        self._within = within
        if stage.phase == "search":
            # It makes a few passes, nobody knows how many.
            within = 1 - 2.0 ** -(self._walks + within)
        before = sum(each.share for each in self._stages[: self._current])
        self._done = min(1.0, max(self._done, before + stage.share * min(within, 1.0)))
        return self._done

    def _advance(self, phase: Phase) -> None:
        for index in range(self._current, len(self._stages)):
            if self._stages[index].phase == phase:
                if index != self._current:
                    self._walks, self._within = 0, 0.0
                self._current = index
                return
