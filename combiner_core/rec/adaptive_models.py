"""Adaptive binary models: the probabilities of one message, and what they are looked up by."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec._contexts import Look
from combiner_core.rec._message_kernels import ESCAPE_NODES, Models
from combiner_core.rec._range_coder import PROBABILITY_BITS
from combiner_core.rec.dependent_quantiser import transitions
from combiner_core.rec.entropy_tables import (
    N_AROUND,
    N_DECISIONS,
    N_QUANTISERS,
    PROBABILITY_UNITS,
    WEIGHT_UNITS,
    EntropyTables,
)
from combiner_core.rec.logistic_mixing import initial_mixing
from combiner_core.rec.range_writer import adaptation_rates
from combiner_core.rec.variance_bins import N_BINS, bins, deviations
from combiner_core.rec.wire import DEVIATION_UNITS, VALUE_UNITS

# deviations, or two noise scales if they are less, times these are the activities at which the
# next classes begin
_ACTIVITIES = np.exp2(np.array([-6, -4, -2, 0, 3]) / 4)
_LEAST_DEVIATION = 2 * DEVIATION_UNITS
# bins of so small variances that nothing around counts
_QUIET_BINS = 3
_ZERO_LIMIT, _LIMIT = 1000, 300
_ESCAPE_CONFIDENCE = 4
_COST_BITS = 12


class AdaptiveModels:
    """The models of one message.

    Args:
        tables: what they begin with.
        states: of the trellis.

    Attributes:
        state: probabilities, which the kernels move.
        transitions: of the trellis.

    Raises:
        ValueError: there is no trellis of so many states.
    """

    def __init__(self, tables: EntropyTables, states: int) -> None:
        self._tables = tables
        self.transitions = transitions(states)
        shape = (-1, N_DECISIONS)
        unit = (1 << PROBABILITY_BITS) // PROBABILITY_UNITS
        escapes = (N_BINS, ESCAPE_NODES)
        self.state = Models(
            unit * tables.probabilities.reshape(shape).astype(np.int32),
            tables.confidences.reshape(shape).astype(np.int16),
            np.full(escapes, 1 << (PROBABILITY_BITS - 1), np.int32),
            np.full(escapes, _ESCAPE_CONFIDENCE, np.int16),
            initial_mixing(),
            adaptation_rates(max(_ZERO_LIMIT, _LIMIT, 255)),
            _ZERO_LIMIT,
            _LIMIT,
        )

    @property
    def logs_bits(self) -> NDArray[np.float32]:
        """Information of probabilities (i + 1/2) / 4096."""
        return _logs_bits()

    def look(self, class_: int) -> Look:
        """What a class of groups is looked up by."""
        weight, constant = self._tables.taps.expected[class_].astype(np.int64)
        activity = (weight * deviations() // WEIGHT_UNITS) + VALUE_UNITS * constant
        return Look(
            bins(),
            np.minimum(activity, np.iinfo(np.int32).max).astype(np.int32),
            _thresholds(),
            class_ * N_BINS * N_AROUND,
            _QUIET_BINS,
            self._tables.steps,
            self._tables.corrections.astype(np.int32),
            self.transitions,
        )

    def costs_bits(self, class_: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What sizes cost now, with their signs.

        Returns:
            Of a class' contexts, by size up to NODES, which the last one is without what escapes
            add: (contexts, NODES + 1). What these add, by bin and number of digits:
            (N_BINS, ESCAPE_NODES + 1).
        """
        count = N_BINS * N_AROUND * N_QUANTISERS
        own = self.state.probability[class_ * count : (class_ + 1) * count]
        sizes = _stopping_costs(own)
        sizes[:, 1:] += 1
        escapes = _stopping_costs(self.state.escape_probability)
        escapes += np.arange(ESCAPE_NODES + 1)
        return sizes, escapes


def _stopping_costs(probability: NDArray[np.int32]) -> NDArray[np.float32]:
    """Bits of going on n times and then not, of n from 0 to the number of decisions."""
    share = probability / (1 << PROBABILITY_BITS)
    on = np.cumsum(-np.log2(share), 1)
    costs = np.zeros((len(share), share.shape[1] + 1), np.float32)
    costs[:, 1:] = on
    costs[:, :-1] -= np.log2(1 - share)
    return costs


@functools.cache
def _thresholds() -> NDArray[np.int32]:
    deviation = np.maximum(deviations(), _LEAST_DEVIATION)[:, None]
    return np.floor(_ACTIVITIES * deviation + 0.5).astype(np.int32)


@functools.cache
def _logs_bits() -> NDArray[np.float32]:
    count = 1 << _COST_BITS
    return -np.log2((np.arange(count) + 0.5) / count).astype(np.float32)
