"""What happens to each weight of a group: nothing, scalar quantisation, or a random code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.variance_tables import clamped
from combiner_core.rec.wire import FIRST_ACTIVE, FIRST_SCALAR, MIN_SCALAR


@dataclass(frozen=True, eq=False)
class ActiveWeights:
    """The weights of a group that are coded, by their flat indices, and their log-variances."""

    scalar: NDArray[np.intp]
    scalar_log_variance: NDArray[np.int16]
    random: NDArray[np.intp]
    random_log_variance: NDArray[np.int16]

    @classmethod
    def of(
        cls, log_variance: NDArray[np.int16], coded: NDArray[np.bool_], all_scalar: bool
    ) -> ActiveWeights:
        """Sort weights by log-variance: (C, h, w) each; or take all of them as scalars."""
        if all_scalar:
            weights = np.flatnonzero(coded)
            values = clamped(np.maximum(log_variance.ravel()[weights], MIN_SCALAR))
            return cls(weights, values, weights[:0], values[:0])
        active = np.flatnonzero(coded & (log_variance >= FIRST_ACTIVE))
        values = clamped(log_variance.ravel()[active])
        is_scalar = values >= FIRST_SCALAR
        return cls(active[is_scalar], values[is_scalar], active[~is_scalar], values[~is_scalar])
