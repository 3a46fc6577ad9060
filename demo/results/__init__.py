"""Measured results beside published ones."""

from demo.results.tab import results_tab
from demo.results.views import chart, read_views

__all__ = ["chart", "read_views", "results_tab"]
