"""How long runs usually take on this machine, learned from those that were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType

from combiner_core import EncodeOptions
from combiner_core.options import EffortName
from combiner_core.signals import Kind
from demo.codecs import family_of
from demo.media import Extent

# Seconds for a megapixel and a second of sound on two cores that multiply bfloat16 fast, and before
# the first of them.
_IMAGE_S: Mapping[EffortName, float] = MappingProxyType(
    {"fast": 4.5, "balanced": 25.0, "best": 36.0}
)
_AUDIO_S, _SETUP_S = 0.25, 0.4
# The steps of a siren have as many coordinates whatever the size of the signal.
_SIREN_S: Mapping[Kind, Mapping[EffortName, float]] = MappingProxyType(
    {
        "image": MappingProxyType({"fast": 30.0, "balanced": 90.0, "best": 360.0}),
        "audio": MappingProxyType({"fast": 50.0, "balanced": 150.0, "best": 480.0}),
    }
)
# of what is known: the newest run
_NEWEST_SHARE, _MOST_CHANGE = 0.5, math.log(2)
_MOST_TIMES = 100.0


class RunTimes:
    """Usual seconds of runs: how much slower those before were than is expected."""

    def __init__(self) -> None:
        self._log_times: dict[tuple[Kind, str], float] = {}
        self._lock = Lock()

    def usual_s(self, extent: Extent, options: EncodeOptions) -> float:
        """How long a run usually takes, in seconds."""
        log_times = self._log_times.get((extent.kind, family_of(options)), 0.0)
        return _expected_s(extent, options) * math.exp(log_times)

    def see(self, extent: Extent, options: EncodeOptions, took_s: float) -> None:
        """Learn from a run that took so many seconds."""
        times = took_s / _expected_s(extent, options)
        found = math.log(min(max(times, 1 / _MOST_TIMES), _MOST_TIMES))
        kind = extent.kind, family_of(options)
        with self._lock:
            before = self._log_times.get(kind, found)
            # a run that was easy, or came while much else went on, says little of the next
            change = min(max(found - before, -_MOST_CHANGE), _MOST_CHANGE)
            self._log_times[kind] = before + _NEWEST_SHARE * change


def _expected_s(extent: Extent, options: EncodeOptions) -> float:
    if family_of(options) == "siren":
        return _SIREN_S[extent.kind][options.effort]
    if extent.kind == "image":
        return _SETUP_S + _IMAGE_S[options.effort] * extent.size / 1e6
    return _SETUP_S + _AUDIO_S * extent.size
