"""Tables of means over files, by codec and rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks import frames, intervals, markdown
from benchmarks.rate_distortion.measure import BENCHMARK, Row

# a mean rate this much below what was asked is worth telling
_SHORT = 0.01


def frame(rows: Sequence[Row] | pd.DataFrame) -> pd.DataFrame:
    """Rows as `frames.frame`, with the columns `setting`, `is_baseline` and `ms_ssim_db` besides.

    A data frame, which this has made before, is returned as it is.
    """
    if isinstance(rows, pd.DataFrame):
        return rows
    return frames.frame(BENCHMARK, rows).assign(
        setting=[row.job.setting for row in rows],
        is_baseline=np.array([row.job.is_baseline for row in rows], bool),
        ms_ssim_db=np.array([row.ms_ssim_db for row in rows], float),
    )


def by_setting(data: pd.DataFrame) -> str:
    """Means over files for each setting and rate, as a Markdown table, the PSNR's with an interval.

    Of several seeds a file counts with the mean.

    Args:
        data: of `frame`, rates of one unit.
    """
    unit = data["unit"].iloc[0]
    lines = []
    for (setting, rate), found in data.groupby(["setting", "rate"]):
        fitting = _fitting(found)
        count, fitting_count = found["file"].nunique(), fitting["file"].nunique()
        of = f" of {count}" if fitting_count < count else ""
        start = [setting, f"{fitting_count}{of}", f"{rate:g}"]
        if fitting.empty:
            lines.append([*start, "cannot go this small", *[""] * 5])
            continue
        mean = fitting[["actual_rate", "ms_ssim_db", "encode_s", "decode_s"]].mean()
        lines.append(
            [
                *start,
                f"{mean['actual_rate']:.4g}",
                _psnr(fitting).text(2),
                markdown.number(mean["ms_ssim_db"], ".2f"),
                f"{mean['encode_s']:.3g}",
                f"{mean['decode_s']:.2g}",
                f"{fitting['peak_memory_mb'].max():.0f}",
            ]
        )
    header = ("codec", "files", f"asked {unit}", unit, "PSNR dB (95 %)", "MS-SSIM dB")
    return markdown.table((*header, "encode s", "decode s", "peak MB"), lines)


def by_rate(data: pd.DataFrame, settings: Sequence[str]) -> str:
    """Mean PSNR of some settings, a column each, for each rate at which all files were asked for.

    A mean rate that is more than a per cent below the one asked for is given beside it.

    Args:
        data: of `frame`, rates of one unit.
        settings: columns, in their order.
    """
    lines = []
    for rate, found in data[data["setting"].isin(settings)].groupby("rate"):
        cells = [_cell(found[found["setting"] == setting]) for setting in settings]
        lines.append([f"{rate:g}", *cells])
    header = (data["unit"].iloc[0], *(f"{setting}, dB" for setting in settings))
    return markdown.table(header, lines)


def _cell(data: pd.DataFrame) -> str:
    """The mean PSNR of one setting at one rate, of which there may be no rows."""
    if data.empty:
        return ""
    fitting = _fitting(data)
    count = data["file"].nunique()
    missing = count - fitting["file"].nunique()
    if missing:
        return f"{missing} of {count} files do not fit"
    actual = data["actual_rate"].mean()
    beside = f" at {actual:.3g}" if actual < (1 - _SHORT) * data["rate"].iloc[0] else ""
    return f"{_psnr(data).value:.2f}{beside}"


def _fitting(data: pd.DataFrame) -> pd.DataFrame:
    """The rows of the files for which the codec can go so small with every seed."""
    too_large = data.loc[data["bytes"].isna(), "file"]
    return data[~data["file"].isin(too_large)]


def _psnr(data: pd.DataFrame) -> intervals.Interval:
    """The mean over files of their means over seeds."""
    return intervals.of_mean(data.groupby("file", sort=False)["psnr_db"].mean().to_numpy())
