"""Measured results beside published ones."""

from demo.results.tab import chart, read_views, results_tab

__all__ = ["chart", "read_views", "results_tab"]
