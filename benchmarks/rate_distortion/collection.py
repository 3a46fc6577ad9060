"""The results of a folder, set by set: what was measured, and what others published."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.datasets import DataSet
from benchmarks.rate_distortion.frame import frame
from benchmarks.rate_distortion.published import (
    PublishedCurve,
    PublishedFiles,
    frame_of,
    read_published,
    read_published_files,
)
from benchmarks.rate_distortion.rows import Row, read_rows

_RESULTS, _PUBLISHED = "results", "published"
# published figures are of these files
_QUOTED = ("kodak", "speech")


def paths_of(folder: Path, one: DataSet) -> list[Path]:
    """The files with results of a set, which end with its name, in the folder's `results`."""
    return sorted((folder / _RESULTS).glob(f"*-{one.name}.json"))


def rows_of(folder: Path, one: DataSet) -> list[Row]:
    """All rows of a set of files.

    Raises:
        CombinerError: a file is damaged or of another kind.
    """
    return [row for path in paths_of(folder, one) for row in read_rows(path)]


def data_of(folder: Path, one: DataSet) -> pd.DataFrame:
    """`rows_of` as a data frame; see `frame`."""
    return frame(rows_of(folder, one))


def curves_of(folder: Path, one: DataSet) -> list[PublishedCurve]:
    """Means that others published of such files.

    Raises:
        CombinerError: a file is damaged.
    """
    if one.name not in _QUOTED:
        return []
    return [curve for curve in read_published(folder / _PUBLISHED) if curve.kind == one.kind]


def files_of(folder: Path, one: DataSet) -> list[PublishedFiles]:
    """Curves that others published of the files of a set.

    Raises:
        CombinerError: a file is damaged.
    """
    if one.name not in _QUOTED:
        return []
    return [found for found in read_published_files(folder / _PUBLISHED) if found.kind == one.kind]


def with_published(data: pd.DataFrame, folder: Path, one: DataSet) -> pd.DataFrame:
    """Data of a set together with what others published of its files.

    Raises:
        CombinerError: a file is damaged.
    """
    published = files_of(folder, one)
    return pd.concat([data, frame_of(published)], ignore_index=True) if published else data
