"""What each step of a tune gains, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchmarks import markdown
from benchmarks.measures import MEASURES
from benchmarks.tuning.measure import Row, names_of


def table(rows: Sequence[Row]) -> str:
    """Means over files, a line for each rate and step, as Markdown; empty without rows."""
    if not rows:
        return ""
    order = names_of(rows[0].job.unit)
    groups: dict[tuple[float, str], list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.job.rate, order.index(row.job.step))):
        groups.setdefault((row.job.rate, row.job.step), []).append(row)
    names = [name for name in MEASURES if name in rows[0].scores]
    titles = [MEASURES[name].title for name in names]
    header = (rows[0].job.unit, "with the steps up to", "files", *titles, "PSNR dB")
    lines = [
        (
            f"{rate:g}",
            step,
            str(len(group)),
            *(_mean([row.scores[name] for row in group], MEASURES[name].digits) for name in names),
            _mean([row.psnr_db for row in group], 2),
        )
        for (rate, step), group in groups.items()
    ]
    return markdown.table(header, lines)


def _mean(values: Sequence[float], digits: int) -> str:
    return f"{fmean(values):.{digits}f}"
