"""Our files one by one: at which rates another codec is better."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks import markdown
from benchmarks.rate_distortion.curves import FileCurves, Measure

_MAX_SHOWN = 5


def differences(
    data: pd.DataFrame, setting: str, anchor: str, measure: Measure = "psnr_db"
) -> pd.DataFrame:
    """For every row of a setting, its quality less that of an anchor at the same rate and file.

    The anchor's curve of a file is interpolated between its own actual rates.

    Args:
        data: of `tables.frame`.
        setting, anchor: as `Job.setting`.
        measure: of quality.

    Returns:
        The rows of files that the anchor was asked for too, with the columns `anchor` and
        `difference_db`, positive where ours is better; NaN where the anchor's curve has no such
        rate.
    """
    ours = data[data["setting"] == setting].dropna(subset=["actual_rate", measure])
    theirs = dict(list(data[data["setting"] == anchor].groupby("file")))
    ours = ours[ours["file"].isin(theirs)]
    anchor_db = pd.Series(np.nan, ours.index)
    for file, found in ours.groupby("file"):
        curve = FileCurves.of(theirs[file], [file], measure).mean()
        anchor_db[found.index] = curve.at(found["actual_rate"].to_numpy())
    return ours.assign(anchor=anchor, difference_db=ours[measure] - anchor_db)


def table(found: pd.DataFrame) -> str:
    """By setting, anchor and rate: in how many files ours is worse, and the worst of them.

    Rates at which no file can be compared are left out.

    Args:
        found: of `differences`, of one or several anchors.
    """
    lines = []
    known = found.dropna(subset="difference_db").sort_values(["difference_db", "file"])
    for (setting, anchor, rate), members in known.groupby(["setting", "anchor", "rate"]):
        worse = members[members["difference_db"] < 0]
        shown = worse[["file", "difference_db"]].head(_MAX_SHOWN)
        worst = ", ".join(f"{_stem(file)} {db:+.2f}" for file, db in shown.itertuples(index=False))
        mean_db = f"{members['difference_db'].mean():+.2f}"
        counts = (f"{rate:g}", str(len(members)), str(len(worse)))
        lines.append((setting, anchor, *counts, mean_db, worst))
    header = ("codec", "against", "rate", "files compared", "files worse", "mean dB")
    return markdown.table((*header, f"worst files (at most {_MAX_SHOWN}), dB"), lines)


def _stem(file: str) -> str:
    return file.rpartition(".")[0] or file
