"""Baselines: what other codecs make of the signal at hand, beside a run and at its size."""

from demo.baselines.codecs import CODECS, RatePoint, label
from demo.baselines.comparison import (
    OURS,
    BaselineComparison,
    ComparisonState,
    Entry,
    background_pool,
)

__all__ = [
    "CODECS",
    "OURS",
    "BaselineComparison",
    "ComparisonState",
    "Entry",
    "RatePoint",
    "background_pool",
    "label",
]
