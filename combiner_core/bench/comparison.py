"""Bjøntegaard deltas: our settings against other codecs, from their mean curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from combiner_core.bench import intervals, tables
from combiner_core.bench.published import PublishedCurve
from combiner_core.bench.rate_distortion import Row
from combiner_core.errors import CombinerError

Measure = Literal["psnr_db", "ms_ssim_db"]

MEASURES: dict[Measure, str] = {"psnr_db": "PSNR", "ms_ssim_db": "MS-SSIM"}
# Monotone between the points, so a curve never overshoots them.
_METHOD = "pchip"
_OPTIONS = {"require_matching_points": False, "min_overlap": 0}
_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Curve:
    """Means over files of a codec at several asked rates, rising in both.

    Attributes:
        rates: mean actual rates (n,), in the unit of the rows.
        quality_db: mean PSNR, or MS-SSIM in dB (n,).
        dropped_rates: asked rates at which some file has no result.
    """

    rates: NDArray[np.float64]
    quality_db: NDArray[np.float64]
    dropped_rates: tuple[float, ...] = ()

    @property
    def rises(self) -> bool:
        """Whether it does so everywhere."""
        return bool((np.diff(self.rates) > 0).all() and (np.diff(self.quality_db) > 0).all())

    def at(self, rates: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Quality at other rates, interpolated over their logarithm; NaN beyond the ends."""
        if len(self.rates) < 2:
            return np.full(np.shape(rates), np.nan)
        curve = PchipInterpolator(np.log(self.rates), self.quality_db, extrapolate=False)
        quality_db: NDArray[np.float64] = curve(np.log(rates))
        return quality_db

    def within(self, low: float, high: float) -> Curve:
        """The part between two rates, interpolated there where the curve goes beyond them."""
        if len(self.rates) < 2:
            return self
        ends = np.clip([low, high], self.rates[0], self.rates[-1])
        inside = self.rates[(self.rates > ends[0]) & (self.rates < ends[1])]
        rates = np.unique([*ends, *inside])
        return Curve(rates, self.at(rates), self.dropped_rates)


@dataclass(frozen=True, eq=False)
class FileCurves:
    """The points of a codec for every file, which `of` has put in order.

    Attributes:
        setting: as `Job.setting`.
        rates, quality_db: of each asked rate and file (n, files).
        dropped_rates: asked rates at which some file has no result.
    """

    setting: str
    rates: NDArray[np.float64]
    quality_db: NDArray[np.float64]
    dropped_rates: tuple[float, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Row], files: Sequence[str], measure: Measure) -> FileCurves:
        """From rows of one setting; of several seeds a file counts with the mean."""
        results: dict[float, dict[str, list[tuple[float, float]]]] = {}
        for row in rows:
            at_rate = results.setdefault(row.job.rate, {})
            quality_db = getattr(row, measure)
            if row.actual_rate is not None and quality_db is not None:
                at_rate.setdefault(row.job.file, []).append((row.actual_rate, quality_db))
        complete = {rate: found for rate, found in results.items() if set(files) <= set(found)}
        points = [[np.mean(found[file], 0) for file in files] for found in complete.values()]
        rates, quality_db = np.moveaxis(np.array(points).reshape(-1, len(files), 2), 2, 0)
        dropped = tuple(rate for rate in results if rate not in complete)
        return cls(rows[0].job.setting, rates, quality_db, dropped)

    def mean(self, files: NDArray[np.intp] | None = None) -> Curve:
        """Over all files, or over some by their numbers."""
        chosen = slice(None) if files is None else files
        means = [values[:, chosen].mean(1) for values in (self.rates, self.quality_db)]
        # a codec at the end of its range gives the same files for several budgets
        rates, quality_db = np.unique(np.stack(means, 1), axis=0).T
        return Curve(rates, quality_db, self.dropped_rates)


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
    rows: Sequence[Row],
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
        rows: of any codecs; of two rows for the same file, rate and setting the later counts.
        anchors: settings to compare with, as `Job.setting`.
        low, high: rates between which curves are compared, in the unit of the rows.
        measure: of quality.

    Raises:
        CombinerError: no row of an anchor, or of ours; rates in several units; `low` is not
            below `high`; a mean curve does not rise.
    """
    by_setting = _by_setting(rows, low, high)
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
    rows: Sequence[Row], curves: Sequence[PublishedCurve], low: float, high: float
) -> list[Comparison]:
    """BD-rate and BD-PSNR of every setting of ours against published mean curves.

    Those can be means over other files than ours.

    Raises:
        CombinerError: as `compare`.
    """
    by_setting = _by_setting(rows, low, high)
    comparisons = []
    for setting in _our_settings(by_setting):
        files = sorted({row.job.file for row in by_setting[setting]})
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
    text = tables.markdown(header, lines)
    dropped: dict[str, list[str]] = {}
    for setting, rate in sorted({pair for one in comparisons for pair in one.dropped}):
        dropped.setdefault(setting, []).append(f"{rate:g}")
    notes = [
        f"{setting} at {', '.join(rates)} {unit} is left out: not every file has a result."
        for setting, rates in dropped.items()
    ]
    return "\n\n".join([text, *notes])


def _by_setting(rows: Sequence[Row], low: float, high: float) -> dict[str, list[Row]]:
    if not 0 < low < high:
        raise CombinerError(f"The rates {low:g} and {high:g} are not a range above zero.")
    if len({row.job.unit for row in rows}) > 1:
        raise CombinerError("The results have rates in bpp and in kbps: compare one at a time.")
    by_setting: dict[str, list[Row]] = {}
    for row in rows:
        by_setting.setdefault(row.job.setting, []).append(row)
    return by_setting


def _our_settings(by_setting: dict[str, list[Row]]) -> list[str]:
    ours = sorted(setting for setting, rows in by_setting.items() if not rows[0].job.is_baseline)
    if not ours:
        raise CombinerError("The results have no codec to compare with the anchors.")
    return ours


def _compare(
    ours: Sequence[Row], others: Sequence[Row], low: float, high: float, measure: Measure
) -> Comparison:
    files = sorted({row.job.file for row in ours} & {row.job.file for row in others})
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
