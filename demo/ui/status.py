"""The status panel as HTML: what is going on, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal

import gradio as gr

State = Literal["idle", "waiting", "running", "done", "stopped", "failed"]

# Readers of screens hear of a new state or phase, and of each quarter; not of every number.
_ANNOUNCE = """const told = document.createElement("p");
told.className = "visually-hidden";
told.setAttribute("role", "status");
element.parentElement.append(told);
let last = "";
function tell() {
  const panel = element.querySelector(".status");
  if (!panel || panel.dataset.state === "idle") {
    told.textContent = last = "";
    return;
  }
  const quarter = 25 * Math.floor(4 * (panel.querySelector("progress")?.value ?? 0));
  const [headline, note] = ["strong", "span"].map((part) => panel.querySelector(part).textContent);
  const share = quarter > 0 && panel.dataset.state === "running" ? `, ${quarter} %` : "";
  const text = panel.dataset.state === "running" ? headline + share : `${headline}. ${note}`;
  if (text !== last) told.textContent = last = text;
}
watch("value", tell);
tell();"""


def component(value: str, elem_id: str) -> gr.HTML:
    """The component of a panel, in the current context; it announces what is new."""
    return gr.HTML(value, js_on_load=_ANNOUNCE, elem_id=elem_id)


def panel(
    state: State,
    headline: str,
    *,
    note: str = "",
    fraction: float | None = None,
    facts: Mapping[str, str] | None = None,
    refusal: str = "",
) -> str:
    """The panel.

    Args:
        state: told to style sheets and programs by the attribute `data-state`.
        headline: what is going on.
        note: more of it, smaller.
        fraction: how much is done, from 0 to 1; ``None`` if that is unknown.
        facts: texts by name; each is marked with the attribute `data-fact`.
        refusal: why a file was not taken, beside whatever goes on.
    """
    items = "".join(
        f'<div><dt>{escape(name)}</dt><dd data-fact="{escape(name.lower())}">'
        f"{escape(text)}</dd></div>"
        for name, text in (facts or {}).items()
    )
    value = "" if fraction is None else f' value="{fraction:.4f}"'
    bar = f'<progress max="1"{value} aria-label="Progress"></progress>'
    refused = f'<p class="status-refusal">{escape(refusal)}</p>' if refusal else ""
    return (
        f'<section class="status" data-state="{state}" aria-label="Status">'
        f"<p><strong>{escape(headline)}</strong> <span>{escape(note)}</span></p>"
        f"{bar if state == 'running' else ''}"
        f"{f'<dl>{items}</dl>' if items else ''}"
        f"{refused}</section>"
    )
