"""Learning entropy tables: counts of what an encoder decides, and probabilities made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import Int, compiled
from combiner_core.rec import _contexts
from combiner_core.rec._contexts import (
    CORRECTED,
    MAX_MAGNITUDE,
    Around,
    Look,
    context,
    magnitude,
    multiple,
)
from combiner_core.rec.adaptive_models import AdaptiveModels
from combiner_core.rec.dependent_quantiser import USUAL_STATES
from combiner_core.rec.entropy_tables import (
    N_CORRECTED,
    N_DECISIONS,
    PROBABILITY_UNITS,
    EntropyTables,
    to_units,
)
from combiner_core.rec.group_prior import IntegerPrior
from combiner_core.rec.groups import CodedGroup
from combiner_core.rec.magnitudes import Magnitudes
from combiner_core.rec.variance_bins import N_BINS

# weights that a more general table counts for in a more special one
_GENERAL = 6.0
# a context's confidence is how many weights it has seen and this, or the most that it can be
_LEAST_CONFIDENCE, _MOST_CONFIDENCE = 8, 160
# weights at their multiples of the step that count against corrections
_UNCORRECTED = 50


class Statistics:
    """Counts of the decisions of an encoder, over any number of signals.

    Args:
        tables: of the encoder.
        states: of its trellis.
    """

    def __init__(self, tables: EntropyTables, states: int = USUAL_STATES) -> None:
        self.tables = tables
        self._models = AdaptiveModels(tables, states)
        contexts = tables.probabilities.size // N_DECISIONS
        self._decisions = np.zeros((contexts, N_DECISIONS, 2), np.int64)
        self._sums = np.zeros((N_BINS, 2, N_CORRECTED, 2))
        self._magnitudes = Magnitudes(tables.taps)

    def add(self, prior: IntegerPrior, target: NDArray[np.float32], coded: CodedGroup) -> None:
        """Count a group, in the order of coding.

        Args:
            prior, target: as the encoder had them.
            coded: its result.
        """
        _tally(
            self._models.look(prior.table),
            self._magnitudes.around(prior.grid, prior.planes, prior.table),
            prior.indices,
            np.ascontiguousarray(prior.coded),
            coded.sizes,
            prior.distances(target),
            self._decisions,
            self._sums,
        )

    def learned(self) -> EntropyTables:
        """Tables with the probabilities that were seen.

        A context backs off to those of all classes, these to those of any activity around, and
        these to the tables at hand.
        """
        tables = self.tables
        shape = tables.probabilities.shape
        seen = self._decisions.reshape(*shape, 2).astype(np.float64)
        general = tables.probabilities.mean((0, 2)) / PROBABILITY_UNITS
        general = _backed(seen.sum((0, 2)), general)
        any_class = _backed(seen.sum(0), general[:, None])
        own = _backed(seen, any_class[None])
        confidence = np.minimum(seen.sum(-1) + _LEAST_CONFIDENCE, _MOST_CONFIDENCE)
        mean = self._sums[..., 0] / (self._sums[..., 1] + _UNCORRECTED)
        return replace(
            tables,
            probabilities=to_units(own),
            confidences=confidence.astype(np.uint8),
            corrections=np.rint(mean).astype(np.int16),
        )


def _backed(seen: NDArray[np.float64], general: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of ones among (..., 2) counts of zeros and ones, drawn to more general ones."""
    result: NDArray[np.float64] = (seen[..., 1] + _GENERAL * general) / (seen.sum(-1) + _GENERAL)
    return result


@compiled(_contexts)
def _tally(
    look: Look,
    around: Around,
    indices: NDArray[np.uint16],
    coded: NDArray[np.bool_],
    sizes: NDArray[np.int32],
    distances: NDArray[np.float32],
    decisions: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> None:
    """Count the decisions that a group's sizes are made of, as `write` would take them.

    Args:
        look, around, indices, coded, sizes: as for `write`.
        distances: of the targets, in 1/16.
        decisions: zeros and ones of each (contexts, N_DECISIONS, 2).
        sums: of distances from the mean in the direction of the size, and how many there are:
            (bins, 2, sizes, 2).
    """
    state = 0
    for plane in range(sizes.shape[0]):
        for row in range(sizes.shape[1]):
            place = around.starts[plane] + row * around.steps[plane, 0]
            for column in range(sizes.shape[2]):
                if coded[plane, row, column]:
                    index = indices[plane, row, column]
                    quantiser = state & 1
                    at = 2 * context(look, around, plane, place, row, column, index) + quantiser
                    signed: Int = np.int64(sizes[plane, row, column])
                    size = abs(signed)
                    for node in range(min(size + 1, decisions.shape[1])):
                        decisions[at, node, np.int64(size > node)] += 1
                    if size:
                        variance_bin: Int = np.int64(look.bins[index])
                        value = magnitude(look, variance_bin, quantiser, size)
                        around.magnitudes[place] = min(value, MAX_MAGNITUDE)
                        distance = distances[plane, row, column]
                        kind = min(size, CORRECTED)
                        sums[variance_bin, quantiser, kind, 0] += (
                            -distance if signed < 0 else distance
                        ) - multiple(look, variance_bin, quantiser, size)
                        sums[variance_bin, quantiser, kind, 1] += 1
                    state = look.transitions[state, size & 1]
                place += around.steps[plane, 1]
