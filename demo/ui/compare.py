"""Comparisons: two sides of a picture, a player that switches between clips, blind tests.

The viewers are `gr.HTML` components that bring their own style sheets and scripts: nothing has to
be passed to `launch`. Pictures and sounds travel as files that Gradio serves, without loss.

A tab makes one where it is to stand, names `viewer.outputs` among the outputs of its events, and
returns what `viewer.update(...)` or `viewer.clear()` returns:

    viewer = ImageComparison("image-compare")
    ...
    original = Variant("Original", "/folder/photo.png")
    ours = Variant("COMBINER", "/folder/decoded.png", bytes_count=4000, psnr_db=29.1)
    return viewer.update([original, ours], left="Original", right="COMBINER")

Call `update` again with more variants when they are there: a visitor's choice of sides, place and
zoom is kept as long as `left` and `right` and the first variant stay what they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import gradio as gr
import plotly.graph_objects as go

from combiner_core.signals import Kind
from demo.media import psnr_text
from demo.ui.chart_tables import table_of
from demo.ui.parts import Updates

_ASSETS = Path(__file__).with_name("viewers")
# Each has functions for those that follow.
_SCRIPTS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "image": ("blind.js", "stage.js", "detail.js", "image.js"),
        "audio": ("blind.js", "player.js", "audio.js"),
    }
)


@dataclass(frozen=True)
class Blend:
    """A picture that can be had with more or less detail.

    Attributes:
        faithful, natural: paths of the picture without detail, and with all of it.
        detail: that is in the picture itself, from 0 to 1.
        screens: paths of smaller files for the screen, if these are large.
    """

    faithful: str
    natural: str
    detail: float
    screens: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Variant:
    """One of the things to compare.

    Attributes:
        name: what it is called, unlike any other in the comparison.
        path: PNG or WAV file for the browser, in a folder that Gradio may serve from.
        bytes_count: size of the compressed file; ``None`` for an original.
        psnr_db: against the original, if there is one.
        perceived: what eyes might say of a picture, SSIMULACRA2.
        screen: path of a smaller file for the screen, if the other is large.
        blend: of a picture with detail.
        note: of a map, not a picture of its own: what its levels mean.
    """

    name: str
    path: str
    bytes_count: int | None = None
    psnr_db: float | None = None
    perceived: float | None = None
    screen: str | None = None
    blend: Blend | None = None
    note: str = ""

    @property
    def size_text(self) -> str:
        """Size in words."""
        return "" if self.bytes_count is None else f"{self.bytes_count:,} bytes"

    @property
    def detail(self) -> str:
        """Size and quality in words."""
        parts = [text for text in (self.size_text, self.note) if text]
        if self.psnr_db is not None:
            parts.append(psnr_text(self.psnr_db))
        if self.perceived is not None:
            parts.append(f"SSIMULACRA2 {self.perceived:.1f}")
        return " · ".join(parts)


class Comparison(Protocol):
    """What the comparisons of pictures and of clips have in common."""

    @property
    def outputs(self) -> list[gr.components.Component]:
        """The components that `update` and `clear` set."""
        ...

    def update(
        self,
        variants: Sequence[Variant],
        left: str,
        right: str,
        figures: Sequence[go.Figure] = (),
        size: tuple[int, int] | None = None,
    ) -> Updates:
        """Show variants, and charts of clips."""
        ...

    def clear(self, *, visible: bool = True) -> Updates:
        """Show nothing."""
        ...


class ImageComparison:
    """Two pictures under a divider, side by side or in turn, down to their pixels; a blind test.

    Args:
        elem_id: of the component.
        visible: whether it is shown.
    """

    def __init__(self, elem_id: str, *, visible: bool = True) -> None:
        self._view = _viewer("image", elem_id, visible)

    @property
    def outputs(self) -> list[gr.components.Component]:
        """The components that `update` and `clear` set."""
        return [self._view]

    def update(
        self,
        variants: Sequence[Variant],
        left: str,
        right: str,
        figures: Sequence[go.Figure] = (),
        size: tuple[int, int] | None = None,
    ) -> Updates:
        """Show pictures.

        Args:
            variants: what can stand on a side; the first gives the grid that all are shown on.
            left, right: names of those shown at first.
            figures: none.
            size: width and height of the first, so that its place is there at once.
        """
        value = _shown(variants, left, right, size)
        return {self._view: gr.update(value=value, visible=True)}

    def clear(self, *, visible: bool = True) -> Updates:
        """Show nothing."""
        return {self._view: gr.update(value=None, visible=visible)}


class AudioComparison:
    """A player that switches between clips and keeps the place, a blind test, charts.

    Args:
        elem_id: of the player; those of the charts begin with it.
        visible: whether it is shown.
    """

    def __init__(self, elem_id: str, *, visible: bool = True) -> None:
        self._players = _viewer("audio", elem_id, visible)
        self._charts, self._tables = [], []
        for name in ("waveform", "first", "second"):
            chart_id = f"{elem_id}-{name}"
            self._charts.append(gr.Plot(show_label=False, visible=False, elem_id=chart_id))
            self._tables.append(gr.HTML(elem_classes="chart-table"))

    @property
    def outputs(self) -> list[gr.components.Component]:
        """The components that `update` and `clear` set."""
        return [self._players, *self._charts, *self._tables]

    def update(
        self,
        variants: Sequence[Variant],
        left: str,
        right: str,
        figures: Sequence[go.Figure] = (),
        size: tuple[int, int] | None = None,
    ) -> Updates:
        """Offer clips to the ear.

        Args:
            variants: the clips.
            left, right: names of two; `right` is heard first.
            figures: charts of these two, see `demo.ui.charts.of_clips`.
            size: none.
        """
        value = _shown(variants, left, right)
        updates: Updates = {self._players: gr.update(value=value, visible=True)}
        for index, (chart, table) in enumerate(zip(self._charts, self._tables, strict=True)):
            figure = figures[index] if index < len(figures) else None
            updates[chart] = gr.update(value=figure, visible=figure is not None)
            updates[table] = table_of(figure) if figure is not None else ""
        return updates

    def clear(self, *, visible: bool = True) -> Updates:
        """Offer nothing."""
        updates: Updates = {chart: gr.update(value=None, visible=False) for chart in self._charts}
        updates |= dict.fromkeys(self._tables, "")
        return {self._players: gr.update(value=None, visible=visible), **updates}


def standing(
    kind: Kind,
    elem_id: str,
    variants: Sequence[Variant],
    left: str,
    right: str,
    size: tuple[int, int] | None = None,
) -> gr.HTML:
    """A viewer of what never changes, there from the beginning; see `Comparison.update`."""
    return _viewer(kind, elem_id, True, _shown(variants, left, right, size))


def _viewer(kind: Kind, elem_id: str, visible: bool, value: Any = None) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=_asset(f"{kind}.html").replace("<!-- blind test -->", _asset("blind.html")),
        css_template="".join(map(_asset, ("buttons.css", "compare.css", f"{kind}.css"))),
        js_on_load="\n".join(map(_asset, _SCRIPTS[kind])),
        apply_default_css=False,
        elem_id=elem_id,
        visible=visible,
    )


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text("utf-8")


def _shown(
    variants: Sequence[Variant], left: str, right: str, size: tuple[int, int] | None = None
) -> dict[str, Any]:
    """What the scripts of the viewers take."""
    return {"variants": _described(variants), "left": left, "right": right, "size": size}


def _described(variants: Sequence[Variant]) -> list[dict[str, Any]]:
    return [
        {
            "name": variant.name,
            "detail": variant.detail,
            "isMap": bool(variant.note),
            **_files(variant.path, variant.screen),
            "blend": _blended(variant, variant.blend) if variant.blend else None,
        }
        for variant in variants
    ]


def _blended(variant: Variant, blend: Blend) -> dict[str, Any]:
    return {
        "faithful": _files(blend.faithful, blend.screens[0]),
        "natural": _files(blend.natural, blend.screens[1]),
        "detail": blend.detail,
        "text": variant.size_text,
    }


def _files(path: str, screen: str | None) -> dict[str, Any]:
    """What Gradio replaces by the same with addresses of the files."""
    return {
        "file": gr.FileData(path=path).model_dump(),
        "screen": gr.FileData(path=screen).model_dump() if screen else None,
    }
