"""The explanation of the method: COMBINER in one dimension, on real numbers."""

from demo.explain.tab import explain_tab

__all__ = ["explain_tab"]
