"""Figures of the results, as SVG files for the documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from benchmarks import intervals
from benchmarks.ablation import measure as ablation
from benchmarks.ablation import tables as ablation_tables
from benchmarks.rec_overhead import image_weights, random_weights
from benchmarks.rec_overhead import tables as rec_tables
from benchmarks.rec_overhead.coders import CoderChoice
from benchmarks.results_files import Benchmark, JobT, RowT
from combiner_core.errors import CombinerError
from combiner_core.signals import write_atomically
from demo.results import chart, read_views
from demo.ui import charts

_BROWSER = Path("/usr/bin/chromium")
_WIDTH = 860
_HEIGHT = 420
_BAR_HEIGHT = 24
_COLOURS = ("#3b82f6", "#d97706", "#059669", "#db2777", "#8b5cf6", "#0891b2", "#a16207", "#64748b")
_SPREAD_COLOUR = "#7b8290"
# names within a figure are drawn by chance: alike every time, so that the same is the same file
_TO_SVG = """figure => {
  let state = 1;
  Math.random = () => (state = state * 16807 % 2147483647) / 2147483647;
  return Plotly.toImage(figure, {format: 'svg', imageDataOnly: true});
}"""


def figures(folder: Path) -> Iterator[tuple[str, go.Figure]]:
    """Names and figures of all results there are.

    Args:
        folder: has results in `results` and curves in `published`.
    """
    for view in read_views(folder):
        if view.measured:
            yield f"rd-{view.name}", chart(view).update_layout(height=540)
    for name in ("multires", "siren", "siren-clips"):
        rows = _rows(folder, ablation.BENCHMARK, f"ablation-{name}")
        if rows:
            yield f"ablation-{name}", ablation_chart(ablation_tables.frame(rows))
    random = _rows(folder, random_weights.BENCHMARK, "rec")
    if random:
        yield "rec", random_weights_chart(rec_tables.frame_of_random_weights(random))
    real = _rows(folder, image_weights.BENCHMARK, "overhead-*")
    if real:
        yield "rec-images", image_weights_chart(rec_tables.frame_of_image_weights(real))


def ablation_chart(data: pd.DataFrame) -> go.Figure:
    """PSNR of every variant less that of the codec as it is, a colour for each rate.

    Args:
        data: of `ablation.tables.frame`.
    """
    figure = charts.blank("PSNR less that of the codec as it is, in dB", "")
    found = ablation_tables.summaries(data).dropna(subset="difference_db")
    rates = found.groupby(["rate", "unit"])
    for ((rate, unit), here), colour in zip(rates, cycle(_COLOURS), strict=False):
        figure.add_bar(
            name=f"{rate:g} {unit}",
            y=list(here["variant"]),
            x=[difference.value for difference in here["difference_db"]],
            error_x=_spread(list(here["difference_db"])),
            marker_color=colour,
            orientation="h",
        )
    figure.update_yaxes(autorange="reversed")
    height = 120 + _BAR_HEIGHT * rates.ngroups * found["variant"].nunique()
    return figure.update_layout(height=height, showlegend=True)


def random_weights_chart(data: pd.DataFrame) -> go.Figure:
    """Overhead of coders against the bits of a weight.

    Args:
        data: of `rec_overhead.tables.frame_of_random_weights`.
    """
    figure = _coder_lines("Bits a weight", data, "mean_bits", "mean_bits")
    return figure.update_xaxes(type="log", tickvals=sorted(data["mean_bits"].unique()))


def image_weights_chart(data: pd.DataFrame) -> go.Figure:
    """Overhead of coders on images, against the rate.

    Args:
        data: of `rec_overhead.tables.frame_of_image_weights`.
    """
    return _coder_lines("Bits per pixel", data.dropna(subset="percent"), "bpp", "noise_index")


def _coder_lines(x_title: str, data: pd.DataFrame, rate: str, point: str) -> go.Figure:
    """Lines through the means of a column of rates and of the overhead in per cent.

    Args:
        x_title: of the axis of the rates.
        data: has columns `coder`, `size` and `percent`.
        rate: column of the rates.
        point: column of what the rows of one point have in common.
    """
    figure = charts.blank(x_title, "Bits over the ideal, in %")
    for (coder, found), colour in zip(
        data.groupby(["coder", "size"]), cycle(_COLOURS), strict=False
    ):
        points = found.groupby(point)
        means = pd.DataFrame(
            {
                "rate": points[rate].mean(),
                "percent": points["percent"].apply(lambda one: intervals.of_mean(one.to_numpy())),
            }
        ).sort_values("rate")
        choice = CoderChoice(*coder)
        figure.add_scatter(
            name=choice.text,
            x=list(means["rate"]),
            y=[percent.value for percent in means["percent"]],
            error_y=_spread(list(means["percent"])),
            mode="lines+markers",
            line={"color": colour, "dash": "solid" if choice.name == "trellis" else "dash"},
        )
    legend = {"y": -0.2, "yanchor": "top"}
    return figure.update_layout(height=_HEIGHT, legend=legend, showlegend=True)


def write(folder: Path, output: Path) -> list[str]:
    """Draw all figures of a folder into another; returns their names.

    Raises:
        CombinerError: there is no browser to draw with, or a file of results is damaged.
    """
    drawn = []
    output.mkdir(parents=True, exist_ok=True)
    with _painter() as paint:
        for name, figure in figures(folder):
            write_atomically(output / f"{name}.svg", paint(figure).encode())
            drawn.append(name)
    return drawn


@contextmanager
def _painter() -> Iterator[Callable[[go.Figure], str]]:
    """Plotly draws in a browser alone."""
    # a package of the development requirements
    from playwright.sync_api import sync_playwright

    if not _BROWSER.exists():
        raise CombinerError(f"Figures are drawn with Chromium, which is not at {_BROWSER}.")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())

        def paint(figure: go.Figure) -> str:
            figure.update_layout(width=_WIDTH)
            return str(page.evaluate(_TO_SVG, json.loads(figure.to_json())))

        yield paint
        browser.close()


def _spread(found: Sequence[intervals.Interval]) -> dict[str, Any]:
    """Error bars."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [one.high - one.value if one.high is not None else 0 for one in found],
        "arrayminus": [one.value - one.low if one.low is not None else 0 for one in found],
        "thickness": 1,
        "color": _SPREAD_COLOUR,
        "visible": any(one.low is not None for one in found),
    }


def _rows(folder: Path, benchmark: Benchmark[JobT, RowT], pattern: str) -> list[RowT]:
    paths = sorted((folder / "results").glob(f"{pattern}.json"))
    return [row for path in paths for row in benchmark.rows(path)]
