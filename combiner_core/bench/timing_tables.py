"""Tables of times: the poster's, stage by stage, and by the size of the image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from combiner_core.bench import tables
from combiner_core.bench.timing import Row
from combiner_core.errors import CombinerError
from combiner_core.options import EffortName

_QUOTED_VERSION = 1
_PHASES = ("search", "fit", "code", "verify")
_MINUTE_S = 60.0


@dataclass(frozen=True)
class QuotedTimes:
    """Times that others published, for one rate.

    Attributes:
        source: where.
        encoder, decoder: what encoded and decoded.
        bpp: the rate.
        learn_s, code_s, total_s, decode_s: as in `timing.Row`.
    """

    source: str
    encoder: str
    decoder: str
    bpp: float
    learn_s: float
    code_s: float
    total_s: float
    decode_s: float


def read_quoted(path: Path) -> list[QuotedTimes]:
    """The times in a file.

    Raises:
        CombinerError: it is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _QUOTED_VERSION:
            raise ValueError("unknown version")
        return [
            QuotedTimes(
                content["source"],
                content["encoder"],
                content["decoder"],
                float(row["bpp"]),
                _MINUTE_S * row["learn_min"],
                _MINUTE_S * row["code_min"],
                _MINUTE_S * row["total_min"],
                row["decode_ms"] / 1000,
            )
            for row in content["rows"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CombinerError(f"{path.name} is not a file of quoted times.") from error


def by_rate(rows: Sequence[Row], quoted: Sequence[QuotedTimes] = ()) -> str:
    """The poster's table: means over images for every rate, quoted figures first.

    Ranges from the fastest to the slowest image are in brackets.
    """
    lines = []
    for bpp in sorted({row.job.bpp for row in rows} | {one.bpp for one in quoted}):
        for one in quoted:
            if one.bpp == bpp:
                cells = [_duration(s) for s in (one.learn_s, one.code_s, one.total_s)]
                name, machine = "COMBINER, quoted", f"{one.encoder}; decoding: {one.decoder}"
                lines.append((f"{bpp:g}", name, machine, *cells, _duration(one.decode_s), ""))
        for (setting, machine), members in _groups(rows, bpp).items():
            cells = [
                _spread([getattr(row, name) for row in members])
                for name in ("learn_s", "code_s", "total_s", "decode_s")
            ]
            psnr_db = tables.number(tables.mean(row.psnr_db for row in members), ".2f")
            lines.append((f"{bpp:g}", setting, machine, *cells, psnr_db))
    return tables.markdown(
        (
            *("bpp", "model", "on", "learning the posterior", "REC and refinement", "in all"),
            *("decoding", "PSNR dB"),
        ),
        lines,
    )


def by_phase(rows: Sequence[Row]) -> str:
    """Where the time of encoding goes: mean seconds of each phase, and memory."""
    lines = []
    for bpp in sorted({row.job.bpp for row in rows}):
        for (setting, machine), members in _groups(rows, bpp).items():
            means = [
                tables.mean(row.phases_s.get(name, 0.0) for row in members) for name in _PHASES
            ]
            memory = f"{max(row.peak_memory_mb for row in members):.0f}"
            on_device = [row.device_memory_mb for row in members if row.device_memory_mb]
            cells = (*(tables.number(mean, ".2f") for mean in means), memory)
            device_memory = f"{max(on_device):.0f}" if on_device else ""
            lines.append((f"{bpp:g}", setting, machine, *cells, device_memory))
    header = ("bpp", "model", "on", "search s", "fit s", "code s", "verify s")
    return tables.markdown((*header, "peak MB", "GPU MB"), lines)


def by_size(rows: Sequence[Row]) -> str:
    """Time and memory by the number of pixels, the smallest images first."""
    chosen = [row for row in rows if row.job.megapixels is not None]
    chosen.sort(key=lambda row: (*_order(row), row.job.bpp, row.width))
    header = ("model", "bpp", "size", "bytes", "PSNR dB", "encoding", "decoding")
    return tables.markdown(
        (*header, "us a pixel", "idle MB", "peak MB"),
        [
            (
                f"{row.job.model} {row.job.effort}",
                f"{row.job.bpp:g}",
                f"{row.width} x {row.height}",
                str(row.bytes),
                f"{row.psnr_db:.2f}",
                _duration(row.total_s),
                _duration(row.decode_s),
                f"{1e6 * row.total_s / (row.width * row.height):.1f}",
                f"{row.idle_memory_mb:.0f}",
                f"{row.peak_memory_mb:.0f}",
            )
            for row in chosen
        ],
    )


def _groups(rows: Sequence[Row], bpp: float) -> dict[tuple[str, str], list[Row]]:
    """Rows of images as they are, by setting and machine."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in sorted(rows, key=_order):
        if row.job.bpp == bpp and row.job.megapixels is None:
            threads = f", {row.threads} thread{'s' * (row.threads > 1)}"
            machine = row.processor + (threads if row.device_memory_mb is None else "")
            groups.setdefault((f"{row.job.model} {row.job.effort}", machine), []).append(row)
    return groups


def _order(row: Row) -> tuple[str, int, str]:
    efforts = get_args(EffortName)
    return row.job.model, efforts.index(row.job.effort), row.processor


def _spread(seconds: Sequence[float]) -> str:
    mean = _duration(sum(seconds) / len(seconds))
    if len(seconds) == 1:
        return mean
    return f"{mean} ({_duration(min(seconds))} to {_duration(max(seconds))})"


def _duration(seconds: float) -> str:
    if seconds >= 2 * _MINUTE_S:
        return f"{seconds / _MINUTE_S:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
