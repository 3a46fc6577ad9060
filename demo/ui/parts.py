"""Parts that the tabs share: signals on show, files on their way to the browser, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr

import combiner_core as cc
from demo.media import SUFFIXES
from demo.ui import status

Updates = dict[Any, Any]
Job = Callable[..., Iterator[Updates]]

# Names of the families of models on the page.
MODELS: Mapping[str, str] = MappingProxyType(
    {"multires": "multires", "siren": "COMBINER, the paper's"}
)

# Settings of the events that only look or redraw: they wait for nobody.
QUICK: Mapping[str, Any] = MappingProxyType(
    {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
)
# Of those that load signals or may fail: Gradio shows errors of queued events only.
QUEUED: Mapping[str, Any] = MappingProxyType({**QUICK, "queue": True, "concurrency_limit": 4})


def write(signal: cc.Signal, folder: str, stem: str) -> str:
    """Write a signal without loss for the browser; returns the path of the file."""
    path = Path(folder, stem + SUFFIXES[signal.kind])
    cc.save(signal, path)
    return str(path)


def prefix_slider(elem_id: str) -> gr.Slider:
    """How much of a file to decode, in percent."""
    return gr.Slider(
        1,
        100,
        100,
        step=1,
        label="Use only the first part of the file (%)",
        info="Any part of a file from its beginning can be decoded.",
        elem_id=elem_id,
    )


def prefix_name(percent: float) -> str:
    """What a decoded first part of a file is called."""
    return f"First {percent:.0f} %"


def toast(error: cc.CombinerError) -> gr.Error:
    """The engine's sentence as a message over the page."""
    return gr.Error(escape(str(error)), print_exception=False)


def telling_failure(job: Job, panel: gr.HTML) -> Job:
    """A job that leaves its status panel at "failed" when it raises, and shows the reason."""

    def run(*values: Any) -> Iterator[Updates]:
        try:
            yield from job(*values)
        except cc.CombinerError as error:
            yield {panel: status.panel("failed", "Failed", note=str(error))}
            raise toast(error) from error
        except Exception:
            yield {panel: status.panel("failed", "Failed", note="The log of the app says why.")}
            raise

    return run
