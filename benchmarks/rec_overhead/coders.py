"""Relative entropy coders as benchmarks choose them: by name and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from combiner_core.errors import CombinerError
from combiner_core.rec import STATE_COUNTS, Coder, make_coder

DEPENDENT = "dependent"


@dataclass(frozen=True, order=True)
class CoderChoice:
    """A relative entropy coder.

    Attributes:
        name: as in `rec.make_coder`, or "dependent" for the entropy-coded trellis.
        size: bits of the trellis' state, or of a block.

    Raises:
        CombinerError: there is none of this name and size.
    """

    name: str
    size: int

    def __post_init__(self) -> None:
        if self.is_dependent:
            if 1 << self.size not in STATE_COUNTS:
                raise CombinerError(f"There is no coder {self.name} of {self.size} bits.")
            return
        try:
            self.make()
        except ValueError as error:
            raise CombinerError(f"There is no coder {self.name} of {self.size} bits.") from error

    @property
    def is_dependent(self) -> bool:
        """Whether it is the entropy-coded trellis, which only codes groups of weights."""
        return self.name == DEPENDENT

    def make(self, commit_bits: int = 512) -> Coder:
        """The coder, which commits about so many bits at a time."""
        if self.name == "trellis":
            return make_coder(self.name, state_bits=self.size, commit_bits=commit_bits)
        blocks = max(1, commit_bits // max(1, self.size))
        return make_coder(self.name, block_bits=self.size, commit_blocks=blocks)

    @property
    def text(self) -> str:
        """For tables."""
        of_states = self.name in ("trellis", DEPENDENT)
        return f"{self.name} of {self.size} {'state' if of_states else 'block'} bits"


def choices(
    names: Sequence[str], state_bits: Sequence[int], block_bits: Sequence[int]
) -> list[CoderChoice]:
    """Coders of some names, trellises in some sizes of the state, the others of the block.

    The entropy-coded trellis is taken in all of its sizes.
    """
    sizes = {
        "trellis": state_bits,
        DEPENDENT: [count.bit_length() - 1 for count in STATE_COUNTS if count > 1],
    }
    return [CoderChoice(name, size) for name in names for size in sizes.get(name, block_bits)]
