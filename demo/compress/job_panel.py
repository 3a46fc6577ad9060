"""The status panel of a job: how far it is, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from combiner_core.events import Phase
from demo.jobs import JobView, Outcome
from demo.ui.status import panel

_PHASES: Mapping[Phase, str] = MappingProxyType(
    {
        "search": "Finding the noise scale for the budget",
        "fit": "Learning the posterior",
        "code": "Coding and refining",
        "verify": "Decoding the file once",
    }
)
_MIN_FRACTION_TO_ESTIMATE = 0.03


def job_panel(view: JobView) -> str:
    """The panel of a job, whatever its state."""
    if view.state == "waiting":
        return panel("waiting", "Waiting", note=_place_text(view.place))
    if view.state == "failed":
        return panel("failed", "Failed", note=view.error)
    if view.state == "stopped":
        return panel("stopped", "Stopped", note="Nothing was kept.")
    if view.outcome is not None:
        facts = _result_facts(view.outcome)
        return panel("done", "Done", note=" ".join(view.notes), facts=facts)
    return _running(view)


def _running(view: JobView) -> str:
    progress = view.progress
    if progress is None:
        return panel("running", "Preparing")
    note = _time_left(progress.elapsed_s, view.fraction)
    facts = {
        "PSNR": f"{progress.psnr_db:.2f} dB",
        "Committed": f"{progress.committed_bits:,} of {progress.budget_bits:,} bits",
        "KL to code": f"{progress.kl_bits:,.0f} bits",
        "Elapsed": f"{progress.elapsed_s:.0f} s",
    }
    headline = _PHASES[progress.phase]
    return panel("running", headline, note=note, fraction=view.fraction, facts=facts)


def _result_facts(outcome: Outcome) -> dict[str, str]:
    return {
        "PSNR": f"{outcome.psnr_db:.2f} dB",
        "Size": f"{outcome.bytes_count:,} bytes",
        "Rate": outcome.extent.rate_text(outcome.bytes_count),
        "Model": outcome.model,
        "Time": f"{outcome.seconds['total']:.1f} s on {outcome.device}",
    }


def _place_text(place: int) -> str:
    if place == 0:
        return "yours is next"
    return "1 run before yours" if place == 1 else f"{place} runs before yours"


def _time_left(elapsed_s: float, fraction: float) -> str:
    if fraction < _MIN_FRACTION_TO_ESTIMATE:
        return "estimating the time left"
    left_s = elapsed_s * (1 - fraction) / fraction
    if left_s < 100:
        return f"about {left_s:.0f} s left"
    return f"about {left_s / 60:.0f} min left"
