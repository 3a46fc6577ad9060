"""Endpoints for programs: `compress` and `decompress`, as `gradio_client` calls them."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, get_args

import gradio as gr

import combiner_core as cc
from combiner_core.budget import Unit
from combiner_core.options import EffortName
from demo.compress import report_of
from demo.jobs import JobQueue, JobView, Task
from demo.media import Extent
from demo.settings import Settings
from demo.ui import inputs, parts
from demo.ui.parts import MODELS

_POLL_S = 0.1
_MAX_DECODINGS = 2
# of a video its sound, of an animation its first frame
_NO_FRAME = -1.0


def add_endpoints(queue: JobQueue, settings: Settings, folder: Path) -> None:
    """Add the endpoints to the page, where nothing of them is seen.

    Args:
        queue: where the runs live.
        settings: of the app.
        folder: for decoded files on their way.
    """

    def compress(
        file: str,
        budget: float,
        unit: Unit,
        model: str,
        effort: EffortName,
        frame_s: float,
    ) -> tuple[str, dict[str, Any]]:
        """Compress an image, a clip or one of a video; returns the .cmb file and a report."""
        try:
            reading = inputs.read(file, None, settings, frame_s if frame_s >= 0 else None)
            signal, notes = reading.signal, reading.all_notes()
            file_bytes = cc.Budget(budget, unit).file_bytes(signal)
            options = cc.EncodeOptions(model=model, effort=effort)
            job_id = queue.submit(Task(signal, Path(file).stem, file_bytes, options, notes))
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        view = _wait(queue, job_id)
        if view is None or view.outcome is None:
            reason = view.error if view is not None and view.error else "The run was stopped."
            raise parts.toast(cc.CombinerError(reason))
        return str(view.outcome.compressed), report_of(view, view.outcome)

    def decompress(file: str, fraction: float, scale: float) -> tuple[str, dict[str, Any]]:
        """Decompress a .cmb file; returns a PNG or WAV file and a report."""
        try:
            data = inputs.read_compressed(file, settings)
            info = cc.inspect(data)
            signal = queue.decode(data, fraction, scale)
            path = parts.write(signal, mkdtemp(dir=folder), f"{Path(file).stem}-decoded")
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        extent = Extent.of(signal)
        report = {
            "signal": {"kind": extent.kind, "size": extent.text},
            "model": info.model,
            "bytes": info.file_bytes,
            "seed": info.seed,
        }
        return path, report

    with gr.Row(visible=False):
        source, compressed, decoded = gr.File(), gr.File(), gr.File()
        budget, unit = gr.Number(0.2), gr.Radio(get_args(Unit), value="bpp")
        model = gr.Radio([*MODELS], value="multires")
        effort = gr.Radio(get_args(EffortName), value="fast")
        fraction, scale = gr.Number(1.0), gr.Number(1.0)
        frame_s = gr.Number(_NO_FRAME)
        report = gr.JSON()
        gr.Button().click(
            compress,
            [source, budget, unit, model, effort, frame_s],
            [compressed, report],
            api_name="compress",
            concurrency_limit=settings.queue_length + 1,
        )
        gr.Button().click(
            decompress,
            [source, fraction, scale],
            [decoded, report],
            api_name="decompress",
            concurrency_limit=_MAX_DECODINGS,
        )


def _wait(queue: JobQueue, job_id: str) -> JobView | None:
    """The job when it has ended."""
    while (view := queue.view(job_id)) is not None and not view.ended:
        time.sleep(_POLL_S)
    return view
