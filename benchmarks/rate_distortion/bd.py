"""Bjøntegaard deltas: our settings against other codecs, from their mean curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import intervals, markdown
from benchmarks.rate_distortion.curves import MEASURES, Curve, FileCurves, Measure
from benchmarks.rate_distortion.measure import Row
from benchmarks.rate_distortion.published import PublishedCurve
from benchmarks.rate_distortion.tables import frame
from combiner_core.errors import CombinerError

# Monotone between the points, so a curve never overshoots them.
_METHOD = "pchip"
_OPTIONS: Mapping[str, Any] = MappingProxyType({"require_matching_points": False, "min_overlap": 0})
_RESAMPLES = 200


@dataclass(frozen=True)
class Comparison:
    """One of our settings against an anchor; None where their curves have too little in common.

    Attributes:
        setting, anchor: as `Job.setting`, or the name of a published curve.
        files: in the means of both.
        low, high: lowest and highest rate that both reach, within what was asked.
        bd_rate: rate of the setting over that of the anchor at the same quality, less 1, in per
            cent, with its interval over files unless the anchor is only known as a mean.
        bd_quality: quality of the setting less that of the anchor at the same rate, in dB.
        dropped: codec and asked rate of each mean that a missing file keeps out of the curves.
    """

    setting: str
    anchor: str
    files: int
    low: float | None
    high: float | None
    bd_rate: intervals.Interval | None
    bd_quality: intervals.Interval | None
    dropped: tuple[tuple[str, float], ...] = ()

    @property
    def bd_rate_percent(self) -> float | None:
        """`bd_rate` without its interval."""
        return None if self.bd_rate is None else self.bd_rate.value

    @property
    def bd_psnr_db(self) -> float | None:
        """`bd_quality` without its interval."""
        return None if self.bd_quality is None else self.bd_quality.value


def compare(
    rows: Sequence[Row] | pd.DataFrame,
    anchors: Sequence[str],
    low: float,
    high: float,
    measure: Measure = "psnr_db",
) -> list[Comparison]:
    """BD-rate and BD-PSNR of every setting of ours against every anchor.

    Both are averages of the difference between two curves of mean PSNR over the logarithm of
    the mean rate (Bjøntegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001), interpolated piecewise; where one curve ends the average does.

    Args:
        rows: of any codecs, or a data frame of them; see `tables.frame`. Of several seeds a file
            counts with the mean.
        anchors: settings to compare with, as `Job.setting`.
        low, high: rates between which curves are compared, in the unit of the rows.
        measure: of quality.

    Raises:
        CombinerError: no row of an anchor, or of ours; rates in several units; `low` is not
            below `high`; a mean curve does not rise.
    """
    by_setting = _by_setting(frame(rows), low, high)
    for anchor in anchors:
        if anchor not in by_setting:
            known = ", ".join(sorted(by_setting)) or "nothing"
            raise CombinerError(f"There are no results of {anchor}; there are: {known}.")
    return [
        _compare(by_setting[setting], by_setting[anchor], low, high, measure)
        for setting in _our_settings(by_setting)
        for anchor in anchors
        if setting != anchor
    ]


def compare_published(
    data: pd.DataFrame, curves: Sequence[PublishedCurve], low: float, high: float
) -> list[Comparison]:
    """BD-rate and BD-PSNR of every setting of ours against published mean curves.

    Those can be means over other files than ours.

    Args:
        data: of `tables.frame`.
        curves: of the kind of signal that the rows are of.
        low, high: rates between which curves are compared, in the unit of the rows.

    Raises:
        CombinerError: as `compare`.
    """
    by_setting = _by_setting(data, low, high)
    comparisons = []
    for setting in _our_settings(by_setting):
        files = sorted(by_setting[setting]["file"].unique())
        test = FileCurves.of(by_setting[setting], files, "psnr_db").mean().within(low, high)
        for curve in curves:
            rates, psnr_db = np.array(curve.points).T
            base = Curve(rates, psnr_db).within(low, high)
            reach = _overlap(test.rates, base.rates) or (None, None)
            comparisons.append(
                Comparison(
                    setting,
                    curve.name,
                    len(files),
                    reach[0],
                    reach[1],
                    _known(_bd_rate_percent(base, test)),
                    _known(_bd_quality_db(base, test)),
                )
            )
    return comparisons


def table(comparisons: Sequence[Comparison], unit: str, measure: Measure = "psnr_db") -> str:
    """The comparisons as a Markdown table, with a line on every mean left out."""
    lines = []
    for one in comparisons:
        reach = "none in common"
        if one.low is not None and one.high is not None:
            reach = f"{one.low:.3g} to {one.high:.3g}"
        deltas = (
            "" if delta is None else delta.text(digits, signed=True)
            for delta, digits in ((one.bd_rate, 1), (one.bd_quality, 2))
        )
        lines.append((one.setting, one.anchor, str(one.files), reach, *deltas))
    name = MEASURES[measure]
    header = ("codec", "anchor", "files", unit, "BD-rate % (95 %)", f"BD-{name} dB (95 %)")
    text = markdown.table(header, lines)
    dropped: dict[str, list[str]] = {}
    for setting, rate in sorted({pair for one in comparisons for pair in one.dropped}):
        dropped.setdefault(setting, []).append(f"{rate:g}")
    notes = [
        f"{setting} at {', '.join(rates)} {unit} is left out: not every file has a result."
        for setting, rates in dropped.items()
    ]
    return "\n\n".join([text, *notes])


def _by_setting(data: pd.DataFrame, low: float, high: float) -> dict[str, pd.DataFrame]:
    if not 0 < low < high:
        raise CombinerError(f"The rates {low:g} and {high:g} are not a range above zero.")
    if data["unit"].nunique() > 1:
        raise CombinerError("The results have rates in bpp and in kbps: compare one at a time.")
    return dict(list(data.groupby("setting")))


def _our_settings(by_setting: dict[str, pd.DataFrame]) -> list[str]:
    ours = [name for name, data in by_setting.items() if not data["is_baseline"].any()]
    if not ours:
        raise CombinerError("The results have no codec to compare with the anchors.")
    return ours


def _compare(
    ours: pd.DataFrame, others: pd.DataFrame, low: float, high: float, measure: Measure
) -> Comparison:
    files = sorted(set(ours["file"]) & set(others["file"]))
    test, base = (FileCurves.of(rows, files, measure) for rows in (ours, others))
    for curves in (test, base):
        if not curves.mean().rises:
            raise CombinerError(
                f"The mean {MEASURES[measure]} of {curves.setting} does not rise with its rate."
            )

    def interval(delta: Callable[[Curve, Curve], float]) -> intervals.Interval | None:
        def statistic(chosen: NDArray[np.intp]) -> float:
            curves = [part.mean(chosen) for part in (base, test)]
            if not all(curve.rises for curve in curves):
                return math.nan
            return delta(*(curve.within(low, high) for curve in curves))

        return _known(intervals.over_files(statistic, len(files), _RESAMPLES))

    ends = (curves.mean().within(low, high).rates for curves in (test, base))
    reach = _overlap(*ends) or (None, None)
    dropped = tuple(
        (curves.setting, rate) for curves in (test, base) for rate in curves.dropped_rates
    )
    return Comparison(
        test.setting,
        base.setting,
        len(files),
        reach[0],
        reach[1],
        interval(_bd_rate_percent),
        interval(_bd_quality_db),
        dropped,
    )


def _bd_rate_percent(base: Curve, test: Curve) -> float:
    """NaN if the curves have no quality in common."""
    # The package draws plots too: with matplotlib, which takes a second to import.
    from bjontegaard import bd_rate

    if not _overlap(base.quality_db, test.quality_db):
        return math.nan
    return float(bd_rate(*_points(base), *_points(test), _METHOD, **_OPTIONS))


def _bd_quality_db(base: Curve, test: Curve) -> float:
    """NaN if the curves have no rate in common."""
    from bjontegaard import bd_psnr

    if not _overlap(base.rates, test.rates):
        return math.nan
    return float(bd_psnr(*_points(base), *_points(test), _METHOD, **_OPTIONS))


def _points(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return curve.rates, curve.quality_db


def _known(value: float | intervals.Interval) -> intervals.Interval | None:
    found = value if isinstance(value, intervals.Interval) else intervals.Interval(value)
    return None if math.isnan(found.value) else found


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float] | None:
    """The interval two rising sequences share, if there is any."""
    if len(first) < 2 or len(second) < 2:
        return None
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    return (float(low), float(high)) if low < high else None
