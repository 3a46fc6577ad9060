"""Baselines: what other codecs make of the signal at hand, beside a run and at its size."""

from demo.baselines.comparison import OURS, BaselineComparison, ComparisonState, Entry, Ours

__all__ = ["OURS", "BaselineComparison", "ComparisonState", "Entry", "Ours"]
