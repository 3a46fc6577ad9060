"""The showcase on the screen: one photograph by three codecs at one size, and a way to try it."""

from __future__ import annotations

import gradio as gr

from demo.codecs import label
from demo.media import ORIGINAL, bytes_text
from demo.showcase.figures import ORIGINAL as UNTOUCHED
from demo.showcase.figures import OURS, Figures
from demo.ui.compare import ImageComparison, Variant
from demo.ui.parts import MODELS, Updates

_OURS_NAME = MODELS["multires"]
_LEFT = "jpeg"


class Showcase:
    """The components, in the current context.

    Attributes:
        example: name of the example that is shown.
        attempt: a button that compresses it.
    """

    def __init__(self) -> None:
        figures = Figures.read()
        self.example = figures.example
        with gr.Column(elem_id="image-showcase", elem_classes="showcase") as box:
            self._box = box
            with gr.Row(elem_classes="showcase-head"):
                gr.HTML(_headline(figures))
                self.attempt = gr.Button(
                    "Compress this photograph",
                    size="md",
                    elem_id="image-attempt",
                    scale=0,
                    min_width=210,
                )
            ImageComparison(
                "image-showcase-compare",
                variants=_variants(figures),
                left=label(_LEFT),
                right=_OURS_NAME,
                size=figures.size,
            )

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `show` sets."""
        return [self._box]

    def show(self, visible: bool) -> Updates:
        """Show or hide it."""
        return {self._box: gr.update(visible=visible)}


def _headline(figures: Figures) -> str:
    size = bytes_text(figures.sides[OURS].bytes_count)
    original = bytes_text(figures.sides[UNTOUCHED].bytes_count)
    return (
        f"<h2>The same photograph in {size}</h2><p>From {original} without loss. "
        f"Left {label(_LEFT)}, right COMBINER: drag the line, or choose AVIF.</p>"
    )


def _variants(figures: Figures) -> list[Variant]:
    names = {UNTOUCHED: ORIGINAL, OURS: _OURS_NAME}
    return [
        Variant(
            names.get(codec, label(codec)),
            str(side.path),
            None if codec == UNTOUCHED else side.bytes_count,
            side.psnr_db,
            perceived=side.ssimulacra2,
        )
        for codec, side in figures.sides.items()
    ]
