"""The tab that explains: the default model, then the paper's in charts that move with controls."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import gradio as gr

from combiner_core import CombinerError
from demo.explain.default_model import Visited, default_model
from demo.jobs import JobQueue
from demo.settings import Settings
from demo.ui import inputs, parts
from demo.ui.chart_tables import table_of
from demo.ui.parts import QUEUED
from demo.visitors import Visitors
from demo.work import Waves
from demo.work.waves import EXPONENTS, SIGNALS

_DEFAULT_EXPONENT, _DEFAULT_WAVE = -6.0, 10
_MAX_SEED = 1 << 32
# Coarse waves only: there are 128, and most of the finest are worth nothing.
_WAVES = 64
_INTRODUCTION = """## The paper's own way: a file that is a random sample
In the paper, and in the model *COMBINER, the paper's* of this page, the prior does not look
around: it is the same for all signals. For the signal at hand the sender finds the **posterior**:
which weights will do, and how exactly each must be known. It sends *one sample* of it, which costs
about as many bits as the posterior differs from the prior: its KL divergence.

There the weights are those of a small network of sines, and the posterior takes thousands of
gradient steps. Here they are those of 128 waves whose sum is the signal, so the posterior is a
formula and moves under your hand; the rest is the paper's."""
_TEXTS = MappingProxyType(
    {
        "field": """### 1. Fit
The posterior minimises *distortion + β × rate*: the squared error of its samples, plus β for each
unit of its KL divergence from the prior. A small β buys a tight band around the signal; a large one
lets the waves that matter least go back to what the prior expects.""",
        "densities": """### 2. One weight
The prior says what a weight may be before anyone has seen the signal, the posterior what it may be
after. The narrower the posterior and the further from what was expected, the greater their KL
divergence, and the more bits. Where both are the same the weight costs nothing.""",
        "candidates": """### 3. Send it
Both sides draw the same candidates from the prior, with the same random numbers. The sender weighs
each by posterior over prior (the bars), picks one by A\\* coding and sends only its *number*. The
receiver looks it up. In a file, blocks of many weights share one number of 16 bits.""",
        "trade": """### 4. Rate against distortion
Each β is one point: bits against quality. The file lies to the right of the curve, since numbers
must be somewhat longer than the divergence for a good candidate to be among them.""",
    }
)


def explain_tab(
    tab: gr.Tab, visited: Visited, queue: JobQueue, visitors: Visitors, settings: Settings
) -> None:
    """Lay out and wire the tab, inside it; all is made when it is opened.

    Args:
        tab: the one around it.
        visited: the visitor's own picture.
        queue: whose workers take it apart.
        visitors: who asks for it.
        settings: of the app.
    """
    with gr.Column(elem_id="explain", elem_classes="explain"):
        default_model(tab, visited, queue, visitors, settings)
    with gr.Column(elem_id="explain-paper", elem_classes="explain"):
        gr.Markdown(_INTRODUCTION, elem_classes="explain-introduction")
        seed = gr.State(0)
        with gr.Row():
            signal = gr.Radio(SIGNALS, value=SIGNALS[0], label="Signal", elem_id="explain-signal")
            again = gr.Button(
                "Draw another sample", scale=0, min_width=220, elem_id="explain-again"
            )
        with gr.Row():
            beta = inputs.any_number(
                gr.Slider(
                    EXPONENTS[0],
                    EXPONENTS[-1],
                    value=_DEFAULT_EXPONENT,
                    step=EXPONENTS[1] - EXPONENTS[0],
                    label="β, the price of a bit, as a power of two",
                    info="Left: bits are cheap and many are spent. Right: they are dear.",
                    buttons=[],
                    min_width=300,
                    elem_id="explain-beta",
                ),
                in_steps=True,
            )
            wave = inputs.any_number(
                gr.Slider(
                    1,
                    _WAVES,
                    value=_DEFAULT_WAVE,
                    step=1,
                    label="Wave, from coarse to fine",
                    info="The one whose weight is shown in charts 2 and 3.",
                    buttons=[],
                    min_width=300,
                    elem_id="explain-wave",
                ),
                in_steps=True,
            )
        with gr.Row():
            first, second = _panel("field"), _panel("densities")
        with gr.Row():
            third, fourth = _panel("candidates"), _panel("trade")
    controls = [signal, beta, wave, seed]
    panels = [*first, *second, *third, *fourth]
    options: dict[str, Any] = {**QUEUED, "trigger_mode": "always_last"}

    async def show(
        name: str, exponent: float, number: int, drawn: int, request: gr.Request
    ) -> list[Any]:
        listener = visitors.listener(request)
        try:
            ticket = queue.ask(listener.visitor, lambda: Waves(name, exponent, number, drawn))
            shown = await parts.result_of(ticket, listener)
        except CombinerError as error:
            raise parts.toast(error) from error
        return [part for fact, chart in shown.panels for part in (fact, chart, table_of(chart))]

    # One event for all, so that no answer overtakes another.
    changes = [tab.select, signal.change, beta.change, wave.change, seed.change]
    gr.on(changes, show, controls, panels, **options)
    again.click(lambda number: (number + 1) % _MAX_SEED, seed, seed, **options)


def _panel(name: str) -> tuple[gr.HTML, gr.Plot, gr.HTML]:
    with gr.Column(min_width=320, elem_classes="explain-panel"):
        gr.Markdown(_TEXTS[name])
        fact = gr.HTML(elem_id=f"explain-{name}-fact", elem_classes="explain-fact")
        plot = gr.Plot(show_label=False, elem_id=f"explain-{name}")
        table = gr.HTML(elem_classes="chart-table")
    return fact, plot, table
