"""A brush: where in a picture the bits should go, painted over it before it is compressed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import gradio as gr
import numpy as np

import combiner_core as cc
from combiner_core.importance import Importance

_ASSETS = Path(__file__).with_name("viewers")
# Cells along each side, at most: more than a file can tell apart in most pictures.
_MAX_SIDE = 128
_GRID = re.compile(rf"[-.+]{{1,{_MAX_SIDE}}}(\n[-.+]{{1,{_MAX_SIDE}}}){{0,{_MAX_SIDE - 1}}}")
_OCTAVES: Mapping[str, float] = MappingProxyType({"-": -1.0, ".": 0.0, "+": 1.0})


def canvas(elem_id: str) -> gr.HTML:
    """The picture of the input to paint on, in the current context."""
    html, buttons, css, script = (
        (_ASSETS / name).read_text("utf-8")
        for name in ("brush.html", "buttons.css", "brush.css", "brush.js")
    )
    return gr.HTML(
        html_template=html,
        css_template=buttons + css,
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
    )


def importance_of(painted: str | None) -> Importance | None:
    """What was painted; ``None`` for nothing.

    Args:
        painted: a line for each row of cells, of a sign for each: "+" for more bits, "-" for
            fewer, "." for what was left alone.

    Raises:
        SignalError: it is not of this kind.
    """
    if not painted:
        return None
    rows = painted.split("\n") if _GRID.fullmatch(painted) else []
    if len({len(row) for row in rows}) != 1:
        raise cc.SignalError("What was painted cannot be read: clear it and paint it again.")
    return Importance(np.array([[_OCTAVES[sign] for sign in row] for row in rows], np.float32))
