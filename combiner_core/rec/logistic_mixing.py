"""Logistic mixing of the probabilities that two contexts give to a decision.

Of a decision on a weight's size one context knows the class of the group, v, and how much is
around, and begins as a preset's tables say; the other one knows v, how much is around, and which
neighbours are at their means, is common to all classes, and begins as the first one. Their logits
are added with factors that learn from every decision by gradient descent on its information
(Mahoney, Adaptive weighing of context models for lossless data compression, 2005), and half of the
result is what an adaptive curve makes of it. All is in integers, so both sides learn the same.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec._contexts import N_NEIGHBOURS
from combiner_core.rec._mixing import (
    FACTOR_BITS,
    KNOT_BITS,
    LOGIT_BITS,
    LOGIT_UNITS,
    MIXED_NODES,
    MOST_LOGIT,
    Mixing,
)
from combiner_core.rec._range_coder import LEAST_PROBABILITY, PROBABILITY_BITS
from combiner_core.rec.entropy_tables import N_AROUND, N_DECISIONS, N_QUANTISERS
from combiner_core.rec.variance_bins import N_BINS

_FACTORS = (0.75, 0.25)


def initial_mixing() -> Mixing:
    """What a message begins with: nothing is known of neighbours, and curves change nothing."""
    contexts = (N_BINS * N_AROUND * N_QUANTISERS * N_NEIGHBOURS, N_DECISIONS)
    factors = np.array(_FACTORS) * (1 << FACTOR_BITS)
    knots = _shares()[:: 1 << KNOT_BITS]
    return Mixing(
        np.zeros(contexts, np.int32),
        np.zeros(contexts, np.int16),
        np.tile(factors.astype(np.int32), (MIXED_NODES, 1)),
        np.tile(knots, (N_BINS, MIXED_NODES, 1)),
        _logits(),
        _shares(),
    )


@functools.cache
def _logits() -> NDArray[np.int16]:
    """Logits, in 1/256, of probabilities (i + 1/2) / 2^14."""
    count = 1 << LOGIT_BITS
    share = (np.arange(count) + 0.5) / count
    return np.floor(LOGIT_UNITS * np.log(share / (1 - share)) + 0.5).astype(np.int16)


@functools.cache
def _shares() -> NDArray[np.int32]:
    """Probabilities of logits from the least to the greatest: (2 MOST_LOGIT + 1,)."""
    logit = np.arange(-MOST_LOGIT, MOST_LOGIT + 1) / LOGIT_UNITS
    share = np.floor((1 << PROBABILITY_BITS) / (1 + np.exp(-logit)) + 0.5).astype(np.int32)
    return np.clip(share, LEAST_PROBABILITY, (1 << PROBABILITY_BITS) - LEAST_PROBABILITY)
