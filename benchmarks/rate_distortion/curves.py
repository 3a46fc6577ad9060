"""Curves of rate and quality: of one file, and means over files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

# a file of ours may be so much smaller than it was asked to be
_REACH = 0.02
_EPSILON = 1e-9


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a codec, rising in rate.

    Attributes:
        rates: in the unit of the rows (n,).
        quality: in the unit of a measure (n,).
    """

    rates: NDArray[np.float64]
    quality: NDArray[np.float64]

    @classmethod
    def through(cls, rates: ArrayLike, quality: ArrayLike) -> Self:
        """The curve of points (n,) in any order; of those at one rate the best counts."""
        rates, quality = np.asarray(rates, np.float64), np.asarray(quality, np.float64)
        order = np.lexsort((-quality, rates))
        rates, places = np.unique(rates[order], return_index=True)
        return cls(rates, quality[order][places])

    def rising(self) -> Self:
        """Without points that cost more than another and are no better: nobody would choose them.

        Scores of eyes and ears do not always rise with the rate.
        """
        best_before = np.maximum.accumulate(np.concatenate([[-np.inf], self.quality]))[:-1]
        chosen = self.quality > best_before
        return type(self)(self.rates[chosen], self.quality[chosen])

    def at(self, rates: ArrayLike) -> NDArray[np.float64]:
        """Quality at other rates, interpolated over their logarithm.

        Up to two per cent beyond an end it is that of the end, further out NaN.
        """
        from scipy.interpolate import PchipInterpolator  # Takes a third of a second.

        asked = np.asarray(rates, np.float64)
        if len(self.rates) < 2:
            return np.full(asked.shape, np.nan)
        ends = self.rates[[0, -1]]
        is_near = (asked >= ends[0] * (1 - _REACH)) & (asked <= ends[1] * (1 + _REACH))
        curve = PchipInterpolator(np.log(self.rates), self.quality)
        return np.where(is_near, curve(np.log(np.clip(asked, *ends))), np.nan)

    def within(self, low: float, high: float) -> Curve:
        """The part between two rates, interpolated there where the curve goes beyond them."""
        if len(self.rates) < 2:
            return self
        ends = np.clip([low, high], self.rates[0], self.rates[-1])
        # a mean over seeds can miss its rate by a rounding
        is_inside = (self.rates > ends[0] * (1 + _EPSILON)) & (
            self.rates < ends[1] * (1 - _EPSILON)
        )
        inside = self.rates[is_inside]
        rates = np.unique([*ends, *inside])
        return Curve(rates, self.at(rates))


def by_file(data: pd.DataFrame, measure: str) -> dict[str, Curve]:
    """The curve of every file of one setting; of several seeds a file counts with the mean.

    Args:
        data: lines of `frame` of one setting.
        measure: of quality, a column.
    """
    points = _points(data, measure)
    return {
        str(file): Curve.through(found["actual_rate"], found[measure])
        for file, found in points.groupby(level="file")
    }


def mean_at_equal_points(data: pd.DataFrame, measure: str, files: Sequence[str]) -> Curve:
    """Means over files of one setting at each point that all of them have.

    Of other codecs these are means at equal encoder settings, as publications have them; of ours
    they are means at equal rates.
    """
    points = _points(data[data["file"].isin(files)], measure)
    complete = points.groupby(level="point").filter(lambda found: len(found) == len(files))
    means = complete.groupby(level="point").mean()
    return Curve.through(means["actual_rate"], means[measure])


def mean_at_equal_rates(curves: Mapping[str, Curve], rates: ArrayLike) -> Curve:
    """Means over files of their curves, each at the same rates; where all of them have one."""
    asked = np.asarray(rates, np.float64)
    quality = np.mean([curve.at(asked) for curve in curves.values()], axis=0)
    known = np.isfinite(quality)
    return Curve.through(asked[known], quality[known])


def _points(data: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Rate and quality by file and point."""
    known = data.dropna(subset=["actual_rate", measure])
    return known.groupby(["file", "point"])[["actual_rate", measure]].mean()
