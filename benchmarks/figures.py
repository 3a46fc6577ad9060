"""Figures of the results, as SVG files for the documents: `python -m benchmarks.figures`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs

from combiner_core.bench import ablation, group_overhead, intervals, rec_overhead
from combiner_core.bench.coders import CoderChoice
from combiner_core.bench.results import Benchmark, JobT, RowT
from combiner_core.signals import write_atomically
from demo.results import chart, read_views
from demo.ui import charts

ROOT = Path(__file__).resolve().parent.parent
_BROWSER = "/usr/bin/chromium"
_WIDTH = 860
_HEIGHT = 420
_BAR_HEIGHT = 24
_COLOURS = ("#3b82f6", "#d97706", "#059669", "#db2777", "#8b5cf6", "#0891b2", "#a16207", "#64748b")
_SPREAD_COLOUR = "#7b8290"
_TO_SVG = "figure => Plotly.toImage(figure, {format: 'svg', imageDataOnly: true})"


def figures(folder: Path) -> Iterator[tuple[str, go.Figure]]:
    """Names and figures of all results there are.

    Args:
        folder: has results in `results` and curves in `published`.
    """
    for view in read_views(folder):
        if view.measured:
            yield f"rd-{view.kind}", chart(view).update_layout(height=540)
    for family in ("multires", "siren"):
        rows = _rows(folder, ablation.BENCHMARK, f"ablation-{family}")
        if rows:
            yield f"ablation-{family}", ablation_chart(rows)
    synthetic = _rows(folder, rec_overhead.BENCHMARK, "rec")
    if synthetic:
        yield "rec", overhead_chart(synthetic)
    real = _rows(folder, group_overhead.BENCHMARK, "overhead-*")
    if real:
        yield "rec-images", image_overhead_chart(real)


def ablation_chart(rows: Sequence[ablation.Row]) -> go.Figure:
    """PSNR of every variant less that of the codec as it is, a colour for each rate."""
    figure = charts.blank("PSNR less that of the codec as it is, in dB", "")
    found = [(one, one.difference_db) for one in ablation.summaries(rows) if one.difference_db]
    rates = sorted({one.bpp for one, _ in found})
    for bpp, colour in zip(rates, cycle(_COLOURS), strict=False):
        here = [(one.variant, difference) for one, difference in found if one.bpp == bpp]
        differences = [difference for _, difference in here]
        figure.add_bar(
            name=f"{bpp:g} bpp",
            y=[variant for variant, _ in here],
            x=[difference.value for difference in differences],
            error_x=_spread(differences),
            marker_color=colour,
            orientation="h",
        )
    variants = {one.variant for one, _ in found}
    figure.update_yaxes(autorange="reversed")
    height = 120 + _BAR_HEIGHT * len(rates) * len(variants)
    return figure.update_layout(height=height, showlegend=True)


def overhead_chart(rows: Sequence[rec_overhead.Row]) -> go.Figure:
    """Overhead of coders against the bits of a weight."""
    groups: dict[CoderChoice, dict[float, list[tuple[float, float]]]] = {}
    for row in rows:
        points = groups.setdefault(CoderChoice(row.job.coder, row.job.size), {})
        points.setdefault(row.job.mean_bits, []).append((row.job.mean_bits, row.percent))
    figure = _coder_lines("Bits a weight", groups)
    return figure.update_xaxes(type="log", tickvals=sorted({row.job.mean_bits for row in rows}))


def image_overhead_chart(rows: Sequence[group_overhead.Row]) -> go.Figure:
    """Overhead of coders on images, against the rate."""
    ideals = {row.job: row for row in rows if row.job.choice is None}
    groups: dict[CoderChoice, dict[float, list[tuple[float, float]]]] = {}
    for row in rows:
        overhead = group_overhead.overhead(row, ideals) if row.job.choice else None
        if row.job.choice and overhead is not None:
            points = groups.setdefault(row.job.choice, {})
            point = (row.bits / row.pixels, 100 * overhead)
            points.setdefault(row.job.noise_index, []).append(point)
    return _coder_lines("Bits per pixel", groups)


def _coder_lines(
    x_title: str, groups: Mapping[CoderChoice, Mapping[float, Sequence[tuple[float, float]]]]
) -> go.Figure:
    """Lines through the means of pairs of rate and overhead in per cent."""
    figure = charts.blank(x_title, "Bits over the ideal, in %")
    for (coder, points), colour in zip(sorted(groups.items()), cycle(_COLOURS), strict=False):
        found = sorted(
            (fmean(rate for rate, _ in pairs), intervals.of_mean([percent for _, percent in pairs]))
            for pairs in points.values()
        )
        figure.add_scatter(
            name=coder.text,
            x=[rate for rate, _ in found],
            y=[percent.value for _, percent in found],
            error_y=_spread([percent for _, percent in found]),
            mode="lines+markers",
            line={"color": colour, "dash": "solid" if coder.name == "trellis" else "dash"},
        )
    legend = {"y": -0.2, "yanchor": "top"}
    return figure.update_layout(height=_HEIGHT, legend=legend, showlegend=True)


def write(folder: Path, output: Path) -> list[str]:
    """Draw all figures of a folder into another; returns their names."""
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


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", metavar="DIR")
    parser.add_argument("--data", type=Path, default=ROOT / "benchmarks", metavar="DIR")
    parsed = parser.parse_args()
    for name in write(parsed.data, parsed.out):
        print(f"wrote {name}.svg")


if __name__ == "__main__":
    main()
