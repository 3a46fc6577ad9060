"""The status panel of a job: how far it is, what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from combiner_core.events import Phase
from demo.compress.budgets import saving_text
from demo.jobs import JobView, Outcome
from demo.media import psnr_text
from demo.ui.status import panel

PHASES: Mapping[Phase, str] = MappingProxyType(
    {
        "search": "Finding the quality that fits",
        "fit": "Refining",
        "code": "Coding",
        "verify": "Decoding the file once",
    }
)
# Of a picture with the last filter, as far as that is known.
RUNNING_PSNR = "PSNR so far"
# A file may end a little before its budget anyway.
_FILLED = 0.9


def job_panel(view: JobView, name: str = "", refusal: str = "", coming: str = "") -> str:
    """The panel of a job, whatever its state.

    Args:
        view: the job as it stands.
        name: of its file, where there are several.
        refusal: why another file was not taken meanwhile.
        coming: another file that was chosen meanwhile.
    """
    if view.state == "waiting":
        return panel("waiting", "Waiting", note=_place_text(view.place), refusal=refusal)
    if view.state == "failed":
        return panel("failed", "Failed", note=view.error, refusal=refusal)
    if view.state == "stopped":
        seen = " The picture is as far as it got." if view.previews else ""
        return panel("stopped", "Stopped", note=f"There is no file.{seen}", refusal=refusal)
    if view.outcome is not None:
        facts = _result_facts(view.outcome)
        saving = saving_text(view.file_bytes, view.outcome.bytes_count)
        painted = ("The bits went where you painted.",) if view.is_painted else ()
        notes = " ".join((*painted, *view.notes, *_ended_early(view, view.outcome)))
        chosen = f"{coming} is chosen: press Compress." if coming else ""
        return panel("done", saving, note=notes, facts=facts, refusal=refusal, coming=chosen)
    return _running(view, f"{name}: " if name else "", refusal)


def _running(view: JobView, whose: str, refusal: str) -> str:
    progress = view.progress
    if progress is None:
        return panel("running", f"{whose}Preparing", refusal=refusal)
    note = _time_left(view.left_s)
    facts = {}
    if progress.phase != "search":  # Its passes are of sizes that the file will not have.
        facts[RUNNING_PSNR] = f"about {progress.psnr_db:.0f} dB"
    if progress.committed_bits:
        bytes_count, most_bytes = progress.committed_bits // 8, progress.budget_bits // 8
        facts["Coded"] = f"{bytes_count:,} of {most_bytes:,} bytes"
    facts["Elapsed"] = f"{progress.elapsed_s:.0f} s"
    headline = f"{whose}{PHASES[progress.phase]}"
    if progress.phase == "code" and view.passes:
        headline += " again, nearer to your size"
    return panel(
        "running", headline, note=note, fraction=view.fraction, facts=facts, refusal=refusal
    )


def _result_facts(outcome: Outcome) -> dict[str, str]:
    return {
        "PSNR": psnr_text(outcome.psnr_db),
        "Size": f"{outcome.bytes_count:,} bytes",
        "Time": f"{outcome.seconds['total']:.1f} s",
    }


def _ended_early(view: JobView, outcome: Outcome) -> tuple[str, ...]:
    """That more bytes would have brought nothing, where that is so."""
    if outcome.bytes_count >= _FILLED * view.budget_bytes:
        return ()
    return (
        f"The gain ends at {outcome.bytes_count:,} bytes: more would bring nothing, so the file "
        f"has no more of the {view.budget_bytes:,}.",
    )


def _place_text(place: int) -> str:
    if place == 0:
        return "yours is next"
    return "1 run before yours" if place == 1 else f"{place} runs before yours"


def _time_left(left_s: float | None) -> str:
    if left_s is None:
        return "estimating the time left"
    if math.isinf(left_s):
        return "longer than it seemed"
    if left_s < 1:
        return "a moment left"
    if left_s < 100:
        return f"about {left_s:.0f} s left"
    return f"about {left_s / 60:.0f} min left"
