"""Entropy tables: what both sides know about groups of weights before any is coded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec import scalar_quantiser as scalar
from combiner_core.rec import scale_factors as scales

_MAX_TILE_SIDE = 64
_MAX_EXPONENT = 16
_MAX_COUNT = 1 << 20
# a learned context weighs as much as this many tiles seen
_STRENGTH_TILES = 256
# and mixes in as much of the untrained counts
_UNTRAINED_TILES = 4


@dataclass(frozen=True, eq=False)
class EntropyTables:
    """Sizes of tiles, exponents of their scale factors, and integer tables of probabilities.

    Attributes:
        tile: rows and columns of a tile, 1 to 64 each.
        exponents: of a tile, ascending, 0 among them.
        exponent_counts: in sixteenths of a tile: (N_CONTEXTS, len(exponents)) int32.
        scalar_counts: of quotients' high parts: (N_TABLES, N_SYMBOLS) int32.

    Raises:
        ValueError: a size, an exponent or a table is not as described, or a count is not positive.
    """

    tile: tuple[int, int]
    exponents: tuple[int, ...]
    exponent_counts: NDArray[np.int32] = field(repr=False)
    scalar_counts: NDArray[np.int32] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.tile) != 2 or not all(1 <= side <= _MAX_TILE_SIDE for side in self.tile):
            raise ValueError(f"tiles of {self.tile} places: sides must be 1 to {_MAX_TILE_SIDE}")
        ascending = all(a < b for a, b in zip(self.exponents, self.exponents[1:], strict=False))
        if not ascending or 0 not in self.exponents or len(self.exponents) < 2:
            raise ValueError(f"exponents {self.exponents} are not ascending numbers with 0 inside")
        if max(map(abs, self.exponents)) > _MAX_EXPONENT:
            raise ValueError(f"exponents {self.exponents} go beyond {_MAX_EXPONENT}")
        _check_counts(self.exponent_counts, (scales.N_CONTEXTS, len(self.exponents)))
        _check_counts(self.scalar_counts, (scalar.N_TABLES, scalar.N_SYMBOLS))

    @classmethod
    def untrained(cls, tile: tuple[int, int], exponents: tuple[int, ...]) -> EntropyTables:
        """Plausible tables. Raises ValueError like the class itself."""
        if 0 not in exponents:
            raise ValueError(f"exponents {exponents} lack 0")
        exponent_counts = scales.typical_counts(exponents)
        return cls(tile, exponents, exponent_counts, scalar.typical_counts())

    def learned(
        self, seen: NDArray[np.integer], quotients_seen: NDArray[np.integer] | None = None
    ) -> EntropyTables:
        """Tables with counts in proportion to what was seen in training.

        Args:
            seen: tiles with each exponent in each context, see `GroupEncoder.exponent_counts`.
            quotients_seen: symbols under each table, see `CountingSink.quotient_counts`; None
                leaves those tables as they are.

        Raises:
            ValueError: the counts have another shape or are negative.
        """
        if quotients_seen is None:
            quotients_seen = np.zeros_like(self.scalar_counts)
        if quotients_seen.shape != self.scalar_counts.shape or np.min(quotients_seen) < 0:
            raise ValueError("counts of quotients have a wrong shape or are negative")
        if seen.shape != self.exponent_counts.shape or np.min(seen) < 0:
            raise ValueError("counts of exponents have a wrong shape or are negative")
        typical = scales.typical_counts(self.exponents)
        mixed = seen + _UNTRAINED_TILES * typical / typical.sum(1, keepdims=True)
        counts = scales.SEEN * _STRENGTH_TILES * mixed / mixed.sum(1, keepdims=True)
        rounded = np.maximum(1, np.rint(counts)).astype(np.int32)
        scalar_counts = scalar.learned_counts(self.scalar_counts, quotients_seen)
        return replace(self, exponent_counts=rounded, scalar_counts=scalar_counts)


def _check_counts(counts: NDArray[np.int32], shape: tuple[int, int]) -> None:
    if counts.dtype != np.int32 or counts.shape != shape:
        raise ValueError(f"a table of counts is {counts.dtype} {counts.shape}, not int32 {shape}")
    if counts.min() < 1 or counts.max() > _MAX_COUNT:
        raise ValueError(f"a table's counts are not all between 1 and {_MAX_COUNT}")
