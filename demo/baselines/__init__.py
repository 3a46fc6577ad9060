"""Baselines: what other codecs make of the signal at hand, and what more our own file tells."""

from demo.baselines.comparison import OURS, BaselineComparison, ComparisonState, Entry, Looks, Ours

__all__ = ["OURS", "BaselineComparison", "ComparisonState", "Entry", "Looks", "Ours"]
