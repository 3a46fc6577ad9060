"""The tab with results: where we stand, in words, then curves beside those of others."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from benchmarks import standing
from benchmarks.standing import Standing
from combiner_core import CombinerError
from demo import ROOT
from demo.codecs import label
from demo.results.views import View, chart, read_views, subjects
from demo.ui.chart_tables import table_of

FOLDER = ROOT / "benchmarks"

_INTRODUCTION = """### Where we stand

The default model at effort `balanced`, each file against the same file of another codec: how many \
bytes more or fewer it takes for the same quality, the mean over the files and, in brackets, where \
the mean would lie with other files of the same sort, with 95 % confidence; *equal* is where that \
includes no difference. PSNR counts errors of pixels or samples; SSIMULACRA2 and MS-SSIM judge \
pictures more as eyes do, PESQ, ESTOI and ViSQOL voices as ears do, ViSQOL audio and Zimtohrli \
music."""
_CURVES = """### Curves

Curves in solid lines were measured with real files and are means at equal rates; of Opus, MP3 \
and Vorbis only packets count, without their containers. Dashed ones are quoted from publications. \
Most of those are means at equal encoder settings, which come out lower than means at equal rates \
of the same codec: compare by the table above, which allows for that."""


def results_tab(tab: gr.Tab, folder: Path = FOLDER) -> None:
    """Lay out and wire the tab, inside it; it is filled each time it is opened.

    Args:
        tab: the one around it.
        folder: has results in `results` and published curves in `published`.
    """
    plots, texts = [], []
    with gr.Column(elem_id="results", elem_classes="results"):
        gr.Markdown(_INTRODUCTION)
        texts.append(gr.HTML("<p>Reading the results …</p>", elem_id="results-standing"))
        gr.Markdown(_CURVES)
        for subject in subjects():
            gr.Markdown(f"#### {subject.title}")
            plots.append(gr.Plot(show_label=False, elem_id=f"results-{subject.name}"))
            texts.append(gr.HTML(elem_id=f"results-{subject.name}-sources"))
    options: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "concurrency_limit": None,
    }
    tab.select(lambda: _all_texts(folder, _stamp(folder)), None, texts, **options).then(
        lambda: _charts(folder, _stamp(folder)), None, plots, **options
    )


def standing_table(found: Sequence[Standing]) -> str:
    """HTML: ahead, equal or behind, set by set."""
    if not found:
        return "<p>There are no results yet.</p>"
    head = "".join(f"<th>{title}</th>" for title in ("Files", "Judged by", "Against", "We are", ""))
    body = "".join(
        _line(one, number == 0)
        for _, group in groupby(found, key=lambda one: one.subject)
        for number, one in enumerate(group)
    )
    return (
        f'<div class="results-scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def sources(view: View) -> str:
    """HTML: how many files the curves are means over, and where published ones come from."""
    if not (view.measured or view.published):
        return "<p>There are no results of this kind yet.</p>"
    text = f"<p>Means over {view.files} files.</p>" if view.measured else ""
    if view.left_out:
        names = ", ".join(map(escape, view.left_out))
        text += (
            f"<p>Not drawn: {names}. Their files of these have no size in common at which a mean "
            "could be taken. The table above compares them file by file.</p>"
        )
    if not view.sources:
        return text
    lines = "".join(
        f"<li><b>{escape(name)}</b>, {escape(source)}</li>" for name, source in view.sources.items()
    )
    return (
        f"{text}<details><summary>Sources of the published curves</summary>"
        f"<ul>{lines}</ul></details>"
    )


def _line(one: Standing, is_first: bool) -> str:
    subject = escape(one.subject) if is_first else ""
    cells = (one.measure, label(one.anchor), one.verdict, one.detail)
    return (
        f'<tr data-verdict="{one.verdict}"><th scope="row">{subject}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
    )


# Intervals take seconds.
@functools.lru_cache(maxsize=1)
def _all_texts(folder: Path, stamp: tuple[tuple[str, float], ...]) -> list[str]:
    """The texts of the tab; `stamp` tells when the files have changed."""
    try:
        found = standing.standings(folder)
    except CombinerError:  # a damaged file: what is whole can still be drawn
        found = []
    return [standing_table(found), *map(_beside, read_views(folder), _charts(folder, stamp))]


@functools.lru_cache(maxsize=1)
def _charts(folder: Path, stamp: tuple[tuple[str, float], ...]) -> list[go.Figure]:
    """The charts; see `_all_texts`."""
    return [chart(view) for view in read_views(folder)]


def _beside(view: View, drawn: go.Figure) -> str:
    """What stands under a chart."""
    return sources(view) + table_of(drawn)


def _stamp(folder: Path) -> tuple[tuple[str, float], ...]:
    return tuple((path.name, path.stat().st_mtime) for path in sorted(folder.glob("*/*.json")))
