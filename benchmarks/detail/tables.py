"""What detail costs, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import markdown
from benchmarks.detail.measure import Row


def table(rows: Sequence[Row]) -> str:
    """A line for each picture, with the picture, as Markdown.

    Args:
        rows: in the order of the lines.
    """
    header = ("original, faithful, with detail", "bpp", "SSIMULACRA2", "PSNR dB")
    return markdown.table(header, [_line(row) for row in rows]) if rows else ""


def _line(row: Row) -> tuple[str, ...]:
    name = Path(row.job.file).stem
    return (
        f"![{name}](images/detail/{name}.webp)",
        f"{row.job.bpp:g}",
        f"{row.faithful:.1f} to {row.detailed:.1f}",
        f"{row.faithful_db:.2f} to {row.detailed_db:.2f}",
    )
