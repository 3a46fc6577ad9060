"""Files to try for those who have none at hand: names and small pictures, as buttons."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType

import gradio as gr

from combiner_core.signals import Kind
from demo import ROOT

EXAMPLES = ROOT / "assets" / "examples"
THUMBNAILS = ROOT / "assets" / "thumbnails"

# What each is, as the page names it and as screen readers describe it.
_ABOUT: Mapping[Kind, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "image": {
            "osprey": ("Osprey", "A perched osprey before trees"),
            "portrait": ("Portrait", "A woman with a hood looks into the camera"),
            "colosseum": ("Colosseum", "Arches of the Colosseum in warm light"),
            "bridge": ("Bridge", "A stone arch bridge mirrored in a pond"),
            "harbour": ("Harbour", "A harbour at sunset"),
            "drawing": ("Drawing", "A flat drawing of hills at dusk"),
            "poster": ("Poster", "A poster with large and small print"),
            "chart": ("Chart", "A bar chart with two lines"),
        },
        "audio": {
            "reader-163": ("Reader", "A voice reads, at 16 kHz"),
            "reader-125": ("Another reader", "Another voice reads, at 16 kHz"),
            "strings": ("Strings", "An orchestra's strings, at 16 kHz"),
            "melody": ("Melody", "Plucked strings over slow chords, at 24 kHz"),
        },
    }
)
_SUFFIXES: Mapping[Kind, str] = MappingProxyType({"image": ".png", "audio": ".flac"})
_CHOOSE = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-example]");
  if (button) trigger("choose", { name: button.dataset.example });
});"""


def names(kind: Kind) -> tuple[str, ...]:
    """Names of the examples of a kind, in the order of the page."""
    return tuple(_ABOUT[kind])


def path_of(kind: Kind, name: str) -> Path:
    """File of an example.

    Raises:
        KeyError: there is none of this name.
    """
    if name not in _ABOUT[kind]:
        raise KeyError(name)
    return EXAMPLES / f"{name}{_SUFFIXES[kind]}"


def buttons(kind: Kind, elem_id: str) -> gr.HTML:
    """Buttons in the current context; their event `choose` has the example's `name`."""
    items = "".join(_button(kind, name, *about) for name, about in _ABOUT[kind].items())
    return gr.HTML(
        f'<div class="examples" role="group" aria-label="Examples" data-kind="{kind}">'
        f"{items}</div>",
        js_on_load=_CHOOSE,
        elem_id=elem_id,
    )


def _button(kind: Kind, name: str, title: str, about: str) -> str:
    picture = ""
    if kind == "image":
        content = base64.b64encode((THUMBNAILS / f"{name}.webp").read_bytes()).decode()
        picture = (
            f'<img src="data:image/webp;base64,{content}" alt="{escape(about)}" '
            'width="84" height="56">'
        )
    return (
        f'<button type="button" data-example="{name}" title="{escape(about)}">{picture}'
        f"<span>{escape(title)}</span></button>"
    )
