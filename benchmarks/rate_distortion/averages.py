"""Means of curves over files, for codecs of which nothing but means was published.

A mean depends on how rates were chosen. Publications average rate and PSNR at equal encoder
settings: images that are hard to code then have more of the bits. We code every image to the same
rate. The same codec gets a higher mean PSNR the second way, so that a comparison of one with the
other flatters us; by how much is measured on codecs of which single images are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.rate_distortion.curves import (
    Curve,
    by_file,
    mean_at_equal_points,
    mean_at_equal_rates,
)
from benchmarks.rate_distortion.protocol import bd_quality, bd_rate_percent
from benchmarks.rate_distortion.published import PublishedCurve

# Encoders that work for PSNR at one setting for the whole picture, as the published ones do.
LIKE_PUBLISHED = (
    "avif (tune=psnr)",
    "avif (tune=psnr), speed 2",
    "Cool-Chic 3.4",
    "Cool-Chic 5.0.1",
)
_MEASURE = "psnr_db"
_GRID = 12


@dataclass(frozen=True)
class MeanComparison:
    """The mean curve of one of our settings against a published mean.

    Attributes:
        setting, anchor: of ours, and the name of the published curve.
        files: in our mean.
        bd_rate_percent, bd_psnr_db: as they come out, without an interval; None where the curves
            have too little in common.
        alike_percent: the BD-rate less what the ways of averaging are worth; None if that is not
            known or the published mean was taken at equal rates.
    """

    setting: str
    anchor: str
    files: int
    bd_rate_percent: float | None
    bd_psnr_db: float | None
    alike_percent: float | None = None


def compare_means(
    data: pd.DataFrame, curves: Sequence[PublishedCurve], low: float, high: float
) -> list[MeanComparison]:
    """Mean curves of every setting of ours against published ones.

    Args:
        data: of `frame`, and published points of single files, with codecs of `LIKE_PUBLISHED` by
            which the effect of averaging is measured.
        curves: of the kind of signal that the rows are of.
        low, high: rates between which curves are compared, in the unit of the rows.
    """
    effects = effects_of_averaging(data, low, high)
    effect = float(np.mean(list(effects.values()))) if effects else math.nan
    found = []
    for setting, rows in data[~data["is_baseline"]].groupby("setting"):
        files = sorted(rows["file"].unique())
        test = mean_at_equal_points(rows, _MEASURE, files).within(low, high)
        for curve in curves:
            base = Curve.through(*np.array(curve.points).T).within(low, high)
            rate = bd_rate_percent(base, test)
            alike = math.nan if curve.at_equal_rates else 100 * ((100 + rate) / (100 + effect) - 1)
            numbers = (rate, bd_quality(base, test), alike)
            found.append(
                MeanComparison(str(setting), curve.name, len(files), *map(_known, numbers))
            )
    return found


def effects_of_averaging(data: pd.DataFrame, low: float, high: float) -> dict[str, float]:
    """BD-rates of means at equal rates over means at equal settings, of `LIKE_PUBLISHED`, per cent.

    Args:
        data: of `frame`, or of published points of single files.
        low, high: rates between which means are taken.
    """
    effects = {}
    for setting, rows in data[data["setting"].isin(LIKE_PUBLISHED)].groupby("setting"):
        curves = by_file(rows, _MEASURE)
        files = sorted(curves)
        rates = np.geomspace(low, high, _GRID)
        equal_rates = mean_at_equal_rates(curves, rates)
        equal_points = mean_at_equal_points(rows, _MEASURE, files).within(low, high)
        effect = bd_rate_percent(equal_points, equal_rates)
        if not math.isnan(effect):
            effects[str(setting)] = effect
    return effects


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
