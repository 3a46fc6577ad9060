"""Rows of ours and of other codecs as one data frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.measures import MEASURES
from benchmarks.rate_distortion.rows import Row

_FIELDS = (
    "bytes",
    "actual_rate",
    "psnr_db",
    "ms_ssim_db",
    "encode_s",
    "decode_s",
    "peak_memory_mb",
)


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """A data frame with a line for each row.

    Returns:
        columns `file`, `setting`, `is_baseline`, `unit`, `point` (what all files were asked for
        alike: a rate of ours, a setting of other codecs), `seed`; `bytes`, `actual_rate`, times
        and memory of the row; and one for each of `measures.MEASURES`. What was not measured is
        NaN, and so is the quality of a file without any loss.
    """
    columns: dict[str, list[object]] = {
        "file": [row.job.file for row in rows],
        "setting": [row.job.setting for row in rows],
        "is_baseline": [row.job.is_baseline for row in rows],
        "unit": [row.job.unit for row in rows],
        "point": [row.job.point for row in rows],
        "seed": [row.job.seed for row in rows],
    }
    numbers = {name: [getattr(row, name) for row in rows] for name in _FIELDS}
    numbers |= {
        name: [row.scores.get(name) for row in rows] for name in MEASURES if name not in numbers
    }
    data = pd.DataFrame(columns)
    for name, values in numbers.items():
        column = np.array(values, float)
        column[~np.isfinite(column)] = np.nan
        data[name] = column
    return data
