"""The tab that explains: the default model on a visitor's picture, then the paper's method."""

from demo.explain.default_model import Visited
from demo.explain.tab import explain_tab

__all__ = ["Visited", "explain_tab"]
