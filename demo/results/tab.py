"""The tab with measured results: rate-distortion curves beside published ones, and BD-rates."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from benchmarks.rate_distortion.bd import Comparison, compare
from benchmarks.rate_distortion.curves import FileCurves
from benchmarks.rate_distortion.measure import Row, read_rows
from benchmarks.rate_distortion.published import PublishedCurve, read_published
from combiner_core import CombinerError
from combiner_core.signals import Kind
from demo import ROOT
from demo.codecs import label
from demo.media import RATE_UNITS
from demo.ui import charts

FOLDER = ROOT / "benchmarks"

# Between which rates curves are compared, and with what.
_RANGES = MappingProxyType({"image": (0.05, 0.6), "audio": (4.0, 32.0)})
_ANCHORS = MappingProxyType({"image": ("avif", "webp"), "audio": ("opus", "mp3")})
_HEADINGS = MappingProxyType(
    {"image": "Photographs: the Kodak set", "audio": "Speech: clips of LibriSpeech"}
)
# Blue for the default family, red for the paper's: balanced, best, fast, as names are sorted.
_OUR_COLOURS = MappingProxyType(
    {
        "multires": ("#2563eb", "#1e3a8a", "#60a5fa"),
        "siren": ("#dc2626", "#7f1d1d", "#f97316"),
    }
)
_INTRODUCTION = """Every curve in solid lines was measured with the real files, headers included, \
by `python -m benchmarks rd` on the same signals; the dashed ones are quoted from \
publications and are means over *other* sets of files, so that a few tenths of a decibel between \
a solid and a dashed curve mean nothing."""


@dataclass(frozen=True)
class View:
    """What there is to show for one kind of signal.

    Attributes:
        kind: of the signals.
        files: number of files in the measured means.
        measured: mean rates and PSNR by setting, as `Job.setting`.
        ours: the settings that are ours.
        published: curves that others published.
        rows: what the measured means are of.
    """

    kind: Kind
    files: int
    measured: Mapping[str, Sequence[tuple[float, float]]]
    ours: Sequence[str]
    published: Sequence[PublishedCurve]
    rows: Sequence[Row]


def results_tab(tab: gr.Tab, folder: Path = FOLDER) -> None:
    """Lay out and wire the tab, inside it; it is filled each time it is opened.

    Args:
        tab: the one around it.
        folder: has results in `results` and published curves in `published`.
    """
    plots, texts = [], []
    with gr.Column(elem_id="results", elem_classes="results"):
        gr.Markdown(_INTRODUCTION)
        for kind, heading in _HEADINGS.items():
            gr.Markdown(f"### {heading}")
            plots.append(gr.Plot(show_label=False, elem_id=f"results-{kind}"))
            texts.append(gr.HTML(elem_id=f"results-{kind}-table"))
    options: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    tab.select(lambda: [chart(view) for view in read_views(folder)], None, plots, **options).then(
        lambda: _all_tables(folder, _stamp(folder)), None, texts, **options
    )


def read_views(folder: Path) -> list[View]:
    """What a folder holds of each kind of signal; files that are no such results do not count.

    Args:
        folder: has results in `results` and published curves in `published`.
    """
    rows: list[Row] = []
    for path in sorted((folder / "results").glob("*.json")):
        try:
            rows += read_rows(path)
        except CombinerError:  # results of another benchmark
            continue
    try:
        published = read_published(folder / "published")
    except CombinerError:
        published = []
    return [_view(kind, rows, published) for kind in RATE_UNITS]


def chart(view: View) -> go.Figure:
    """Rate-distortion curves: ours thick, other codecs thin, published ones dashed."""
    quoted = {curve.name: curve.points for curve in view.published}
    rate = "Bits per pixel" if view.kind == "image" else "Kilobits per second"
    figure = charts.rate_distortion(
        {**view.measured, **quoted}, rate_label=rate, ours=view.ours, quoted=list(quoted)
    )
    for family, colours in _OUR_COLOURS.items():
        names = [name for name in view.ours if name.startswith(family)]
        for name, colour in zip(names, cycle(colours), strict=False):
            figure.update_traces(line_color=colour, selector={"name": name})
    if view.measured:
        highest = max(view.measured[name][-1][0] for name in view.ours or view.measured)
        figure.update_xaxes(range=[0, 1.05 * highest])
    return figure


def tables(view: View) -> str:
    """HTML: BD-rates of ours against other codecs, and where the published curves come from."""
    if not (view.measured or view.published):
        return "<p>There are no results of this kind yet.</p>"
    parts = []
    if view.measured:
        parts.append(f"<p>Solid curves: means over {view.files} files.</p>")
    comparisons = _compare(view)
    if comparisons:
        anchors = list(dict.fromkeys(one.anchor for one in comparisons))
        head = "".join(f"<th>against {escape(label(anchor))}</th>" for anchor in anchors)
        body = "".join(_row(setting, comparisons, anchors) for setting in view.ours)
        parts.append(
            "<p>BD-rate on the same files: how many more or, where negative, fewer bytes for the "
            "same PSNR, and where it would lie with other files of the same sort, with 95 % "
            "confidence.</p>"
            f'<div class="results-scroll"><table><thead><tr><th>Setting</th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )
    if view.published:
        lines = "".join(
            f"<li><b>{escape(curve.name)}</b>, {escape(curve.note)}: {escape(curve.source)}</li>"
            for curve in view.published
        )
        parts.append(
            f"<details><summary>Sources of the published curves</summary><ul>{lines}</ul></details>"
        )
    return "".join(parts)


def _view(kind: Kind, rows: Sequence[Row], published: Sequence[PublishedCurve]) -> View:
    rows = [row for row in rows if row.job.unit == RATE_UNITS[kind]]
    by_setting: dict[str, list[Row]] = {}
    for row in rows:
        by_setting.setdefault(row.job.setting, []).append(row)
    sets = [sorted({row.job.file for row in found}) for found in by_setting.values()]
    files = max(sets, key=len, default=[])
    measured: dict[str, list[tuple[float, float]]] = {}
    for setting, found in by_setting.items():
        mean = FileCurves.of(found, files, "psnr_db").mean()
        if len(mean.rates):  # otherwise it was measured on some of the files only
            measured[setting] = list(
                zip(mean.rates.tolist(), mean.quality_db.tolist(), strict=True)
            )
    ours = sorted(name for name in measured if not by_setting[name][0].job.is_baseline)
    others = sorted(set(measured) - set(ours))
    return View(
        kind,
        len(files),
        {name: measured[name] for name in (*ours, *others)},
        ours,
        [curve for curve in published if curve.kind == kind],
        [row for name in measured for row in by_setting[name]],
    )


def _compare(view: View) -> list[Comparison]:
    """BD-rates of ours against the anchors that were measured."""
    found = []
    for anchor in _ANCHORS[view.kind]:
        if anchor not in view.measured:
            continue
        try:
            found += compare(view.rows, [anchor], *_RANGES[view.kind])
        except CombinerError:  # a curve that does not rise, or none of ours
            continue
    return found


def _row(setting: str, comparisons: Sequence[Comparison], anchors: Sequence[str]) -> str:
    by_anchor = {one.anchor: one for one in comparisons if one.setting == setting}
    cells = "".join(f"<td>{_cell(by_anchor.get(anchor))}</td>" for anchor in anchors)
    return f'<tr><th scope="row">{escape(setting)}</th>{cells}</tr>'


def _cell(comparison: Comparison | None) -> str:
    if comparison is None or comparison.bd_rate is None:
        return "nothing in common"
    return f"{comparison.bd_rate.text(1, signed=True)} %"


# Intervals take seconds.
@functools.lru_cache(maxsize=1)
def _all_tables(folder: Path, stamp: tuple[tuple[str, float], ...]) -> list[str]:
    """The tables of all views; `stamp` tells when the files have changed."""
    return [tables(view) for view in read_views(folder)]


def _stamp(folder: Path) -> tuple[tuple[str, float], ...]:
    return tuple((path.name, path.stat().st_mtime) for path in sorted(folder.glob("*/*.json")))
