"""The protocol: Bjøntegaard deltas of every file, and their means with intervals.

BD-rate is by how many per cent a codec needs more bits than an anchor for the same quality,
averaged over the qualities that both reach; BD-quality is by how much its quality is higher at the
same rate, averaged over the logarithm of the rates (Bjøntegaard, "Calculation of average PSNR
differences between RD-curves", VCEG-M33, 2001). Curves are interpolated piecewise. Every file
counts alike, however the rates of files were chosen; means of curves are another matter: see
`averages`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import intervals
from benchmarks.rate_distortion.curves import Curve, by_file
from combiner_core.errors import CombinerError

# Monotone between the points, so a curve never overshoots them.
_METHOD = "pchip"
_OPTIONS: Mapping[str, Any] = MappingProxyType({"require_matching_points": False, "min_overlap": 0})


@dataclass(frozen=True)
class Comparison:
    """One of our settings against an anchor.

    Attributes:
        setting, anchor: as the column `setting` has them.
        measure: of quality.
        files: that both were measured on.
        bd_rates_percent: by file; those whose curves have no quality in common are missing.
        bd_qualities: by file, in the unit of the measure; likewise for rates.
    """

    setting: str
    anchor: str
    measure: str
    files: int
    bd_rates_percent: Mapping[str, float]
    bd_qualities: Mapping[str, float]

    @property
    def bd_rate_percent(self) -> intervals.Interval | None:
        """The mean over files, with its interval; None if no file can be compared."""
        return _mean(self.bd_rates_percent)

    @property
    def bd_quality(self) -> intervals.Interval | None:
        """The mean over files, with its interval; None if no file can be compared."""
        return _mean(self.bd_qualities)


def compare(
    data: pd.DataFrame,
    anchors: Sequence[str],
    low: float,
    high: float,
    measure: str = "psnr_db",
) -> list[Comparison]:
    """Every setting of ours against every anchor between two rates; see `compare_ranges`."""
    (found,) = compare_ranges(data, anchors, [(low, high)], measure)
    return found


def compare_ranges(
    data: pd.DataFrame,
    anchors: Sequence[str],
    ranges: Sequence[tuple[float, float]],
    measure: str = "psnr_db",
) -> list[list[Comparison]]:
    """Every setting of ours against every anchor, in each range.

    Args:
        data: of `frame`, of any codecs.
        anchors: settings to compare with.
        ranges: rates between which curves are compared, in the unit of the rows.
        measure: of quality, a column.

    Raises:
        CombinerError: no row of an anchor, or of ours; rates in several units; rates are not
            above zero and rising.
    """
    for low, high in ranges:
        if not 0 < low < high:
            raise CombinerError(f"The rates {low:g} and {high:g} are not a range above zero.")
    if data["unit"].nunique() > 1:
        raise CombinerError("The results have rates in bpp and in kbps: compare one at a time.")
    by_setting = dict(list(data.groupby("setting")))
    for anchor in anchors:
        if anchor not in by_setting:
            known = ", ".join(sorted(by_setting)) or "nothing"
            raise CombinerError(f"There are no results of {anchor}; there are: {known}.")
    ours = [name for name, found in by_setting.items() if not found["is_baseline"].any()]
    if not ours:
        raise CombinerError("The results have no codec to compare with the anchors.")
    curves = {name: by_file(by_setting[name], measure) for name in dict.fromkeys([*ours, *anchors])}
    return [
        [
            _compare((setting, curves[setting]), (anchor, curves[anchor]), low, high, measure)
            for setting in ours
            for anchor in anchors
            if setting != anchor
        ]
        for low, high in ranges
    ]


def bd_rate_percent(base: Curve, test: Curve) -> float:
    """By how many per cent `test` needs more; NaN if the curves have no quality in common.

    Only points count that are better than all cheaper ones.
    """
    base, test = base.rising(), test.rising()
    # The package draws plots too: with matplotlib, which takes a second to import.
    from bjontegaard import bd_rate

    if not _overlap(base.quality, test.quality):
        return math.nan
    return float(bd_rate(*_points(base), *_points(test), _METHOD, **_OPTIONS))


def bd_quality(base: Curve, test: Curve) -> float:
    """By how much `test` is better; NaN if the curves have no rate in common."""
    from bjontegaard import bd_psnr

    if not _overlap(base.rates, test.rates):
        return math.nan
    return float(bd_psnr(*_points(base), *_points(test), _METHOD, **_OPTIONS))


def _compare(
    ours: tuple[str, Mapping[str, Curve]],
    others: tuple[str, Mapping[str, Curve]],
    low: float,
    high: float,
    measure: str,
) -> Comparison:
    (setting, tests), (anchor, bases) = ours, others
    files = sorted(tests.keys() & bases.keys())
    rates, qualities = {}, {}
    for file in files:
        base, test = (curves[file].rising().within(low, high) for curves in (bases, tests))
        rates[file] = bd_rate_percent(base, test)
        qualities[file] = bd_quality(base, test)
    return Comparison(setting, anchor, measure, len(files), _known(rates), _known(qualities))


def _known(by_name: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in by_name.items() if not math.isnan(value)}


def _mean(by_name: Mapping[str, float]) -> intervals.Interval | None:
    return intervals.of_mean(list(by_name.values())) if by_name else None


def _points(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return curve.rates, curve.quality


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether two rising sequences share an interval."""
    if len(first) < 2 or len(second) < 2:
        return False
    return bool(max(first[0], second[0]) < min(first[-1], second[-1]))
