"""What happens to each weight of a group: nothing, scalar quantisation, or a random code."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.tables import (
    DEVIATION_UNITS,
    FIRST_ACTIVE,
    FIRST_SCALAR,
    LEAST_SCALAR,
    RATE_UNITS,
    VALUE_UNITS,
    clamped,
    deviations,
    rates,
)

# noise scales; squares of larger differences would tell nothing more
_MAX_DIFFERENCE = float(1 << 21)


def means_of_prior(
    mean: NDArray[np.int32], log_variance: NDArray[np.integer], coded: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Weights (C, h, w) before any is decoded: their means, zero where not `coded`, contiguous.

    Raises:
        ValueError: arrays of other shapes or types.
    """
    if coded.ndim != 3 or not coded.size or not mean.shape == log_variance.shape == coded.shape:
        shapes = f"{mean.shape}, {log_variance.shape} and {coded.shape}"
        raise ValueError(f"a group's arrays must have one shape (C, h, w), not {shapes}")
    if mean.dtype != np.int32 or coded.dtype != np.bool_:
        raise ValueError(f"means are {mean.dtype} and masks {coded.dtype}, not int32 and bool")
    if not np.issubdtype(log_variance.dtype, np.integer):
        raise ValueError(f"log-variances are {log_variance.dtype}, not integers")
    decoded: NDArray[np.int32] = np.multiply(mean, coded, order="C")
    return decoded


def differences(target: NDArray[np.float32], mean: NDArray[np.int32]) -> NDArray[np.float32]:
    """Targets less means, in noise scales: (C, h, w), contiguous.

    Raises:
        ValueError: another shape or type, or a target that is not finite.
    """
    if target.shape != mean.shape or target.dtype != np.float32:
        raise ValueError(f"targets are {target.dtype} {target.shape}, not float32 {mean.shape}")
    difference = mean.astype(np.float32, order="C")
    difference *= -1 / VALUE_UNITS
    difference += target
    if not np.isfinite(difference).all():
        raise ValueError("a target is not finite")
    np.clip(difference, -_MAX_DIFFERENCE, _MAX_DIFFERENCE, out=difference)
    return difference


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
            values = clamped(np.maximum(log_variance.ravel()[weights], LEAST_SCALAR))
            return cls(weights, values, weights[:0], values[:0])
        active = np.flatnonzero(coded & (log_variance >= FIRST_ACTIVE))
        values = clamped(log_variance.ravel()[active])
        is_scalar = values >= FIRST_SCALAR
        return cls(active[is_scalar], values[is_scalar], active[~is_scalar], values[~is_scalar])


def divergence_bits(difference: NDArray[np.float32], log_variance: NDArray[np.int16]) -> float:
    """Sum of KL[q || p] over weights with the optimal posteriors."""
    variance = (deviations(log_variance) / DEVIATION_UNITS) ** 2
    shrink = 1 / (1 + variance)
    excess = (1 - shrink) * (difference.astype(np.float64) ** 2 * shrink - 1)
    return float((rates(log_variance) / RATE_UNITS).sum() + excess.sum() / (2 * math.log(2)))
