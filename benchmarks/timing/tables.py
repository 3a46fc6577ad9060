"""Tables of times: the poster's, stage by stage, and by the size of the image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pandas as pd

from benchmarks import frames, markdown
from benchmarks.timing.measure import BENCHMARK, Row
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
        learn_s, code_s, total_s, decode_s: as in `measure.Row`.
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


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Rows as `frames.frame`, with the columns `setting` and `machine`, in the order of tables.

    `machine` is the processor with the number of threads, or the GPU.
    """
    data = frames.frame(BENCHMARK, rows)
    order = {effort: place for place, effort in enumerate(get_args(EffortName))}
    threads = [f", {count} thread{'s' * (count > 1)}" for count in data["threads"]]
    of_processor = pd.Series(threads, data.index, "str").where(data["device_memory_mb"].isna(), "")
    data = data.assign(
        setting=data["model"].astype("str") + " " + data["effort"].astype("str"),
        machine=data["processor"].astype("str") + of_processor,
        effort_place=data["effort"].map(order),
    )
    return data.sort_values(["bpp", "model", "effort_place", "processor"], kind="stable")


def by_rate(data: pd.DataFrame, quoted: Sequence[QuotedTimes] = ()) -> str:
    """The poster's table: means over images for every rate, quoted figures first.

    Ranges from the fastest to the slowest time are in brackets.

    Args:
        data: of `frame`.
        quoted: times of others.
    """
    lines = []
    for bpp in sorted({*data["bpp"], *(one.bpp for one in quoted)}):
        for one in quoted:
            if one.bpp == bpp:
                cells = [_duration(s) for s in (one.learn_s, one.code_s, one.total_s)]
                name, machine = "COMBINER, quoted", f"{one.encoder}; decoding: {one.decoder}"
                lines.append((f"{bpp:g}", name, machine, *cells, _duration(one.decode_s), "", ""))
        for start, found in _groups(data[data["bpp"] == bpp]):
            cells = [_spread(found[name]) for name in ("learn_s", "code_s", "total_s", "decode_s")]
            images = str(found["file"].nunique())
            lines.append((*start, *cells, images, f"{found['psnr_db'].mean():.2f}"))
    return markdown.table(
        (
            *("bpp", "model", "on", "learning the posterior", "REC and refinement", "in all"),
            *("decoding", "images", "PSNR dB"),
        ),
        lines,
    )


def by_phase(data: pd.DataFrame) -> str:
    """Where the time of encoding goes: mean seconds of each phase, and memory.

    Args:
        data: of `frame`.
    """
    lines = []
    for start, found in _groups(data):
        phases_s = pd.DataFrame(list(found["phases_s"]), columns=_PHASES).fillna(0.0).mean()
        cells = (f"{seconds:.2f}" for seconds in phases_s)
        memory_mb = found[["peak_memory_mb", "device_memory_mb"]].max()
        lines.append((*start, *cells, *(markdown.number(mb, ".0f") for mb in memory_mb)))
    header = ("bpp", "model", "on", "search s", "fit s", "code s", "verify s")
    return markdown.table((*header, "peak MB", "GPU MB"), lines)


def by_size(data: pd.DataFrame) -> str:
    """Time and memory by the number of pixels, the smallest images first.

    Args:
        data: of `frame`.
    """
    sized = data.dropna(subset="megapixels")
    sized = sized.sort_values(["model", "effort_place", "processor", "bpp", "width"], kind="stable")
    header = ("model", "bpp", "size", "bytes", "PSNR dB", "encoding", "decoding")
    return markdown.table(
        (*header, "us a pixel", "idle MB", "peak MB"),
        [
            (
                row.setting,
                f"{row.bpp:g}",
                f"{row.width} x {row.height}",
                str(row.bytes),
                f"{row.psnr_db:.2f}",
                _duration(row.total_s),
                _duration(row.decode_s),
                f"{1e6 * row.total_s / (row.width * row.height):.1f}",
                f"{row.idle_memory_mb:.0f}",
                f"{row.peak_memory_mb:.0f}",
            )
            for row in sized.itertuples()
        ],
    )


def _groups(data: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Rows of images as they are, by rate, setting and machine, and how lines of tables begin."""
    as_they_are = data[data["megapixels"].isna()]
    for key, found in as_they_are.groupby(["bpp", "setting", "machine"], sort=False):
        bpp, setting, machine = key
        yield (f"{bpp:g}", setting, machine), found


def _spread(seconds: pd.Series) -> str:
    mean = _duration(seconds.mean())
    if len(seconds) == 1:
        return mean
    return f"{mean} ({_duration(seconds.min())} to {_duration(seconds.max())})"


def _duration(seconds: float) -> str:
    if seconds >= 2 * _MINUTE_S:
        return f"{seconds / _MINUTE_S:.3g} min"
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
