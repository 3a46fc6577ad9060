"""The status panel as HTML: what is going on, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal

State = Literal["idle", "waiting", "running", "done", "stopped", "failed"]


def panel(
    state: State,
    headline: str,
    *,
    note: str = "",
    fraction: float | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """The panel.

    Args:
        state: told to style sheets and programs by the attribute `data-state`.
        headline: what is going on.
        note: more of it, smaller.
        fraction: how much is done, from 0 to 1; ``None`` if that is unknown.
        facts: texts by name; each is marked with the attribute `data-fact`.
    """
    items = "".join(
        f'<div><dt>{escape(name)}</dt><dd data-fact="{escape(name.lower())}">'
        f"{escape(text)}</dd></div>"
        for name, text in (facts or {}).items()
    )
    value = "" if fraction is None else f' value="{fraction:.4f}"'
    bar = f'<progress max="1"{value} aria-label="Progress"></progress>'
    return (
        f'<section class="status" data-state="{state}" aria-label="Status">'
        f"<p><strong>{escape(headline)}</strong> <span>{escape(note)}</span></p>"
        f"{bar if state == 'running' else ''}"
        f"{f'<dl>{items}</dl>' if items else ''}</section>"
    )
