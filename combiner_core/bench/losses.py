"""Where another codec is better than ours: file by file, rate by rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from combiner_core.bench import tables
from combiner_core.bench.comparison import FileCurves, Measure
from combiner_core.bench.rate_distortion import Row

_SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """Quality of one of our files less that of an anchor at the same rate.

    Attributes:
        file: name of the signal.
        setting, anchor: as `Job.setting`.
        rate: that was asked of us.
        db: positive where ours is better; None where the anchor's curve has no such rate.
    """

    file: str
    setting: str
    anchor: str
    rate: float
    db: float | None


def differences(
    rows: Sequence[Row], setting: str, anchor: str, measure: Measure = "psnr_db"
) -> list[Difference]:
    """For every file and rate of a setting that the anchor was asked for too.

    The anchor's curve of a file is interpolated between its own actual rates.
    """
    ours = [row for row in rows if row.job.setting == setting]
    theirs = [row for row in rows if row.job.setting == anchor]
    found = []
    for file in sorted({row.job.file for row in ours} & {row.job.file for row in theirs}):
        of_file = [row for row in theirs if row.job.file == file]
        curve = FileCurves.of(of_file, [file], measure).mean()
        for row in ours:
            if row.job.file != file or row.actual_rate is None:
                continue
            quality_db = getattr(row, measure)
            if quality_db is None:
                continue
            anchor_db = float(curve.at(row.actual_rate))
            db = None if np.isnan(anchor_db) else quality_db - anchor_db
            found.append(Difference(file, setting, anchor, row.job.rate, db))
    return found


def table(found: Sequence[Difference]) -> str:
    """By setting, anchor and rate: in how many files ours is worse, and in which most.

    Rates at which no file can be compared are left out.
    """
    groups: dict[tuple[str, str, float], list[Difference]] = {}
    for one in found:
        groups.setdefault((one.setting, one.anchor, one.rate), []).append(one)
    lines = []
    for (setting, anchor, rate), members in sorted(groups.items()):
        known = [(one.db, one.file) for one in members if one.db is not None]
        if not known:
            continue
        lost = sorted((db, file) for db, file in known if db < 0)
        worst = ", ".join(f"{_stem(file)} {db:+.2f}" for db, file in lost[:_SHOWN])
        mean_db = tables.number(tables.mean(db for db, _ in known), "+.2f")
        cells = (f"{rate:g}", str(len(known)), str(len(lost)), mean_db, worst)
        lines.append((setting, anchor, *cells))
    header = ("codec", "against", "rate", "files compared", "files lost", "mean dB")
    return tables.markdown((*header, f"lost most (at most {_SHOWN}), dB"), lines)


def _stem(file: str) -> str:
    return file.rpartition(".")[0] or file
