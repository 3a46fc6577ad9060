"""A showcase on the screen: one signal by several codecs at one size, and a way to try it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import gradio as gr

from combiner_core.signals import Kind
from demo.codecs import label
from demo.media import ORIGINAL, bytes_text
from demo.showcase.figures import ORIGINAL as UNTOUCHED
from demo.showcase.figures import OURS, Figures
from demo.ui.compare import Variant, standing
from demo.ui.legends import legend
from demo.ui.parts import MODELS, Updates

_OURS_NAME = MODELS["multires"]
# what a signal is called, whom ours is compared with at first, and how
_WORDS: Mapping[Kind, tuple[str, str, str]] = MappingProxyType(
    {
        "image": (
            "photograph",
            "jpeg",
            f"Left {label('jpeg')}, right {_OURS_NAME}: drag the line, or choose AVIF.",
        ),
        "audio": (
            "music",
            UNTOUCHED,
            f"Play, and switch between {_OURS_NAME}, {label('mp3')} and {label('opus')} at the "
            "same place.",
        ),
    }
)

# that stand beside the names
_FIGURES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"image": ("PSNR", "SSIMULACRA2"), "audio": ("PSNR",)}
)


class Showcase:
    """The components, in the current context.

    Args:
        kind: of the signal.

    Attributes:
        example: name of the example that is shown.
        attempt: a button that compresses it.
    """

    def __init__(self, kind: Kind) -> None:
        figures = Figures.read(kind)
        self.example = figures.example
        what, left, way = _WORDS[kind]
        with gr.Column(elem_id=f"{kind}-showcase", elem_classes="showcase") as box:
            self._box = box
            with gr.Row(elem_classes="showcase-head"):
                gr.HTML(_headline(figures, what, way))
                self.attempt = gr.Button(
                    f"Compress this {what}",
                    size="md",
                    elem_id=f"{kind}-attempt",
                    scale=0,
                    min_width=210,
                )
                self._choose = gr.Button(
                    "Choose yours",
                    size="md",
                    elem_id=f"{kind}-choose",
                    elem_classes="showcase-choose",
                    scale=0,
                )
            elem_id = f"{kind}-showcase-compare"
            standing(kind, elem_id, _variants(figures), _name_of(left), _OURS_NAME, figures.size)
            gr.HTML(legend(_FIGURES[kind]), elem_classes="showcase-legend")

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `show` sets."""
        return [self._box, self.attempt, self._choose]

    def show(self, *, visible: bool, offered: bool) -> Updates:
        """Show or hide it, and the buttons that compress its example or take another file."""
        offer = gr.update(visible=offered)
        return {self._box: gr.update(visible=visible), self.attempt: offer, self._choose: offer}


def _headline(figures: Figures, what: str, way: str) -> str:
    size = bytes_text(figures.sides[OURS].bytes_count)
    original = bytes_text(figures.sides[UNTOUCHED].bytes_count)
    return f"<h2>The same {what} in {size}</h2><p>From {original} without loss. {way}</p>"


def _variants(figures: Figures) -> list[Variant]:
    return [
        Variant(
            _name_of(codec),
            str(figures.path_of(side)),
            None if codec == UNTOUCHED else side.bytes_count,
            side.psnr_db,
            perceived=side.ssimulacra2,
        )
        for codec, side in figures.sides.items()
    ]


def _name_of(codec: str) -> str:
    return {UNTOUCHED: ORIGINAL, OURS: _OURS_NAME}.get(codec, label(codec))
