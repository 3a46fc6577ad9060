"""A run on the screen while it goes on: a picture that sharpens, charts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr
import plotly.graph_objects as go

from combiner_core.signals import Kind
from demo.codecs import RatePoint
from demo.compress.job_panel import RUNNING_PSNR
from demo.jobs import JobView
from demo.ui import charts
from demo.ui.chart_tables import table_of
from demo.ui.parts import Updates

_CHART_INTERVAL_S = 1.5
_MIN_WIDTH_PX = 280


@dataclass(frozen=True)
class Drawn:
    """What of a run is on the screen already.

    Attributes:
        job_id: the run.
        previews: number of the picture.
        charted: what the charts show, in short.
    """

    job_id: str = ""
    previews: int = 0
    charted: str = ""


@dataclass(frozen=True)
class _Chart:
    """A plot under its title, and its figures for those who do not see it."""

    box: gr.Column
    plot: gr.Plot
    table: gr.HTML

    @property
    def parts(self) -> list[gr.blocks.Block]:
        return [self.box, self.plot, self.table]

    def show(self, figure: go.Figure, table: str = "") -> Updates:
        return {self.box: gr.update(visible=True), self.plot: figure, self.table: table}

    def clear(self) -> Updates:
        return {self.box: gr.update(visible=False), self.plot: None, self.table: ""}


class LiveView:
    """The components of a run that goes on, in the current context.

    Args:
        kind: of the signal; ids of elements begin with it.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        with gr.Row(visible=False, elem_id=f"{kind}-live", elem_classes="job-live") as self._row:
            self._preview = gr.Image(
                label="So far",
                alt_text="The picture as far as it is coded",
                format="jpeg",
                buttons=[],
                interactive=False,
                visible=False,
                min_width=_MIN_WIDTH_PX,
                elem_id=f"{kind}-preview",
                elem_classes="job-preview",
            )
            self._curve = self._chart("curve", "Quality against size")
            self._bits = self._chart("bits", "Where the bits go")
            self._posterior = self._chart("posterior", "A layer's weights")

    def _chart(self, name: str, title: str) -> _Chart:
        with gr.Column(visible=False, min_width=_MIN_WIDTH_PX, elem_classes="job-chart") as box:
            # Gradio's own label would lie over the legend.
            gr.HTML(f"<h2>{title}</h2>")
            plot = gr.Plot(show_label=False, label=title, elem_id=f"{self._kind}-{name}")
            table = gr.HTML(elem_id=f"{self._kind}-{name}-table")
        return _Chart(box, plot, table)

    @property
    def _all_charts(self) -> tuple[_Chart, ...]:
        return self._curve, self._bits, self._posterior

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `update` sets."""
        charted = [part for chart in self._all_charts for part in chart.parts]
        return [self._row, self._preview, *charted]

    @staticmethod
    def contents(view: JobView) -> str:
        """What of a run changes more than its status, in short."""
        return f"{view.id} {view.previews} {_charted(view)}"

    def empty(self) -> Updates:
        """No run."""
        return {self._row: gr.update(visible=False)}

    def update(self, view: JobView, drawn: Drawn) -> tuple[Updates, Drawn]:
        """Show what is new of a run.

        Args:
            view: the run as it stands.
            drawn: what is on the screen already.

        Returns:
            updates, and what is on the screen then.
        """
        updates: Updates = {}
        if view.id != drawn.job_id:
            drawn = Drawn(view.id)
            updates[self._preview] = gr.update(visible=False, value=None)
            for chart in self._all_charts:
                updates |= chart.clear()
        updates[self._row] = gr.update(visible=view.progress is not None)
        progress = view.progress
        if progress is None:
            return updates, drawn
        if view.previews > drawn.previews:
            updates[self._preview] = gr.update(value=progress.preview, visible=True)
            drawn = replace(drawn, previews=view.previews)
        if view.outcome is not None:  # The result itself takes its place.
            updates[self._preview] = gr.update(visible=False)
        charted = _charted(view)
        if charted and charted != drawn.charted:
            updates |= self._charts(view)
            drawn = replace(drawn, charted=charted)
        return updates, drawn

    def _charts(self, view: JobView) -> Updates:
        progress = view.progress
        assert progress is not None
        points = [RatePoint(bits // 8, psnr_db) for bits, psnr_db in view.points]
        result = None
        if view.outcome is not None:
            result = RatePoint(view.outcome.bytes_count, view.outcome.psnr_db)
        shown = []
        # Others' curves are of whole files: what a run has so far is nothing to lay beside them.
        curves = view.comparison.curves if result else {}
        if points or result:
            curve = charts.live(points, curves, view.budget_bytes, self._kind, result, RUNNING_PSNR)
            shown.append((self._curve, curve))
        if progress.bit_map is not None:
            picture = progress.preview if self._kind == "image" else None
            shown.append((self._bits, charts.bit_map(progress.bit_map, self._kind, picture)))
        layer = progress.posterior
        if layer is not None:
            figure = charts.posterior(layer.prior_mean, layer.prior_std, layer.mean, layer.std)
            shown.append((self._posterior, figure))
        updates: Updates = {}
        for chart, figure in shown:  # Tables as long as it goes on would be read again and again.
            updates |= chart.show(figure, table_of(figure) if view.ended else "")
        return updates


def _charted(view: JobView) -> str:
    """What charts of a run show, in short; none are drawn for what is over soon, nor for Stop."""
    if view.progress is None or (view.ended and view.outcome is None):
        return ""
    interval = int(view.progress.elapsed_s / _CHART_INTERVAL_S)
    if view.outcome is None and interval == 0:
        return ""
    moment = "end" if view.outcome is not None else str(interval)
    return f"{moment} {len(view.comparison.curves) if view.outcome is not None else 0}"
