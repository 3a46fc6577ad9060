"""Scale factors of tiles: where a prior variance is locally wrong, a power of two sets it right.

The idea is that of scale factors in audio codecs (ISO/IEC 11172-3): side information by region.

A random code of fixed rate pays twice for a wrong variance, with bits where it is too large and
with distortion where it is too small. For every tile of places of a group one exponent j multiplies
the variances by 2^j. Exponents are entropy-coded under contexts: how much information the tile is
expected to have, and the exponents known of its surroundings. Tiles of even row + column come
first, the others then know all their neighbours. Everything both sides compute is in integers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import NATS_PER_BIT, target_loss_coefficients
from combiner_core.rec.range_coder import RangeDecoder, RangeEncoder
from combiner_core.rec.variance_tables import rates, variances
from combiner_core.rec.wire import (
    FIRST_ACTIVE,
    FIRST_SCALAR,
    LOG_VARIANCE_UNITS,
    MAX_LOG_VARIANCE,
    MIN_LOG_VARIANCE,
    RATE_UNITS,
)

# expected information of a tile, in bits, that begins the next class
_INFORMATION_BITS = np.array([0.5, 2, 6, 16, 40, 100])
# mean exponent around, in twelfths of a place in the list of exponents, above which the next class
# begins; the first class of all is that of tiles with nothing known around
_AROUND_TWELFTHS = np.array([-8, -3, 3, 15])
# typical exponent of each class of surroundings, in half places
_TYPICAL_HALVES = np.array([0, -2, -1, 0, 2, 4])
_N_INFORMATION = len(_INFORMATION_BITS) + 1
_N_AROUND = len(_AROUND_TWELFTHS) + 2
_N_PASSES = 2
N_CONTEXTS = _N_PASSES * _N_INFORMATION * _N_AROUND

# counts are kept in sixteenths of a tile
SEEN = 16
_PREVIOUS_WEIGHT = 2
# how far from the mean of all targets, in their deviations, a random code follows one: it does to
# 2.0 deviations where v = 0.7, to 3.2 where v = 4 and to 3.5 and a little more from v = 16 on
_REACH = 3.4

# gets the flat indices of tiles and their contexts (n,), returns places in the list of exponents
CodeTiles = Callable[[NDArray[np.intp], NDArray[np.intp]], NDArray[np.intp]]


def typical_counts(exponents: tuple[int, ...]) -> NDArray[np.int32]:
    """Counts before any have been seen: (N_CONTEXTS, len(exponents)).

    They fall by half for each half place away from what the surroundings suggest.
    """
    halves = 2 * (np.arange(len(exponents)) - exponents.index(0))
    counts = 1024 >> np.minimum(np.abs(halves - _TYPICAL_HALVES[:, None]), 10)
    return np.tile(counts, (_N_PASSES * _N_INFORMATION, 1)).astype(np.int32)


class ScaleFactors:
    """Exponents of the groups so far, and counts of what each context has had.

    Attributes:
        seen: tiles that had each exponent in each context: (N_CONTEXTS, len(exponents)).
    """

    def __init__(
        self, tile: tuple[int, int], exponents: tuple[int, ...], counts: NDArray[np.int32]
    ) -> None:
        self._tile = tile
        self._exponents = np.array(exponents)
        self._neutral = exponents.index(0)
        self._prior_counts = counts.astype(np.int64)
        self._known: dict[int, _Known] = {}
        self.seen = np.zeros(counts.shape, dtype=np.int64)

    @property
    def counts(self) -> NDArray[np.int64]:
        """What the probabilities of exponents are proportional to, by context."""
        return self._prior_counts + SEEN * self.seen

    @property
    def costs_bits(self) -> NDArray[np.float64]:
        """Information of each exponent by context."""
        counts = self.counts
        costs: NDArray[np.float64] = np.log2(counts.sum(1, keepdims=True)) - np.log2(counts)
        return costs

    def apply(
        self,
        index: int,
        previous: int | None,
        log_variance: NDArray[np.int16],
        coded: NDArray[np.bool_],
        code: CodeTiles,
    ) -> NDArray[np.int16]:
        """Get the exponents of a group from `code`, and add them to the log-variances.

        Args:
            index: number of the group.
            previous: number of an earlier group with the same grid, if there is one.
            log_variance: clamped, (C, h, w).
            coded: weights that exist (C, h, w); tiles without any have no exponent.
            code: is asked for the exponents of each pass.

        Returns:
            Log-variances (C, h, w), which may be beyond the tables' range.

        Raises:
            ValueError: the previous group is unknown or has another grid.
        """
        information = self._sum(rates(log_variance) * coded)
        exist = self._sum(coded) > 0
        level = np.searchsorted(RATE_UNITS * _INFORMATION_BITS, information, side="right")
        before = _Known.nothing(exist.shape)
        if previous is not None:
            if previous not in self._known or self._known[previous].exist.shape != exist.shape:
                raise ValueError(f"group {index} cannot follow group {previous}: another grid")
            before = self._known[previous]
        odd = np.add.outer(np.arange(exist.shape[0]), np.arange(exist.shape[1])) % 2
        now = _Known.nothing(exist.shape)
        seen = np.zeros(self.seen.size, dtype=np.int64)
        for part in range(_N_PASSES):
            tiles = np.flatnonzero(exist & (odd == part))
            around = _around(before, now).ravel()[tiles]
            contexts = (part * _N_INFORMATION + level.ravel()[tiles]) * _N_AROUND + around
            chosen = code(tiles, contexts)
            now.exist.flat[tiles] = True
            now.places.flat[tiles] = chosen - self._neutral
            symbols = contexts * len(self._exponents) + chosen
            seen += np.bincount(symbols, minlength=seen.size)
        self._known[index] = now
        self.seen += seen.reshape(self.seen.shape)
        steps = LOG_VARIANCE_UNITS * self._exponents[now.places + self._neutral]
        return log_variance + self._spread(steps.astype(np.int16), coded.shape[1:])

    def likelihood_bits(
        self,
        difference: NDArray[np.float32],
        log_variance: NDArray[np.int16],
        coded: NDArray[np.bool_],
        all_scalar: bool,
    ) -> NDArray[np.float32]:
        """Minus the log-likelihood of the targets of each tile, up to a constant.

        A target c is N(m, 1 + v) under the prior: this is the expected rate and excess distortion
        of its code, and what the exponent j adds by making v 2^j of v. Weights that are not coded
        have no variance. A target beyond the reach of a random code adds the distortion that is
        left.

        Args:
            difference: c - m (C, h, w), in noise scales.
            log_variance: clamped, (C, h, w).
            coded: weights that count, (C, h, w).
            all_scalar: whether none of them has a random code.

        Returns:
            Bits (n_tiles, len(exponents)), tiles in the order of rows.
        """
        # Imported here because receivers have no use for the compiler, which is slow to load.
        from combiner_core.rec import _kernels

        variance = variances()[:, None] * np.exp2(self._exponents)
        log_variances = np.arange(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE + 1)[:, None]
        active = log_variances + LOG_VARIANCE_UNITS * self._exponents >= FIRST_ACTIVE
        variance = np.where(active, variance, 0.0)
        rates_bits, precisions = (
            (nats / NATS_PER_BIT).astype(np.float32) for nats in target_loss_coefficients(variance)
        )
        random = active & (log_variances + LOG_VARIANCE_UNITS * self._exponents < FIRST_SCALAR)
        random &= not all_scalar
        reaches = np.where(random, _REACH * np.sqrt(1 + variance), np.inf).astype(np.float32)
        rows, columns = self._tile
        _, height, width = difference.shape
        n_exponents = len(self._exponents)
        costs = np.zeros((-(-height // rows), -(-width // columns), n_exponents), np.float32)
        _kernels.tile_costs(
            np.ascontiguousarray(difference),
            np.ascontiguousarray(log_variance - np.int16(MIN_LOG_VARIANCE)),
            np.ascontiguousarray(coded),
            self._tile,
            rates_bits,
            precisions,
            reaches,
            np.float32(0.5 / NATS_PER_BIT),
            costs,
        )
        return costs.reshape(-1, n_exponents)

    def chosen(
        self, tile_costs: NDArray[np.float32], tiles: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Places of the exponents with the least of costs (n_tiles, exponents) and side bits."""
        places: NDArray[np.intp] = (tile_costs[tiles] + self.costs_bits[contexts]).argmin(1)
        return places

    def write(
        self, writer: RangeEncoder, places: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> None:
        """Write the exponents of one pass, those of each context together."""
        writer.symbols(places, contexts, self.counts)

    def read(self, reader: RangeDecoder, contexts: NDArray[np.intp]) -> NDArray[np.intp]:
        """Read the exponents of one pass: (n,). Raises MessageEnded if not all were received."""
        return reader.symbols(contexts, self.counts).astype(np.intp)

    def _sum(self, values: NDArray[np.generic]) -> NDArray[np.int64]:
        """Sum (C, h, w) over channels and tiles."""
        rows, columns = self._tile
        _, height, width = values.shape
        total = values.sum(0, dtype=np.int64)
        total = np.add.reduceat(total, np.arange(0, height, rows), axis=0)
        return np.add.reduceat(total, np.arange(0, width, columns), axis=1)

    def _spread(self, values: NDArray[np.int16], size: tuple[int, ...]) -> NDArray[np.int16]:
        """Values of tiles at all their places: (h, w)."""
        rows, columns = self._tile
        return values.repeat(rows, 0)[: size[0]].repeat(columns, 1)[:, : size[1]]


class _Known:
    """Which tiles of a grid have exponents, and their places in the list counted from that of 0."""

    def __init__(self, exist: NDArray[np.bool_], places: NDArray[np.intp]) -> None:
        self.exist, self.places = exist, places

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> _Known:
        return cls(np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.intp))


def _around(before: _Known, now: _Known) -> NDArray[np.intp]:
    """Class of what is known around each tile."""
    total = _PREVIOUS_WEIGHT * before.places + _neighbours(now.places)
    known = _PREVIOUS_WEIGHT * before.exist + _neighbours(now.exist.astype(np.intp))
    above = (12 * total)[..., None] > known[..., None] * _AROUND_TWELFTHS
    return np.where(known > 0, 1 + above.sum(-1), 0)


def _neighbours(values: NDArray[np.intp]) -> NDArray[np.intp]:
    """Sum over the four neighbours of each tile."""
    total = np.zeros_like(values)
    total[1:] += values[:-1]
    total[:-1] += values[1:]
    total[:, 1:] += values[:, :-1]
    total[:, :-1] += values[:, 1:]
    return total
