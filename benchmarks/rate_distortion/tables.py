"""Tables of rate and distortion: means over files, and comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks import intervals, markdown
from benchmarks.measures import MEASURES
from benchmarks.rate_distortion.averages import MeanComparison
from benchmarks.rate_distortion.curves import Curve, by_file
from benchmarks.rate_distortion.protocol import Comparison

_MAX_SHOWN = 4
_MIN_SEEDS = 2


def by_setting(data: pd.DataFrame) -> str:
    """Means over files for each setting and point, as a Markdown table.

    Of several seeds a file counts with the mean.

    Args:
        data: of `frame`, rates of one unit.
    """
    unit = data["unit"].iloc[0]
    measures = [name for name in MEASURES if data[name].notna().any()]
    lines = []
    for (setting, point), found in data.groupby(["setting", "point"]):
        fitting = _fitting(found)
        count, fitting_count = found["file"].nunique(), fitting["file"].nunique()
        of = f" of {count}" if fitting_count < count else ""
        start = [setting, f"{fitting_count}{of}", f"{point:g}"]
        if fitting.empty:
            lines.append([*start, "cannot go this small", *[""] * (len(measures) + 3)])
            continue
        mean = fitting[["actual_rate", "encode_s", "decode_s"]].mean()
        qualities = fitting.groupby("file", sort=False)[measures].mean()
        lines.append(
            [
                *start,
                f"{mean['actual_rate']:.4g}",
                *(_mean_text(qualities[name], name) for name in measures),
                f"{mean['encode_s']:.3g}",
                f"{mean['decode_s']:.2g}",
                markdown.number(fitting["peak_memory_mb"].max(), ".0f"),
            ]
        )
    titles = [MEASURES[name].title for name in measures]
    header = ("codec", "files", "point", unit, *titles)
    return markdown.table((*header, "encode s", "decode s", "peak MB"), lines)


def by_rate(
    data: pd.DataFrame, settings: Sequence[str], rates: Sequence[float], measure: str
) -> str:
    """Mean quality of some settings, a column each, at equal rates.

    Each file's curve is interpolated at the rate. Where not every file can be so small, it is said
    how many cannot.

    Args:
        data: of `frame`, rates of one unit.
        settings: columns, in their order.
        rates: lines.
        measure: of quality, a column of the data.
    """
    curves = {name: by_file(data[data["setting"] == name], measure) for name in settings}
    lines = []
    for rate in rates:
        cells = [_quality_at(rate, curves[name], MEASURES[measure].digits) for name in settings]
        if any(cells):
            lines.append([f"{rate:g}", *cells])
    return markdown.table((data["unit"].iloc[0], *settings), lines)


def seeds(data: pd.DataFrame) -> str:
    """How far PSNR varies with the seed, where files were coded with several, as a Markdown table.

    Standard deviations: of the mean over files, and of a file (the root of their mean variance).

    Args:
        data: of `frame`, rates of one unit.
    """
    lines = []
    for (setting, point), found in data.groupby(["setting", "point"]):
        psnr_db = found.pivot_table("psnr_db", "file", "seed").dropna()
        if psnr_db.shape[1] < _MIN_SEEDS or psnr_db.empty:
            continue
        of_mean, of_file = psnr_db.mean().std(), np.sqrt(psnr_db.var(axis="columns").mean())
        numbers = (f"{psnr_db.to_numpy().mean():.2f}", f"{of_mean:.3f}", f"{of_file:.3f}")
        lines.append((setting, f"{point:g}", *map(str, psnr_db.shape), *numbers))
    header = ("codec", data["unit"].iloc[0], "files", "seeds", "PSNR dB")
    return markdown.table((*header, "SD of the mean", "SD of a file"), lines) if lines else ""


def comparisons(by_band: Mapping[str, Sequence[Comparison]]) -> str:
    """BD-rates of settings against anchors, a column for each band of rates, as a Markdown table.

    A number of files stands beside a mean that not all files are in.

    Args:
        by_band: by the heading of a column; each with the same settings and anchors.
    """
    cells: dict[tuple[str, str], list[str]] = {}
    for found in by_band.values():
        for one in found:
            cells.setdefault((one.setting, one.anchor), []).append(_cell(one))
    lines = [(*names, *line) for names, line in cells.items() if any(line)]
    return markdown.table(("codec", "against", *(f"{band}, %" for band in by_band)), lines)


def worst_files(found: Iterable[Comparison]) -> str:
    """By setting and anchor: in how many files ours needs more bits, and the worst of them."""
    lines = []
    for one in found:
        if not one.bd_rates_percent:
            continue
        order = sorted(one.bd_rates_percent.items(), key=lambda item: -item[1])
        worse = [f"{_stem(file)} {percent:+.0f}" for file, percent in order if percent > 0]
        counts = (str(len(order)), str(len(worse)))
        lines.append((one.setting, one.anchor, *counts, ", ".join(worse[:_MAX_SHOWN])))
    header = ("codec", "against", "files", "files worse")
    return markdown.table((*header, f"worst files (at most {_MAX_SHOWN}), BD-rate %"), lines)


def means(found: Iterable[MeanComparison]) -> str:
    """Comparisons with published means, as a Markdown table."""
    lines = [
        (
            one.setting,
            one.anchor,
            *(_optional(value, "+.1f") for value in (one.bd_rate_percent, one.alike_percent)),
            _optional(one.bd_psnr_db, "+.2f"),
        )
        for one in found
    ]
    header = ("codec", "against", "BD-rate %, of means as they are")
    return markdown.table((*header, "BD-rate %, averaged alike", "BD-PSNR dB"), lines)


def effects(by_codec: Mapping[str, float]) -> str:
    """What the way of averaging is worth, as a Markdown table."""
    lines = [(name, f"{percent:+.1f}") for name, percent in by_codec.items()]
    return markdown.table(
        ("codec", "BD-rate %, its mean at equal rates over equal settings"), lines
    )


def _cell(one: Comparison) -> str:
    mean = one.bd_rate_percent
    if mean is None:
        return ""
    count = len(one.bd_rates_percent)
    return f"{mean.text(1, signed=True)}{f', {count} files' if count < one.files else ''}"


def _quality_at(rate: float, curves: Mapping[str, Curve], digits: int) -> str:
    known = {file: float(curve.at(rate)) for file, curve in curves.items() if len(curve.rates) > 1}
    reached = [quality for quality in known.values() if quality == quality]
    if not reached:
        return ""
    if len(reached) < len(known):
        return f"only {len(reached)} of {len(known)} files"
    return f"{sum(reached) / len(reached):.{digits}f}"


def _fitting(data: pd.DataFrame) -> pd.DataFrame:
    """The rows of the files for which the codec can go so small with every seed."""
    too_large = data.loc[data["bytes"].isna(), "file"]
    return data[~data["file"].isin(too_large)]


def _mean_text(values: pd.Series, name: str) -> str:
    known = values.dropna().to_numpy()
    if not len(known):
        return ""
    mean = intervals.of_mean(known)
    # one interval in a line is enough
    return (
        mean.text(MEASURES[name].digits)
        if name == "psnr_db"
        else (f"{mean.value:.{MEASURES[name].digits}f}")
    )


def _optional(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _stem(file: str) -> str:
    return file.rpartition(".")[0] or file
