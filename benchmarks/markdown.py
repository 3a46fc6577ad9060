"""Markdown tables of measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, one line a row."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines)


def number(value: float, form: str) -> str:
    """A number in a format, or nothing for NaN."""
    return "" if math.isnan(value) else f"{value:{form}}"
