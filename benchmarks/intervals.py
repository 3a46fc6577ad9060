"""How far a mean over files can be trusted: bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_RESAMPLES = 2000
_MIN_FILES = 3
_SEED = 0


@dataclass(frozen=True)
class Interval:
    """A number and where it would lie with other files of the same sort, with 95 % confidence.

    `low` and `high` are None where there are too few files to tell.
    """

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, digits: int, signed: bool = False) -> str:
        """For a table: "28.10 (26.48 to 29.71)"."""
        form = f"{'+' if signed else ''}.{digits}f"
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}})"


def of_mean(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """The mean of one number for every file (files,).

    The interval is that of the percentile bootstrap (Efron & Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 13).
    """
    from scipy.stats import DegenerateDataWarning, bootstrap  # Takes a third of a second.

    found = np.asarray(values, np.float64)
    value = float(found.mean())
    if len(found) < _MIN_FILES:
        return Interval(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)
        result = bootstrap(
            (found,),
            np.mean,
            n_resamples=_RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(_SEED),
        )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(result.bootstrap_distribution, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
