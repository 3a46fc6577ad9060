"""The left column of a tab that compresses: signal, budget, model, effort, Compress and Stop."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import get_args

import gradio as gr

import combiner_core as cc
from combiner_core.options import EffortName
from combiner_core.signals import Kind
from demo import ROOT
from demo.compress import budgets
from demo.jobs import JobQueue
from demo.media import RATE_UNITS, Extent
from demo.settings import Settings
from demo.ui import inputs, parts
from demo.ui.parts import MODELS, QUEUED, QUICK, Updates
from demo.visitors import Visitors
from demo.work import Measure, Source

_EXAMPLES = ROOT / "assets" / "examples"
_SUFFIXES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"image": (".png", ".jpg", ".jpeg", ".webp"), "audio": (".wav", ".flac", ".mp3")}
)
_INPUTS = MappingProxyType({"image": inputs.image_input, "audio": inputs.clip_input})
_DEFAULT_BYTES = 4000
_MAX_DOUBLINGS = 24


class Controls:
    """The components, in the current context; their ids begin with the kind of signal.

    Args:
        kind: of signals.
        queue: whose workers open files.
        visitors: who asks for it.
        settings: of the app.

    Attributes:
        source: its value is the path of the file.
        frame_s: its value says which frame of a video or an animation is meant.
        budget_bytes: its value is the budget, ``None`` if the field is empty.
        model: "multires" or "siren".
        effort: its value is an `EffortName`.
        compress, stop: buttons.
    """

    def __init__(self, kind: Kind, queue: JobQueue, visitors: Visitors, settings: Settings) -> None:
        self._kind, self._settings = kind, settings
        self._queue, self._visitors = queue, visitors
        self.source = _INPUTS[kind](f"{kind}-source")
        gr.Markdown(inputs.limits_text(kind, settings), elem_classes="job-limits")
        _examples(kind, self.source)
        self.frame_s = gr.Number(
            0.0,
            label="Frame at (s)",
            info="The file is a video or an animation: one of its frames is compressed.",
            minimum=0,
            visible=False,
            elem_id=f"{kind}-frame",
        )
        with gr.Row(elem_classes="job-budget"):
            self._doublings = gr.Slider(
                budgets.slider_position(budgets.MIN_BYTES),
                _MAX_DOUBLINGS,
                budgets.slider_position(_DEFAULT_BYTES),
                step=0.01,
                label="Budget",
                buttons=[],
                scale=3,
                min_width=160,
                elem_id=f"{kind}-budget",
            )
            self.budget_bytes = gr.Number(
                _DEFAULT_BYTES,
                label="Bytes",
                precision=0,
                minimum=1,
                scale=1,
                min_width=110,
                elem_id=f"{kind}-bytes",
            )
        with gr.Row(elem_classes="job-picks"):
            unit = RATE_UNITS[kind]
            picks = {
                rate: gr.Button(f"{rate:g} {unit}", size="sm", min_width=56)
                for rate in budgets.PICKS[kind]
            }
        self._note = gr.HTML(elem_id=f"{kind}-note", elem_classes="job-note")
        self.model = gr.Radio(
            [(name, value) for value, name in MODELS.items()],
            value="multires",
            label="Model",
            elem_id=f"{kind}-model",
        )
        self.effort = gr.Radio(
            get_args(EffortName),
            value="fast",
            label="Effort",
            info="How long to fit: more effort, better quality at the same size.",
            elem_id=f"{kind}-effort",
        )
        with gr.Row():
            self.compress = gr.Button("Compress", variant="primary", elem_id=f"{kind}-compress")
            self.stop = gr.Button("Stop", variant="stop", interactive=False, elem_id=f"{kind}-stop")
        self._extent = gr.State(None)
        self._wire(picks)

    def _wire(self, picks: Mapping[float, gr.Button]) -> None:
        """Slider, number and quick picks go together; the note says what they come to."""
        budget = [self.budget_bytes, self._doublings]
        measured = self.source.change(
            self._measure,
            self.source,
            [self._extent, *budget, self._note, self.frame_s],
            trigger_mode="always_last",
            **QUEUED,
        )
        described = [self._extent, self.budget_bytes]
        measured.success(_describe, described, self._note, **QUICK)
        self.budget_bytes.change(
            _describe, described, self._note, trigger_mode="always_last", **QUICK
        )
        for rate, button in picks.items():
            button.click(partial(self._pick, rate), self._extent, budget, **QUICK)
        self._doublings.input(
            None,
            self._doublings,
            self.budget_bytes,
            js="doublings => Math.round(2 ** doublings)",
            api_visibility="private",
        )
        self.budget_bytes.input(
            None,
            self.budget_bytes,
            self._doublings,
            js="bytes => Math.log2(Math.max(1, bytes))",
            api_visibility="private",
        )

    async def _measure(self, path: str | None, request: gr.Request) -> Updates:
        """The signal is another one: so are the sensible budgets."""
        if path is None:
            return {self._extent: None, self._note: "", self.frame_s: gr.Number(visible=False)}
        listener = self._visitors.listener(request)
        try:
            file = inputs.chosen(path, self._kind, self._settings)
            limits = self._settings.input_limits
            ticket = self._queue.ask(
                listener.visitor, lambda: Measure(Source.read(file, self._kind, limits))
            )
            measured = await parts.result_of(ticket, listener)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        extent = Extent.of(measured.shape)
        has_frames = measured.has_frames and self._kind == "image"
        size = budgets.default_bytes(extent)
        largest = budgets.slider_position(budgets.max_bytes(extent))
        return {
            self._extent: extent,
            self.frame_s: gr.Number(value=0.0, visible=has_frames),
            self.budget_bytes: size,
            self._doublings: gr.Slider(maximum=largest, value=budgets.slider_position(size)),
        }

    def _pick(self, rate: float, extent: Extent | None) -> Updates:
        if extent is None:
            return {}
        size = budgets.bytes_at(extent, rate)
        return {self.budget_bytes: size, self._doublings: budgets.slider_position(size)}


def _describe(extent: Extent | None, budget_bytes: int | None) -> str:
    return budgets.describe(extent, budget_bytes) if extent and budget_bytes else ""


def _examples(kind: Kind, source: gr.components.Component) -> None:
    """Files to try for those who have none at hand; not by `gr.Examples`, see `image_input`."""
    files = [path for path in sorted(_EXAMPLES.glob("*")) if path.suffix in _SUFFIXES[kind]]
    if not files:
        return
    examples = gr.Dataset(
        components=[kind],
        samples=[[str(path)] for path in files],
        sample_labels=[path.stem for path in files] if kind == "audio" else None,
        label="Examples",
        type="values",
        layout="gallery",
        elem_id=f"{kind}-examples",
    )
    examples.click(lambda sample: sample[0], examples, source, **QUICK)
