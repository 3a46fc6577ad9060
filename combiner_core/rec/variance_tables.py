"""Integer tables of what a prior variance means: both sides of a code read the same numbers.

A log-variance is log2 of a prior variance v in the units of `wire`. Rates are those of a target's
posterior, of variance v / (1 + v): 1/2 log2(1 + v) bits, the mean of KL[q || p] over targets of
variance 1 + v, and the information of a Gaussian channel (Cover & Thomas 2006, section 9.1).
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.wire import (
    DEVIATION_UNITS,
    LOG_VARIANCE_UNITS,
    MAX_LOG_VARIANCE,
    MIN_LOG_VARIANCE,
    RATE_UNITS,
)

_MAX_VALUE = (1 << 31) - 1


def moved(mean: NDArray[np.int32], change: NDArray[np.int64]) -> NDArray[np.int32]:
    """Sums of means and changes, held within the range of their type, of the same shape."""
    values: NDArray[np.int32] = np.clip(mean + change, -_MAX_VALUE, _MAX_VALUE).astype(np.int32)
    return values


def clamped(log_variance: NDArray[np.integer]) -> NDArray[np.int16]:
    """Log-variances within the tables' range, of the same shape."""
    held: NDArray[np.int16] = np.clip(log_variance, MIN_LOG_VARIANCE, MAX_LOG_VARIANCE).astype(
        np.int16
    )
    return held


def rates(log_variance: NDArray[np.int16]) -> NDArray[np.int32]:
    """Rates of clamped log-variances in 1/1024 bit, of the same shape."""
    values: NDArray[np.int32] = rate_table().take(log_variance.astype(np.intp) - MIN_LOG_VARIANCE)
    return values


def deviations(log_variance: NDArray[np.int16]) -> NDArray[np.int64]:
    """Standard deviations sqrt(v) of clamped log-variances in 1/4096, of the same shape."""
    return deviation_table()[log_variance.astype(np.intp) - MIN_LOG_VARIANCE]


def variances_of(log_variance: NDArray[np.int16]) -> NDArray[np.float64]:
    """Variances v of clamped log-variances, as the integer deviations have them, same shape."""
    return (deviations(log_variance) / DEVIATION_UNITS) ** 2


def variances() -> NDArray[np.float64]:
    """Variance v of every log-variance of the tables, in their order."""
    return np.exp2(np.arange(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE + 1) / LOG_VARIANCE_UNITS)


@functools.cache
def rate_table() -> NDArray[np.int32]:
    """Rates from the smallest to the largest log-variance, in 1/1024 bit."""
    table = np.floor(RATE_UNITS * np.log2(1 + variances()) / 2 + 0.5).astype(np.int32)
    table.setflags(write=False)
    return table


@functools.cache
def deviation_table() -> NDArray[np.int64]:
    """Standard deviations from the smallest to the largest log-variance, in 1/4096."""
    table = np.floor(DEVIATION_UNITS * np.sqrt(variances()) + 0.5).astype(np.int64)
    table.setflags(write=False)
    return table
