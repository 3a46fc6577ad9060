"""Pictures of a run for whoever watches: how large they may be, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Small ones take hardly any time.
SMALL_SIDE, LARGE_SIDE = 192, 2048
_INTERVAL_S, _WORK_FOR_EACH_S = 1.0, 9.0


class PreviewTimes:
    """Times of larger previews: at most one a second, and a tenth of a run in all."""

    def __init__(self) -> None:
        self._due_s = 0.0

    @property
    def most_side(self) -> int:
        """Pixels that the longer side of a preview may have now."""
        return LARGE_SIDE if time.monotonic() >= self._due_s else SMALL_SIDE

    @contextmanager
    def making(self) -> Iterator[None]:
        """Time the making of a larger preview, before the next may be made."""
        started_s = time.monotonic()
        yield
        ended_s = time.monotonic()
        self._due_s = ended_s + max(_INTERVAL_S, _WORK_FOR_EACH_S * (ended_s - started_s))
