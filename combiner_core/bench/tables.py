"""Markdown tables of measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, one line a row."""
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join(lines)


def mean(values: Iterable[float | None]) -> float | None:
    """Mean of the numbers there are, None if there is none."""
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


def number(value: float | None, form: str) -> str:
    """A number in a format, or nothing."""
    return "" if value is None else f"{value:{form}}"
