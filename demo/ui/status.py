"""The status panel as HTML: what is going on, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal

import gradio as gr

State = Literal["idle", "waiting", "running", "done", "stopped", "failed"]

# Readers of screens hear of a new state at once, of phases and tenths now and then; not of every
# number.
_ANNOUNCE = """const PAUSE_MS = 4000;
const told = document.createElement("p");
told.className = "visually-hidden";
told.setAttribute("role", "status");
element.parentElement.append(told);
let last = "", lastState = "", toldAt = 0, later = 0;
function textOf(panel) {
  const [headline, note] = ["strong", "span"].map((part) => panel.querySelector(part).textContent);
  if (panel.dataset.state !== "running") return `${headline}. ${note}`;
  const share = 10 * Math.floor(10 * (panel.querySelector("progress")?.value ?? 0));
  return share > 0 ? `${headline}, ${share} %` : headline;
}
function refusalOf(panel) {
  return panel?.querySelector(".status-refusal")?.textContent ?? "";
}
function tell() {
  clearTimeout(later);
  const panel = element.querySelector(".status");
  const state = panel?.dataset.state ?? "idle";
  const said = [state === "idle" ? "" : textOf(panel), refusalOf(panel)];
  const text = said.filter(Boolean).join(" ");
  if (text === last) return;
  const wait = state === lastState ? toldAt + PAUSE_MS - Date.now() : 0;
  if (wait > 0) {
    later = setTimeout(tell, wait);
    return;
  }
  [told.textContent, last, lastState, toldAt] = [text, text, state, Date.now()];
}
// What is seen is told, whoever changed it.
const all = { attributes: true, characterData: true, childList: true, subtree: true };
new MutationObserver(tell).observe(element, all);
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
    coming: str = "",
) -> str:
    """The panel.

    Args:
        state: told to style sheets and programs by the attribute `data-state`.
        headline: what is going on.
        note: more of it, smaller.
        fraction: how much is done, from 0 to 1; ``None`` if that is unknown.
        facts: texts by name; each is marked with the attribute `data-fact`.
        refusal: why a file was not taken, beside whatever goes on.
        coming: what could be done next.
    """
    items = "".join(
        f'<div><dt>{escape(name)}</dt><dd data-fact="{escape(name.lower())}">'
        f"{escape(text)}</dd></div>"
        for name, text in (facts or {}).items()
    )
    value = "" if fraction is None else f' value="{fraction:.4f}"'
    bar = f'<progress max="1"{value} aria-label="Progress: {escape(headline)}"></progress>'
    refused = f'<p class="status-refusal">{escape(refusal)}</p>' if refusal else ""
    next_one = f'<p class="status-coming">{escape(coming)}</p>' if coming else ""
    return (
        f'<section class="status" data-state="{state}" aria-label="Status">'
        f"<p><strong>{escape(headline)}</strong> <span>{escape(note)}</span></p>"
        f"{bar if state == 'running' else ''}"
        f"{f'<dl>{items}</dl>' if items else ''}"
        f"{next_one}{refused}</section>"
    )
