"""What there is to show of the results of a set of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from benchmarks.datasets import SETS, DataSet
from benchmarks.measures import MEASURES
from benchmarks.rate_distortion import collection
from benchmarks.rate_distortion.curves import by_file, mean_at_equal_rates
from benchmarks.rate_distortion.frame import frame
from benchmarks.rate_distortion.published import frame_of
from benchmarks.rate_distortion.rows import Row, read_rows
from combiner_core import CombinerError
from demo.ui import charts

Points = Sequence[tuple[float, float]]

_GRID = 16
# Blue for the default family, red for the paper's: balanced, best, fast, as names are sorted.
_OUR_COLOURS = MappingProxyType(
    {
        "multires": ("#2563eb", "#1e3a8a", "#60a5fa"),
        "siren": ("#dc2626", "#7f1d1d", "#f97316"),
    }
)


@dataclass(frozen=True)
class Subject:
    """What a chart is of.

    Attributes:
        one: the set of files.
        measure: of quality.
    """

    one: DataSet
    measure: str

    @property
    def name(self) -> str:
        """For elements of the page and files of figures."""
        return f"{self.one.name}-{MEASURES[self.measure].label.lower().replace(' ', '-')}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.one.title} by {MEASURES[self.measure].label}"


def subjects() -> list[Subject]:
    """All there are, in the order of `read_views`."""
    return [Subject(one, measure) for one in SETS.values() for measure in one.drawn]


@dataclass(frozen=True)
class View(Subject):
    """The curves of a subject.

    Attributes:
        files: number of files in the measured means.
        measured: means at equal rates by setting.
        ours: the settings that are ours.
        published: curves that others published, by name.
        sources: of those curves, a sentence each.
        left_out: settings measured on all files, which have no rate in common.
    """

    files: int
    measured: Mapping[str, Points]
    ours: Sequence[str]
    published: Mapping[str, Points]
    sources: Mapping[str, str]
    left_out: Sequence[str] = ()


def read_views(folder: Path) -> list[View]:
    """What a folder holds of each set and measure; files that are no such results do not count.

    Args:
        folder: has results in `results` and published curves in `published`.
    """
    data = {one.name: frame(_rows(folder, one)) for one in SETS.values()}
    return [_view(folder, each, data[each.one.name]) for each in subjects()]


def chart(view: View) -> go.Figure:
    """Rate-distortion curves: ours thick, other codecs thin, published ones dashed."""
    rate = "Bits per pixel" if view.one.kind == "image" else "Kilobits per second"
    measure = MEASURES[view.measure]
    unit = f" in {measure.unit}" if measure.unit else ""
    figure = charts.rate_distortion(
        {**view.measured, **view.published},
        rate_label=rate,
        quality_label=f"{measure.label}{unit}",
        rate_digits=3 if view.one.kind == "image" else 2,
        quality_digits=measure.digits,
        ours=view.ours,
        quoted=list(view.published),
    )
    for family, colours in _OUR_COLOURS.items():
        names = [name for name in view.ours if name.startswith(family)]
        for name, colour in zip(names, cycle(colours), strict=False):
            figure.update_traces(line_color=colour, selector={"name": name})
    if view.measured:
        highest = max(view.measured[name][-1][0] for name in view.ours or view.measured)
        figure.update_xaxes(range=[0, 1.05 * highest])
    return figure


def _rows(folder: Path, one: DataSet) -> list[Row]:
    rows: list[Row] = []
    for path in collection.paths_of(folder, one):
        with suppress(CombinerError):  # damaged
            rows += read_rows(path)
    return rows


def _view(folder: Path, subject: Subject, data: pd.DataFrame) -> View:
    one, measure = subject.one, subject.measure
    published: dict[str, Points] = {}
    sources: dict[str, str] = {}
    if measure == "psnr_db":
        with suppress(CombinerError):
            curves, files = collection.curves_of(folder, one), collection.files_of(folder, one)
            published = {curve.name: curve.points for curve in curves}
            published |= _means(frame_of(files), one, measure) if files else {}
            sources = {quoted.name: f"{quoted.note}: {quoted.source}" for quoted in curves}
            sources |= {quoted.name: f"{quoted.note}: {quoted.source}" for quoted in files}
    measured = _means(data, one, measure)
    others = set(data.loc[data["is_baseline"], "setting"])
    ours = sorted(set(measured) - others)
    return View(
        one,
        measure,
        int(data["file"].nunique()),
        {name: measured[name] for name in (*ours, *sorted(set(measured) & others))},
        ours,
        published,
        sources,
        _apart(data, measure, measured),
    )


def _apart(data: pd.DataFrame, measure: str, measured: Mapping[str, Points]) -> list[str]:
    """Settings that were measured on all files but are not among the means."""
    files = data["file"].nunique()
    return [
        str(setting)
        for setting, rows in data.groupby("setting")
        if setting not in measured and len(by_file(rows, measure)) == files
    ]


def _means(data: pd.DataFrame, one: DataSet, measure: str) -> dict[str, Points]:
    """Mean curves, at equal rates, of what was measured on all files of a set."""
    files = data["file"].nunique()
    means: dict[str, Points] = {}
    for setting, rows in data.groupby("setting"):
        curves = by_file(rows, measure)
        rates = np.geomspace(*one.whole, _GRID)
        mean = mean_at_equal_rates(curves, rates) if len(curves) == files else None
        if mean is not None and len(mean.rates):
            means[str(setting)] = list(zip(mean.rates.tolist(), mean.quality.tolist(), strict=True))
    return means
