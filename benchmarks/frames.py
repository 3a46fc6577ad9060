"""Rows of results as data frames, of which tables and figures are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pandas as pd

from benchmarks.results_files import Benchmark, JobT, RowT

_JOB = "job"


def frame(benchmark: Benchmark[JobT, RowT], rows: Sequence[RowT]) -> pd.DataFrame:
    """A data frame with a line for each row and a column for each field.

    Args:
        benchmark: that the rows are of.
        rows: what was measured.

    Returns:
        Fields of the jobs, then those of the rows, which have other names, in the units they have
        there. What was not measured is NaN.
    """
    measured = [field.name for field in fields(benchmark.row_type) if field.name != _JOB]
    asked = [field.name for field in fields(benchmark.job_type)]  # type: ignore[arg-type]
    columns = {
        **{name: [getattr(row.job, name) for row in rows] for name in asked},
        **{name: [getattr(row, name) for row in rows] for name in measured},
    }
    return pd.DataFrame(columns).fillna(np.nan).infer_objects()
