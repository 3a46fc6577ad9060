"""The status panel as HTML: what the job is doing, how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Literal

from combiner_core import Progress

State = Literal["idle", "running", "done", "stopped", "failed"]

_PHASES = {
    "search": "Finding the noise scale for the budget",
    "fit": "Learning the posterior",
    "code": "Coding and refining",
    "verify": "Decoding the file once",
}
# Share of the time before each phase, and in it, of a typical job.
_SHARES = {"search": (0.0, 0.1), "fit": (0.1, 0.65), "code": (0.75, 0.25), "verify": (1.0, 0.0)}
_ESTIMATE_FROM = 0.03


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


def running(progress: Progress | None) -> str:
    """The panel of a job, before its first event or at one."""
    if progress is None:
        return panel("running", "Preparing")
    fraction = _fraction(progress)
    facts = {
        "PSNR": f"{progress.psnr_db:.2f} dB",
        "Committed": f"{progress.committed_bits:,} of {progress.budget_bits:,} bits",
        "KL to code": f"{progress.kl_bits:,.0f} bits",
        "Elapsed": f"{progress.elapsed_s:.0f} s",
    }
    headline, note = _PHASES[progress.phase], _time_left(progress.elapsed_s, fraction)
    return panel("running", headline, note=note, fraction=fraction, facts=facts)


def is_running(panel: str) -> bool:
    """Whether a panel tells of a job that has not ended."""
    return 'data-state="running"' in panel


def _fraction(progress: Progress) -> float:
    before, share = _SHARES[progress.phase]
    return before + share * progress.step / max(1, progress.total)


def _time_left(elapsed_s: float, fraction: float) -> str:
    if fraction < _ESTIMATE_FROM:
        return "estimating the time left"
    left_s = elapsed_s * (1 - fraction) / fraction
    if left_s < 100:
        return f"about {left_s:.0f} s left"
    return f"about {left_s / 60:.0f} min left"
