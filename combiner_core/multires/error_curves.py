"""Curves of the squared errors that a decoder expects of weights, by their prior variances."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.wire import LOG_VARIANCE_UNITS, MAX_LOG_VARIANCE, MIN_LOG_VARIANCE


@functools.cache
def error_curve(log_variances: tuple[float, ...], errors: tuple[float, ...]) -> NDArray[np.float32]:
    """A curve at every log-variance that there is, for `IntegerPrior.indices`.

    Args:
        log_variances: log2 of variances in squared noise scales, ascending.
        errors: at these.
    """
    logs = np.arange(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE + 1) / LOG_VARIANCE_UNITS
    return np.interp(logs, log_variances, errors).astype(np.float32)
