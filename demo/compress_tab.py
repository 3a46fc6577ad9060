"""The tabs that compress: the same for images and for clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import gradio as gr

import combiner_core as cc
from combiner_core.options import EffortName
from combiner_core.signals import Kind
from demo import budgets, inputs, parts, status
from demo.runs import Runner

_LEFT_WIDTH = 380
_RIGHT_WIDTH = 560
_DEFAULT_BYTES = 4000
_MAX_LOADING = 4
_INPUTS = {"image": inputs.image_input, "audio": inputs.clip_input}
_INVITATIONS = {"image": "Choose an image and a budget", "audio": "Choose a clip and a budget"}


@dataclass(frozen=True)
class _Controls:
    """The left column."""

    source: gr.components.Component
    rate: gr.Radio
    custom_bytes: gr.Number
    note: gr.HTML
    effort: gr.Radio
    compress: gr.Button
    stop: gr.Button


@dataclass(frozen=True)
class _Results:
    """The right column."""

    status: gr.HTML
    original: gr.components.Component
    reconstruction: gr.components.Component
    download: gr.DownloadButton


def compress_tab(kind: Kind, runner: Runner) -> None:
    """Lay out and wire a tab; its elements have ids that begin with `kind`."""
    with gr.Row():
        with gr.Column(scale=2, min_width=_LEFT_WIDTH):
            controls = _controls(kind)
        with gr.Column(scale=5, min_width=_RIGHT_WIDTH):
            results = _results(kind)
    _wire_budget(kind, controls)
    _wire_job(kind, runner, controls, results)


def _controls(kind: Kind) -> _Controls:
    return _Controls(
        source=_INPUTS[kind](f"{kind}-source"),
        rate=gr.Radio(
            budgets.choices(kind),
            value=budgets.DEFAULTS[kind],
            label="Budget",
            elem_id=f"{kind}-rate",
        ),
        custom_bytes=gr.Number(
            _DEFAULT_BYTES,
            label="Bytes",
            precision=0,
            minimum=1,
            visible=False,
            elem_id=f"{kind}-bytes",
        ),
        note=gr.HTML(elem_id=f"{kind}-note", elem_classes="budget-note"),
        effort=gr.Radio(
            get_args(EffortName),
            value="fast",
            label="Effort",
            info="How long to fit: more effort, better quality at the same size.",
            elem_id=f"{kind}-effort",
        ),
        **_buttons(kind),
    )


def _buttons(kind: Kind) -> dict[str, gr.Button]:
    with gr.Row():
        compress = gr.Button("Compress", variant="primary", elem_id=f"{kind}-compress")
        stop = gr.Button("Stop", variant="stop", interactive=False, elem_id=f"{kind}-stop")
    return {"compress": compress, "stop": stop}


def _results(kind: Kind) -> _Results:
    panel = gr.HTML(status.panel("idle", _INVITATIONS[kind]), elem_id=f"{kind}-status")
    # Pictures are compared side by side, sounds one above the other.
    with gr.Row() if kind == "image" else gr.Column():
        original = parts.viewer(kind, "Original", f"{kind}-original")
        reconstruction = parts.viewer(kind, "Reconstruction", f"{kind}-reconstruction")
    download = gr.DownloadButton("Download .cmb", interactive=False, elem_id=f"{kind}-download")
    return _Results(panel, original, reconstruction, download)


def _wire_budget(kind: Kind, controls: _Controls) -> None:
    """Say what the budget comes to for the signal at hand."""

    def describe(path: str | None, choice: str, custom_bytes: int | None) -> str:
        if path is None:
            return ""
        try:
            signal = inputs.load(path, kind)
            size = budgets.budget_of(kind, choice, custom_bytes).file_bytes(signal)
        except cc.BudgetError as error:
            return escape(str(error))
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        rate = budgets.rate_text(size, signal)
        return f"{budgets.size_text(signal)}: at most {size:,} bytes, {rate}"

    gr.on(
        [controls.source.change, controls.rate.change, controls.custom_bytes.change],
        describe,
        [controls.source, controls.rate, controls.custom_bytes],
        controls.note,
        concurrency_limit=_MAX_LOADING,  # Queued: Gradio shows errors of queued events only.
        show_progress="hidden",
        trigger_mode="always_last",
        api_visibility="private",
    )
    controls.rate.change(
        lambda choice: gr.Number(visible=choice == budgets.CUSTOM),
        controls.rate,
        controls.custom_bytes,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )


def _wire_job(kind: Kind, runner: Runner, controls: _Controls, results: _Results) -> None:
    """Compress and Stop."""
    buttons = [controls.compress, controls.stop]

    def run(
        path: str | None, choice: str, custom_bytes: int | None, effort: EffortName
    ) -> Iterator[dict[Any, Any]]:
        yield {
            results.status: status.running(None),
            results.reconstruction: None,
            results.download: gr.DownloadButton("Download .cmb", value=None, interactive=False),
        }
        # Gradio copies what is shown into its own folder at each yield.
        with TemporaryDirectory() as folder:
            signal = inputs.load(path, kind)
            stem = Path(str(path)).stem
            yield {results.original: parts.write(signal, folder, stem)}
            budget = budgets.budget_of(kind, choice, custom_bytes)
            for event in runner.encode(signal, budget, effort):
                if isinstance(event, cc.Encoded):
                    yield _finished(event, folder, stem, results)
                else:
                    yield {results.status: status.running(event)}

    def settle(panel: str) -> dict[Any, Any]:
        # A job that ends by itself says so; one that Stop ended could not.
        if status.is_running(panel):
            panel = status.panel("stopped", "Stopped", note="Nothing was kept.")
        return {results.status: panel, **_running(controls, False)}

    quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    buttons = [controls.compress, controls.stop]
    begun = controls.compress.click(lambda: _running(controls, True), None, buttons, **quick)
    job = begun.then(
        parts.telling_failure(run, results.status),
        [controls.source, controls.rate, controls.custom_bytes, controls.effort],
        [results.status, results.original, results.reconstruction, results.download],
        show_progress_on=[results.status],
        **parts.ONE_AT_A_TIME,
    )
    for ended in (job.success, job.failure):  # Stop counts as a failure.
        ended(settle, results.status, [results.status, *buttons], **quick)
    controls.stop.click(None, cancels=[job], api_visibility="private")


def _finished(
    result: cc.Encoded, folder: str, stem: str, results: _Results
) -> dict[gr.components.Component, Any]:
    compressed = Path(folder, f"{stem}.cmb")
    compressed.write_bytes(result.data)
    size = f"{len(result.data):,} bytes"
    facts = {
        "PSNR": f"{result.psnr_db:.2f} dB",
        "Size": size,
        "Rate": budgets.rate_text(len(result.data), result.reconstruction),
        "Model": result.model,
        "Time": f"{result.seconds['total']:.1f} s on {result.device}",
    }
    return {
        results.status: status.panel("done", "Done", facts=facts),
        results.reconstruction: parts.write(result.reconstruction, folder, f"{stem}-decoded"),
        results.download: gr.DownloadButton(
            f"Download {compressed.name} ({size})", value=str(compressed), interactive=True
        ),
    }


def _running(controls: _Controls, is_running: bool) -> dict[gr.components.Component, gr.Button]:
    return {
        controls.compress: gr.Button(interactive=not is_running),
        controls.stop: gr.Button(interactive=is_running),
    }
