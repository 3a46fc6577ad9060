"""Curves of rate and quality, of one codec: file by file, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from benchmarks.rate_distortion.measure import Row
from benchmarks.rate_distortion.tables import frame

Measure = Literal["psnr_db", "ms_ssim_db"]

MEASURES: Mapping[Measure, str] = MappingProxyType({"psnr_db": "PSNR", "ms_ssim_db": "MS-SSIM"})


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
    def of(cls, rows: Sequence[Row] | pd.DataFrame, files: Sequence[str], measure: Measure) -> Self:
        """From rows of one setting, or a data frame of them; see `tables.frame`.

        Of several seeds a file counts with the mean.
        """
        data = frame(rows)
        known = data[data["file"].isin(files)].dropna(subset=["actual_rate", measure])
        means = known.groupby(["rate", "file"])[["actual_rate", measure]].mean()
        rates, quality_db = (means[name].unstack() for name in ("actual_rate", measure))
        rates = rates.reindex(columns=files).dropna()
        quality_db = quality_db.reindex(index=rates.index, columns=files)
        dropped = tuple(sorted(set(data["rate"]) - set(rates.index)))
        return cls(data["setting"].iloc[0], rates.to_numpy(), quality_db.to_numpy(), dropped)

    def mean(self, files: NDArray[np.intp] | None = None) -> Curve:
        """Over all files, or over some by their numbers."""
        chosen = slice(None) if files is None else files
        means = [values[:, chosen].mean(1) for values in (self.rates, self.quality_db)]
        # a codec at the end of its range gives the same files for several budgets
        rates, quality_db = np.unique(np.stack(means, 1), axis=0).T
        return Curve(rates, quality_db, self.dropped_rates)
