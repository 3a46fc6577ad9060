"""Tables of what many visitors at once were answered, and of what hostile files cost."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import markdown
from benchmarks.reliability.rows import Decoding, Row

_GB_MB = 1e9 / (1 << 20)


def of_load(rows: Sequence[Row]) -> str:
    """A table of each measurement, one below the other."""
    return "\n\n".join(map(_of_one, rows))


def of_hostile(rows: Sequence[Decoding]) -> str:
    """A line for each file: answer, seconds of the processor and of the clock, memory."""
    lines = [
        (
            row.job.name,
            f"{row.bytes:,}",
            row.answer,
            f"{row.cpu_s:.1f}",
            f"{row.wall_s:.1f}",
            f"{row.peak_memory_mb / _GB_MB:.2f}",
        )
        for row in rows
    ]
    return markdown.table(("file", "bytes", "answer", "CPU s", "s", "GB"), lines)


def _of_one(row: Row) -> str:
    job = row.job
    who = f"{job.visitors} visitors, {job.workers} workers, {job.minutes:g} minutes"
    lines = [
        ("start until the page is served", f"{row.start_s:.1f} s"),
        ("first visitor: first picture", f"{row.first_picture_s:.1f} s"),
        ("first visitor: result", f"{row.first_result_s:.1f} s"),
        *((what, f"{count:,}") for what, count in row.counts.items()),
        *((f"wait for {what}", _seconds(waits)) for what, waits in row.waits_s.items()),
        ("memory before, at most, after", _sizes(row.memory_mb)),
        ("files before, at most, after", _sizes(row.disk_mb)),
    ]
    return markdown.table((who, ""), lines)


def _seconds(waits: Sequence[float]) -> str:
    median, high, most = waits
    return f"{median:.2f} s; 95 % within {high:.2f} s; at most {most:.2f} s"


def _sizes(sizes: Sequence[float]) -> str:
    return ", ".join(f"{size:,.1f}" for size in sizes) + " MB"
