"""Dependent quantisation: reconstruction points that depend on the parities of the sizes before.

Two scalar quantisers share the multiples of a step: the first has the even ones, the second zero
and the odd ones. A trellis says which of them is next: a finite-state machine that the parity of
each size moves on. So the points of n weights are a code in n dimensions, denser than either
quantiser, whose words the Viterbi algorithm searches (Marcellin & Fischer 1990, trellis-coded
quantisation; with entropy coding as in JPEG 2000, part 2, and in VVC, Schwarz et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

# generators of good codes of rate 1/2 by number of states (Ungerboeck 1987)
_GENERATORS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {
        4: (0o5, 0o2),
        8: (0o13, 0o4),
        16: (0o23, 0o4),
        32: (0o45, 0o10),
        64: (0o103, 0o24),
        128: (0o235, 0o126),
        256: (0o515, 0o362),
    }
)
SCALAR = 1
STATE_COUNTS = (SCALAR, *_GENERATORS)
USUAL_STATES = 128


def transitions(states: int) -> NDArray[np.int64]:
    """The next state by state and parity of the size: (states, 2).

    The lowest bit of a state says which quantiser is used in it. With one state there is only the
    first quantiser, a scalar one.

    Raises:
        ValueError: there is no trellis of so many states.
    """
    if states == SCALAR:
        return np.zeros((1, 2), np.int64)
    if states not in _GENERATORS:
        raise ValueError(f"there is no trellis of {states} states, but of {STATE_COUNTS}")
    of_state, of_parity = (generator >> 1 for generator in _GENERATORS[states])
    state, parity = np.arange(states)[:, None], np.arange(2)
    return (state >> 1) ^ (state & 1) * of_state ^ parity * of_parity


def predecessors(following: NDArray[np.int64]) -> NDArray[np.int64]:
    """The state before each state, by an even and by an odd size: (states, 2).

    Args:
        following: result of `transitions`.
    """
    before = np.empty_like(following)
    for parity in range(2):
        before[following[:, parity], parity] = np.arange(len(following))
    return before
