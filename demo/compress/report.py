"""The report of a run as JSON: what was asked for, what came of it, how others did."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from combiner_core.options import EncodeOptions
from demo.baselines import Entry
from demo.jobs import JobView, Outcome
from demo.media import RATE_UNITS

_PACKAGES = ("torch", "numpy", "numba", "gradio", "pillow", "soundfile")


def report_of(view: JobView, outcome: Outcome) -> dict[str, Any]:
    """What there is to say of a run that is done, as JSON knows it."""
    entries = view.comparison.entries
    companion = view.companion
    return {
        "signal": {"kind": outcome.extent.kind, "size": outcome.extent.text},
        "notes": list(view.notes),
        "settings": {
            "budget_bytes": view.budget_bytes,
            "importance_map": view.is_painted,
            **_settings(view.options),
        },
        "result": _result(outcome),
        "codecs": {name: entry and _codec(entry) for name, entry in entries.items()},
        "failed_codecs": dict(view.comparison.failures),
        "other_model": (
            _result(companion.outcome)
            if companion is not None and companion.outcome is not None
            else None
        ),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def write_report(view: JobView, outcome: Outcome) -> Path:
    """Write the report beside the other files of the run."""
    path = outcome.original.with_name(f"{view.name}-report.json")
    path.write_text(json.dumps(report_of(view, outcome), indent=2) + "\n", encoding="utf-8")
    return path


def _settings(options: EncodeOptions) -> dict[str, Any]:
    settings = asdict(options)
    del settings["device"]  # The one that was taken is part of the result.
    return settings


def _result(outcome: Outcome) -> dict[str, Any]:
    extent = outcome.extent
    return {
        "model": outcome.model,
        "bytes": outcome.bytes_count,
        RATE_UNITS[extent.kind]: round(extent.rate(outcome.bytes_count), 6),
        "psnr_db": outcome.psnr_db,
        "kl_bits": outcome.kl_bits,
        "side_bits": outcome.side_bits,
        "device": outcome.device,
        "seconds": outcome.seconds,
    }


def _codec(entry: Entry) -> dict[str, Any]:
    """``None`` in the place of this means that the codec cannot make a file so small."""
    facts = asdict(entry)
    del facts["codec"], facts["file"]
    return facts
