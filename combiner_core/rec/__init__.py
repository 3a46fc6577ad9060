"""Relative entropy coding: posteriors to bits, with randomness the receiver shares.

The code of groups of weights is in `groups`, whose import takes a compiler.
"""

from combiner_core.rec.astar import BlockCoder
from combiner_core.rec.bit_allocation import Rates, blocks
from combiner_core.rec.coder import Bits, Coder, Key, StreamEncoder, encode
from combiner_core.rec.dependent_quantiser import STATE_COUNTS
from combiner_core.rec.entropy_tables import EntropyTables, Taps
from combiner_core.rec.group_prior import IntegerPrior
from combiner_core.rec.level_grids import Grid, Plane
from combiner_core.rec.randomness import permutation
from combiner_core.rec.trellis import TrellisCoder

__all__ = [
    "STATE_COUNTS",
    "Bits",
    "BlockCoder",
    "Coder",
    "EntropyTables",
    "Grid",
    "IntegerPrior",
    "Key",
    "Plane",
    "Rates",
    "StreamEncoder",
    "Taps",
    "TrellisCoder",
    "blocks",
    "encode",
    "make_coder",
    "permutation",
]


def make_coder(name: str, **settings: int) -> Coder:
    """The coder "trellis", "astar" or "greedy", with fields of its class as `settings`.

    Raises ValueError for an unknown name or a setting out of range, TypeError for an unknown one.

    >>> make_coder("trellis", state_bits=12).name
    'trellis'
    """
    match name:
        case "trellis":
            return TrellisCoder(**settings)
        case "astar" | "greedy":
            return BlockCoder(rule=name, **settings)
    raise ValueError(f"unknown coder {name!r}: choose trellis, astar or greedy")
