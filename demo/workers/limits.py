"""How much time and memory a piece of work may take."""

from __future__ import annotations

from dataclasses import dataclass

from combiner_core import CombinerError


@dataclass(frozen=True)
class RunLimits:
    """What a piece of work may take.

    Attributes:
        time_s: from its beginning, in seconds.
        memory_bytes: resident memory of its process. Not its addresses: those that libraries
            reserve come to many times what they use.

    Raises:
        CombinerError: one is not positive.
    """

    time_s: float
    memory_bytes: int

    def __post_init__(self) -> None:
        if not (self.time_s > 0 and self.memory_bytes > 0):
            raise CombinerError("Limits of time and memory are positive.")
