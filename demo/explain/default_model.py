"""The first part of the explanation: what the default model does with a picture."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any, cast

import gradio as gr

from demo.jobs import JobQueue
from demo.media import bytes_text, psnr_text
from demo.settings import Settings
from demo.ui import examples, parts, status
from demo.ui.chart_tables import table_of, table_with
from demo.ui.parts import QUEUED, Updates
from demo.visitors import Visitors
from demo.work import Explain, Explained, Source

_EXAMPLE = "colosseum"
_INTRODUCTION = """## From a picture to a file
The default model, *multires*, describes a picture by many numbers, its **weights**, from
coarse to fine. Most of them can be guessed from those before; the file holds what
cannot. Here is that, step by step, for one picture."""
_TEXTS = MappingProxyType(
    {
        "field": """### 1. A field of wavelets
A wavelet is a little wave of one size at one place, and its weight says how much of it there is.
Some dozen weights give a coarse idea of the picture. Each level adds what is half as large, and the
last one has three quarters of all weights.""",
        "prior": """### 2. A prior that looks at what is there
Before weights are decoded, a network looks at all that came before and foretells each: what to
**expect**, and how far **off** that may be. Receivers foretell the same, so it costs nothing.""",
        "bits": """### 3. Where the bits go
A weight costs bits where it may be, and is, unlike what was expected: at edges and in texture. What
is flat or blurred is foretold and nearly free. So the finest level, with most of the weights, can
take few of the bits.""",
        "trellis": """### 4. A path through a trellis
A weight is not rounded to one grid: there are two **sets of points** around what was expected, and
the weights before it decide which set it has. They do so by the *state* of a trellis, which each
choice moves on. The encoder searches all paths for the one with the fewest bits and the least
error.""",
        "detail": """### 5. Detail, sampled from the prior
