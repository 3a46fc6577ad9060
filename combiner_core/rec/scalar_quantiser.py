"""Scalar quantisation of the few weights with much information, which a random code does badly.

A weight's quotient q is its distance from the prior mean in steps of sqrt(12) noise scales, whose
rounding error has the noise scale as deviation. It is coded as a high part, under a table for
heavy-tailed scale mixtures of Gaussians, and low bits as they are; which of its bits are low
follows from the prior variance, so that the high part never has a deviation of more than seven.
High parts beyond the table are escapes followed by an exponential-Golomb code (Teuhola 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from combiner_core.rec.range_coder import MAX_NUMBER_BITS, RangeDecoder, RangeEncoder
from combiner_core.rec.variance_tables import moved
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, MIN_SCALAR, VALUE_UNITS

# sqrt(12) in units of 1/16
STEP = 55
LAST = 16
N_SYMBOLS = 2 * LAST + 1
_SQUARE_BITS = (STEP / VALUE_UNITS) ** 2 / (2 * math.log(2))
# log-variances of one octave of deviations, the lowest of which has no low bits
_OCTAVE = 2 * LOG_VARIANCE_UNITS
_FIRST_OCTAVE = 56
# tables of that octave, and of smaller log-variances down to the least
N_TABLES = _OCTAVE + _FIRST_OCTAVE - MIN_SCALAR

# weights and relative deviations of the mixture that prior errors were found to follow
_MIXTURE = ((0.85, 0.9), (0.12, 1.8), (0.028, 5.4), (0.002, 36.0))
_TABLE_TOTAL = 1 << 16
# a given table weighs as much as so many symbols seen
_STRENGTH = 300
# width of the number of digits of an escape's remainder
_LENGTH_BITS = 5


def typical_counts() -> NDArray[np.int32]:
    """Tables of the high part, from the least log-variance to the end of the first octave.

    Greater log-variances share the tables of that octave: (N_TABLES, N_SYMBOLS).
    """
    log_variance = (MIN_SCALAR + np.arange(N_TABLES)) / LOG_VARIANCE_UNITS
    steps = np.exp2(log_variance / 2) * VALUE_UNITS / STEP
    edges = (np.arange(-LAST, LAST) + 0.5) / steps[:, None]
    below = sum(weight * ndtr(edges / deviation) for weight, deviation in _MIXTURE)
    return _to_counts(np.diff(below, prepend=0, append=1))


def learned_counts(counts: NDArray[np.int32], seen: NDArray[np.integer]) -> NDArray[np.int32]:
    """Tables in proportion to symbols seen in training, and a little to given ones."""
    mixed = seen + _STRENGTH * counts / counts.sum(1, keepdims=True)
    return _to_counts(mixed / mixed.sum(1, keepdims=True))


def _to_counts(probabilities: NDArray[np.floating]) -> NDArray[np.int32]:
    counts = np.maximum(1, np.floor(_TABLE_TOTAL * probabilities + 0.5))
    return np.asarray(counts, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class ScalarQuantiser:
    """Quantises and codes weights with given log-variances, at least MIN_SCALAR each.

    Attributes:
        counts: tables of the high part (N_TABLES, N_SYMBOLS).
    """

    counts: NDArray[np.int32]

    @cached_property
    def _costs_bits(self) -> NDArray[np.float64]:
        costs: NDArray[np.float64] = np.log2(self.counts.sum(1, keepdims=True)) - np.log2(
            self.counts
        )
        return costs

    def quotients(
        self, difference: NDArray[np.floating], log_variance: NDArray[np.int16]
    ) -> NDArray[np.int64]:
        """The nearest quotients, or the next ones towards the mean if the beta-ELBO prefers those.

        Args:
            difference: of targets from the mean in noise scales, below 2^24: (n,).
            log_variance: of the prior (n,).
        """
        exact = difference.astype(np.float64) * (VALUE_UNITS / STEP)
        nearest = np.rint(exact).astype(np.int64)
        smaller = nearest - np.sign(nearest)
        table, shift = _table_and_shift(log_variance)
        costs = self._costs_bits
        rates_bits = [
            costs[table, _Parts.of(quotients, shift).symbols] for quotients in (nearest, smaller)
        ]
        saved_bits = rates_bits[0] - rates_bits[1]
        # squared errors over 2 s^2, in bits
        lost_bits = ((smaller - exact) ** 2 - (nearest - exact) ** 2) * _SQUARE_BITS
        return np.where(saved_bits > lost_bits, smaller, nearest)

    def seen(
        self, quotients: NDArray[np.int64], log_variance: NDArray[np.int16]
    ) -> NDArray[np.int64]:
        """How often each table has each symbol: (N_TABLES, N_SYMBOLS)."""
        table, shift = _table_and_shift(log_variance)
        symbols = table * N_SYMBOLS + _Parts.of(quotients, shift).symbols
        return np.bincount(symbols, minlength=self.counts.size).reshape(self.counts.shape)

    def values(self, mean: NDArray[np.int32], quotients: NDArray[np.int64]) -> NDArray[np.int32]:
        """Weights in 1/16 from means in 1/16: (n,)."""
        return moved(mean, STEP * quotients)

    def bits(self, quotients: NDArray[np.int64], log_variance: NDArray[np.int16]) -> float:
        """Information of all quotients under their log-variances."""
        table, shift = _table_and_shift(log_variance)
        parts = _Parts.of(quotients, shift)
        escape_bits = len(parts.lengths) * _LENGTH_BITS + parts.lengths.sum()
        return float(self._costs_bits[table, parts.symbols].sum() + shift.sum() + escape_bits)

    def write(
        self,
        writer: RangeEncoder,
        quotients: NDArray[np.int64],
        log_variance: NDArray[np.int16],
    ) -> None:
        """Write quotients (n,)."""
        table, shift = _table_and_shift(log_variance)
        parts = _Parts.of(quotients, shift)
        writer.symbols(parts.symbols, table, self.counts)
        writer.numbers(parts.low, shift)
        writer.numbers(parts.lengths, np.full_like(parts.lengths, _LENGTH_BITS))
        writer.numbers(parts.excess + 1 - (1 << parts.lengths), parts.lengths)

    def read(self, reader: RangeDecoder, log_variance: NDArray[np.int16]) -> NDArray[np.int64]:
        """Read the quotients of weights of these log-variances: (n,).

        Raises:
            MessageEnded: they were not received.
        """
        table, shift = _table_and_shift(log_variance)
        high = reader.symbols(table, self.counts).astype(np.int64) - LAST
        low = reader.numbers(shift)
        escaped = np.flatnonzero(np.abs(high) == LAST)
        lengths = reader.numbers(np.full(len(escaped), _LENGTH_BITS))
        lengths = np.minimum(lengths, MAX_NUMBER_BITS)
        excess = reader.numbers(lengths) + (1 << lengths) - 1
        high[escaped] += np.sign(high[escaped]) * excess
        return (high << shift) + low - ((1 << shift) >> 1)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Quotients in parts: symbols of tables (n,), low bits (n,), and the escapes' remainders."""

    symbols: NDArray[np.int64]
    low: NDArray[np.int64]
    excess: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, quotients: NDArray[np.int64], shift: NDArray[np.int64]) -> _Parts:
        # cells of the high part are centred on multiples of 2^shift
        shifted = quotients + ((1 << shift) >> 1)
        high = shifted >> shift
        excess = np.abs(high) - LAST
        excess = excess[excess >= 0]
        return cls(
            symbols=np.clip(high, -LAST, LAST) + LAST,
            low=shifted & ((1 << shift) - 1),
            excess=excess,
            lengths=np.frexp(excess + 1)[1].astype(np.int64) - 1,
        )


def _table_and_shift(
    log_variance: NDArray[np.int16],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the table of the high part, and number of low bits."""
    above = log_variance.astype(np.int64) - _FIRST_OCTAVE
    shift = np.maximum(above // _OCTAVE, 0)
    return above - shift * _OCTAVE + _FIRST_OCTAVE - MIN_SCALAR, shift
