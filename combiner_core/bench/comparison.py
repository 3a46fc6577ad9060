"""Bjøntegaard deltas: our settings against other codecs, from their mean curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from combiner_core.bench.rate_distortion import Row
from combiner_core.errors import CombinerError

# Monotone between the points, so a curve never overshoots them.
_METHOD = "pchip"


@dataclass(frozen=True, eq=False)
class Curve:
    """Means over files of a codec at several asked rates, rising in both.

    Attributes:
        rates: mean actual rates (n,), in the unit of the rows.
        psnr_db: mean PSNR (n,).
        dropped_rates: asked rates at which some file has no result.
    """

    rates: NDArray[np.float64]
    psnr_db: NDArray[np.float64]
    dropped_rates: tuple[float, ...] = ()

    def within(self, low: float, high: float) -> Curve:
        """The part between two rates, interpolated there where the curve goes beyond them."""
        if len(self.rates) < 2:
            return self
        ends = np.clip([low, high], self.rates[0], self.rates[-1])
        inside = self.rates[(self.rates > ends[0]) & (self.rates < ends[1])]
        rates = np.unique([*ends, *inside])
        at = PchipInterpolator(np.log(self.rates), self.psnr_db)
        return Curve(rates, at(np.log(rates)), self.dropped_rates)


@dataclass(frozen=True)
class Comparison:
    """One of our settings against an anchor; None where their curves have too little in common.

    Attributes:
        setting, anchor: as `Job.setting`.
        files: in the means of both.
        low, high: lowest and highest rate that both reach, within what was asked.
        bd_rate_percent: rate of the setting over that of the anchor at the same PSNR, less 1.
        bd_psnr_db: PSNR of the setting less that of the anchor at the same rate.
        dropped: codec and asked rate of each mean that a missing file keeps out of the curves.
    """

    setting: str
    anchor: str
    files: int
    low: float | None
    high: float | None
    bd_rate_percent: float | None
    bd_psnr_db: float | None
    dropped: tuple[tuple[str, float], ...]


def compare(
    rows: Sequence[Row], anchors: Sequence[str], low: float, high: float
) -> list[Comparison]:
    """BD-rate and BD-PSNR of every setting of ours against every anchor.

    Both are averages of the difference between two curves of mean PSNR over the logarithm of
    the mean rate (Bjøntegaard, "Calculation of average PSNR differences between RD-curves",
    VCEG-M33, 2001), interpolated piecewise; where one curve ends the average does.

    Args:
        rows: of any codecs; of two rows for the same file, rate and setting the later counts.
        anchors: settings to compare with, as `Job.setting`.
        low, high: rates between which curves are compared, in the unit of the rows.

    Raises:
        CombinerError: no row of an anchor, or of ours; rates in several units; `low` is not
            below `high`; a mean curve does not rise.
    """
    if not 0 < low < high:
        raise CombinerError(f"The rates {low:g} and {high:g} are not a range above zero.")
    if len({row.job.unit for row in rows}) > 1:
        raise CombinerError("The results have rates in bpp and in kbps: compare one at a time.")
    by_setting: dict[str, list[Row]] = {}
    for row in rows:
        by_setting.setdefault(row.job.setting, []).append(row)
    for anchor in anchors:
        if anchor not in by_setting:
            known = ", ".join(sorted(by_setting)) or "nothing"
            raise CombinerError(f"There are no results of {anchor}; there are: {known}.")
    ours = sorted({row.job.setting for row in rows if not row.job.is_baseline})
    if not ours:
        raise CombinerError("The results have no codec to compare with the anchors.")
    return [
        _compare(by_setting[setting], by_setting[anchor], low, high)
        for setting in ours
        for anchor in anchors
        if setting != anchor
    ]


def table(comparisons: Sequence[Comparison], unit: str) -> str:
    """The comparisons as a Markdown table, with a line on every mean left out."""
    lines = [
        f"| codec | anchor | files | {unit} | BD-rate % | BD-PSNR dB |",
        "|---|---|---|---|---|---|",
    ]
    for one in comparisons:
        reach = "none in common"
        if one.low is not None and one.high is not None:
            reach = f"{one.low:.3g} to {one.high:.3g}"
        deltas = (_signed(one.bd_rate_percent, 1), _signed(one.bd_psnr_db, 2))
        cells = (one.setting, one.anchor, str(one.files), reach, *deltas)
        lines.append(f"| {' | '.join(cells)} |")
    dropped = sorted({pair for one in comparisons for pair in one.dropped})
    if dropped:
        lines.append("")
    for setting, rate in dropped:
        lines.append(f"{setting} at {rate:g} {unit} is left out: not every file has a result.")
    return "\n".join(lines)


def _signed(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:+.{digits}f}"


def _compare(ours: Sequence[Row], others: Sequence[Row], low: float, high: float) -> Comparison:
    files = {row.job.file for row in ours} & {row.job.file for row in others}
    setting, anchor = ours[0].job.setting, others[0].job.setting
    test, base = _mean_curve(ours, files), _mean_curve(others, files)
    dropped = tuple(
        (name, rate)
        for name, curve in ((setting, test), (anchor, base))
        for rate in curve.dropped_rates
    )
    test, base = test.within(low, high), base.within(low, high)
    span = _overlap(test.rates, base.rates)
    rate_percent, psnr_db = _deltas(base, test)
    least, most = (None, None) if span is None else span
    return Comparison(setting, anchor, len(files), least, most, rate_percent, psnr_db, dropped)


def _mean_curve(rows: Sequence[Row], files: set[str]) -> Curve:
    results: dict[float, dict[str, tuple[float, float]]] = {}
    for row in rows:
        at_rate = results.setdefault(row.job.rate, {})
        if row.job.file in files and row.actual_rate is not None and row.psnr_db is not None:
            at_rate[row.job.file] = (row.actual_rate, row.psnr_db)
    complete = [list(found.values()) for found in results.values() if len(found) == len(files)]
    # A codec at the end of its range gives the same files for several budgets.
    means = np.array(sorted({tuple(np.mean(found, axis=0)) for found in complete if found}))
    dropped = tuple(rate for rate, found in results.items() if len(found) < len(files))
    rates, psnr_db = means.reshape(-1, 2).T
    if (np.diff(rates) <= 0).any() or (np.diff(psnr_db) <= 0).any():
        raise CombinerError(f"The mean PSNR of {rows[0].job.setting} does not rise with its rate.")
    return Curve(rates, psnr_db, dropped)


def _deltas(base: Curve, test: Curve) -> tuple[float | None, float | None]:
    """BD-rate in per cent and BD-PSNR in dB."""
    # The package draws plots too: with matplotlib, which takes a second to import.
    import bjontegaard

    curves = (base.rates, base.psnr_db, test.rates, test.psnr_db)
    options = {"require_matching_points": False, "min_overlap": 0}
    rate_percent = psnr_db = None
    if _overlap(base.psnr_db, test.psnr_db):
        rate_percent = float(bjontegaard.bd_rate(*curves, _METHOD, **options))
    if _overlap(base.rates, test.rates):
        psnr_db = float(bjontegaard.bd_psnr(*curves, _METHOD, **options))
    return rate_percent, psnr_db


def _overlap(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float] | None:
    """The interval two rising sequences share, if there is any."""
    if len(first) < 2 or len(second) < 2:
        return None
    low, high = max(first[0], second[0]), min(first[-1], second[-1])
    return (float(low), float(high)) if low < high else None