What is not sent stays at what was expected, which looks smooth. But the prior also knows how much
is missing. A **sample** of it gives grain back, the same for every receiver, as faithful or as
natural as one likes.""",
    }
)
_SOUND = """**Sound** goes the same way. In the place of wavelets its waves are those of an MDCT, of
each moment and pitch, decoded from the first moment to the last; 2 to 4 are alike. In the place of
5 what is not sent is filled with noise, as strong as the file says."""
_LEVEL_TITLES = ("Level", "Weights", "Bits", "Bits a weight")
_PATH_TITLES = ("Weight", "State", "Set", "Expected", "Off by about", "Sent", "Bits")


@dataclass(frozen=True)
class Visited:
    """The picture that a visitor has on another tab.

    Attributes:
        components: whose values say which.
        source_of: the file from these values; ``None`` if there is none.
        found_again: the event that the last run of a page that is loaded anew is known.
    """

    components: list[gr.components.Component]
    source_of: Callable[..., Source | None]
    found_again: Callable[..., Any]


@dataclass(frozen=True)
class _Parts:
    """What an explanation is shown by."""

    seen: gr.State
    panel: gr.HTML
    steps: gr.Column
    facts: dict[str, gr.HTML]
    strips: dict[str, gr.HTML]
    charts: dict[str, tuple[gr.Plot, gr.HTML]]

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        drawn = [part for chart in self.charts.values() for part in chart]
        return [
            self.seen,
            self.panel,
            self.steps,
            *self.facts.values(),
            *self.strips.values(),
            *drawn,
        ]

    def clear(self) -> Updates:
        """Nothing is shown, and what comes next is new."""
        return {self.seen: "", self.steps: gr.update(visible=False)}


def default_model(
    tab: gr.Tab, visited: Visited, queue: JobQueue, visitors: Visitors, settings: Settings
) -> None:
    """Lay out and wire this part; a picture is taken apart when the tab is opened.

    Args:
        tab: the one around it.
        visited: the visitor's own picture; an example takes its place.
        queue: whose workers take it apart.
        visitors: who asks for it.
        settings: of the app.
    """
    gr.Markdown(_INTRODUCTION, elem_classes="explain-introduction")
    shown = _laid_out()

    async def explain(
        request: gr.Request, is_open: str, seen: str, *values: Any
    ) -> AsyncIterator[Updates]:
        listener = visitors.listener(request)
        wanted = repr(values)
        if seen == wanted or not is_open:
            yield cast(Updates, gr.skip())
            return
        yield {shown.panel: status.panel("running", "Taking a picture apart")}
        own = await asyncio.to_thread(visited.source_of, *values)
        source = own or Source.read(
            examples.path_of("image", _EXAMPLE), "image", settings.input_limits
        )
        ticket = queue.ask(listener.visitor, lambda: Explain(source))
        explained = await parts.result_of(ticket, listener)
        yield {**_filled(shown, explained, own), shown.seen: wanted}

    gr.on(
        [tab.select, visited.found_again],
        parts.telling_failure(explain, shown.panel, shown.clear),
        [gr.Textbox(visible="hidden", label="Open"), shown.seen, *visited.components],
        shown.outputs,
        js="(_, ...values) => [combiner.isAt('explain') ? 'yes' : '', ...values]",
        trigger_mode="always_last",
        **QUEUED,
    )


def _laid_out() -> _Parts:
    seen = gr.State("")
    panel = status.component(
        status.panel("idle", "A picture is taken apart when this is opened"), "anatomy-status"
    )
    facts: dict[str, gr.HTML] = {}
    strips: dict[str, gr.HTML] = {}
    charts: dict[str, tuple[gr.Plot, gr.HTML]] = {}
    pictured, charted = (
        {"field", "prior", "detail"},
        {"bits": ("map", "levels"), "trellis": ("path",)},
    )
    with gr.Column(visible=False, elem_id="anatomy", elem_classes="explain-steps") as steps:
        for name, text in _TEXTS.items():
            with gr.Row(equal_height=False, elem_classes="explain-panel explain-step"):
                with gr.Column(scale=2, min_width=280):
                    gr.Markdown(text)
                    facts[name] = gr.HTML(
                        elem_id=f"anatomy-{name}-fact", elem_classes="explain-fact"
                    )
                if name in pictured:
                    with gr.Column(scale=5, min_width=280):
                        strips[name] = gr.HTML(elem_id=f"anatomy-{name}")
                for chart in charted.get(name, ()):
                    with gr.Column(scale=5 // len(charted[name]), min_width=280):
                        charts[chart] = _chart(chart)
        gr.Markdown(_SOUND, elem_classes="explain-introduction")
    return _Parts(seen, panel, steps, facts, strips, charts)


def _chart(name: str) -> tuple[gr.Plot, gr.HTML]:
    plot = gr.Plot(show_label=False, elem_id=f"anatomy-{name}")
    return plot, gr.HTML(elem_classes="chart-table")


def _filled(shown: _Parts, explained: Explained, own: Source | None) -> Updates:
    facts = _facts(explained)
    strips = {
        "field": _pyramid(explained),
        "prior": _expectations(explained),
        "detail": _details(explained),
    }
    updates: Updates = {
        shown.panel: _told(explained, own),
        shown.steps: gr.update(visible=True),
        **{shown.facts[name]: text for name, text in facts.items()},
        **{shown.strips[name]: text for name, text in strips.items()},
    }
    drawn = {
        "map": (explained.bit_map, table_of(explained.bit_map)),
        "levels": (explained.bits_by_level, _level_table(explained)),
        "path": (explained.path_chart, _path_table(explained) if explained.path else ""),
    }
    for name, (figure, table) in drawn.items():
        plot, beside = shown.charts[name]
        updates |= {plot: gr.update(value=figure, visible=figure is not None), beside: table}
    return updates


def _told(explained: Explained, own: Source | None) -> str:
    width, height = explained.sides
    facts = {
        "Picture": f"{width} × {height} pixels",
        "File": f"{explained.file_bytes:,} bytes",
        "PSNR": psnr_text(explained.psnr_db),
    }
    if own is None:
        note = "Choose a picture on the tab Image to see your own here"
        return status.panel("done", "An example", note=note, facts=facts)
    note = "Scaled to at most 512 pixels a side"
    return status.panel("done", f"Your picture, {own.name}", note=note, facts=facts)


def _facts(explained: Explained) -> dict[str, str]:
    weights = sum(level.weights for level in explained.levels)
    foretold, first = explained.foretold, explained.levels[0]
    path_bits = sum(step.bits for step in explained.path)
    path = (
        f"The chart has {len(explained.path)} weights that follow each other in this file: "
        f"<b>{path_bits:,.1f} bits</b> in all. Full points belong to the set that the weight has, "
        f"violet is where it was expected. This trellis has {explained.states} states."
        if explained.path
        else "This picture is too small for a path to look at."
    )
    return {
        "field": (
            f"<b>{weights:,} weights</b> for this picture, {first.weights:,} of them at the "
            f"coarsest level, <b>{8 * explained.file_bytes / weights:.3f} bits</b> each on average."
        ),
        "prior": (
            f"At level {foretold.number}, what was expected has "
            f"<b>{100 * foretold.share:.0f} %</b> of the energy of what came. White means that it "
            f"may be off by {foretold.most_levels:.0f} of 255 grey levels."
        ),
        "bits": _dearest(explained),
        "trellis": path,
        "detail": (
            f"Shown is <b>{explained.crops.detail:.2f}</b> of what the prior foretells, as the "
            "file suggests. Below a result a slider goes from none to all."
        ),
    }


def _dearest(explained: Explained) -> str:
    total = sum(level.bits for level in explained.levels)
    number, level = max(enumerate(explained.levels, 1), key=lambda each: each[1].bits)
    last = explained.levels[-1]
    return (
        f"Most bits are at level {number}: <b>{100 * level.bits / total:.0f} %</b>, "
        f"{level.bits / level.weights:.3f} for each weight. The finest level has "
        f"<b>{100 * last.bits / total:.0f} %</b>, {last.bits / last.weights:.3f} for each."
    )


def _pyramid(explained: Explained) -> str:
    figures = (
        _figure(
            level.picture,
            f"The picture by levels 1 to {number}, {level.sides[0]} by {level.sides[1]} pixels",
            f"Level {number}",
            f"{level.weights:,} weights, {bytes_text(round(level.bits / 8))}",
            explained.sides,
        )
        for number, level in enumerate(explained.levels, 1)
    )
    return _strip(figures, of=4)


def _expectations(explained: Explained) -> str:
    foretold = explained.foretold
    number = foretold.number
    shown = (
        (foretold.before, f"A part of the picture by levels 1 to {number - 1}", "So far"),
        (foretold.expected, f"With what the prior expected of level {number}", "Expected"),
        (foretold.deviation, "How far off that may be, white where most", "May be off by"),
        (foretold.came, f"With the decoded weights of level {number}", "Came"),
    )
    return _strip((_figure(picture, about, title) for picture, about, title in shown), of=4)


def _details(explained: Explained) -> str:
    crops = explained.crops
    shown = (
        (crops.original, "A part of the original", "Original", ""),
        (crops.faithful, "The same part, decoded without detail", "Faithful", "no detail"),
        (
            crops.natural,
            "The same part, decoded with sampled detail",
            "Natural",
            f"detail {crops.detail:.2f}",
        ),
    )
    return _strip((_figure(*each) for each in shown), of=3)


def _strip(figures: Iterable[str], of: int) -> str:
    """Pictures beside each other, so many in a row where there is room."""
    return f'<div class="explain-strip" data-of="{of}">{"".join(figures)}</div>'


def _figure(
    picture: bytes, about: str, title: str, note: str = "", sides: tuple[int, int] | None = None
) -> str:
    data = base64.b64encode(picture).decode()
    shape = f' style="aspect-ratio: {sides[0]} / {sides[1]}"' if sides else ""
    small = f" <small>{escape(note)}</small>" if note else ""
    return (
        f'<figure><img src="data:image/webp;base64,{data}" alt="{escape(about)}"{shape}>'
        f"<figcaption>{escape(title)}{small}</figcaption></figure>"
    )


def _level_table(explained: Explained) -> str:
    rows = (
        (
            str(number),
            f"{level.weights:,}",
            f"{level.bits:,.0f}",
            f"{level.bits / max(level.weights, 1):.3f}",
        )
        for number, level in enumerate(explained.levels, 1)
    )
    return table_with(_LEVEL_TITLES, rows)


def _path_table(explained: Explained) -> str:
    rows = (
        (
            str(number),
            str(step.state),
            ("first", "second")[step.quantiser],
            f"{step.mean:.1f}",
            f"{step.deviation:.1f}",
            f"{step.value:.1f}",
            f"{step.bits:.1f}",
        )
        for number, step in enumerate(explained.path, 1)
    )
    return table_with(_PATH_TITLES, rows)
