"""Compressing: what is asked, what is seen of a run, what came of it, how other codecs did."""

from demo.compress.report import report_of
from demo.compress.tab import STYLE, CompressTab

__all__ = ["STYLE", "CompressTab", "report_of"]
