"""Endpoints for programs: `compress` and `decompress`, as `gradio_client` calls them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, get_args

import gradio as gr

import combiner_core as cc
from combiner_core.budget import Unit
from combiner_core.options import EffortName, TuneName
from demo.compress import report_of
from demo.jobs import JobQueue, JobView, Task
from demo.media import Extent
from demo.settings import Settings
from demo.ui import inputs, parts
from demo.ui.parts import MODELS
from demo.visitors import Listener, Visitors
from demo.work import Decode, Part

# of a video its sound, of an animation its first frame
_NO_FRAME = -1.0


def add_endpoints(queue: JobQueue, visitors: Visitors, settings: Settings, folder: Path) -> None:
    """Add the endpoints to the page, where nothing of them is seen.

    Args:
        queue: where the runs live.
        visitors: who asks for them.
        settings: of the app.
        folder: for decoded files on their way.
    """

    async def compress(
        file: str,
        budget: float,
        unit: Unit,
        model: str,
        effort: EffortName,
        frame_s: float,
        tune: TuneName,
        request: gr.Request,
    ) -> tuple[str, dict[str, Any]]:
        """Compress an image, a clip or one of a video; returns the .cmb file and a report."""
        listener = visitors.listener(request)
        try:
            options = cc.EncodeOptions(model=model, effort=effort, tune=tune)
            task = Task(
                inputs.chosen(file, None, settings),
                None,
                cc.Budget(budget, unit),
                options,
                parts.model_name(options),
                frame_s if frame_s >= 0 else None,
            )
            job_id = await asyncio.to_thread(queue.submit, listener.visitor, task)
            view = await _ended(queue, job_id, listener)
            if view is None or view.outcome is None:
                reason = view.error if view is not None and view.error else "The run was stopped."
                raise cc.CombinerError(reason)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        return str(view.outcome.compressed), report_of(view, view.outcome)

    async def decompress(
        file: str, fraction: float, scale: float, request: gr.Request
    ) -> tuple[str, dict[str, Any]]:
        """Decompress a .cmb file; returns a PNG or WAV file and a report."""
        listener = visitors.listener(request)
        try:
            data = await asyncio.to_thread(inputs.read_compressed, file, settings)
            info, name = cc.inspect(data), Path(file).name
            work = Decode(name, data, (Part("Decoded", fraction),), scale)
            decoded = await parts.result_of(queue.ask(listener.visitor, lambda: work), listener)
            (rendering,) = decoded.renderings
            own = Path(mkdtemp(dir=folder))
            path = await asyncio.to_thread(
                parts.write, rendering, own, f"{Path(file).stem}-decoded"
            )
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        extent = Extent.of(rendering.shape)
        report = {
            "signal": {"kind": extent.kind, "size": extent.text},
            "model": info.model,
            "bytes": info.file_bytes,
            "seed": info.seed,
        }
        return path, report

    with gr.Row(visible=False):
        source, compressed = (inputs.as_uploaded(gr.File()) for _ in range(2))
        decoded = gr.File()
        budget, unit = gr.Number(0.2), gr.Radio(get_args(Unit), value="bpp")
        model = gr.Radio([*MODELS], value="multires")
        effort = gr.Radio(get_args(EffortName), value="fast")
        tune = gr.Radio(get_args(TuneName), value=cc.EncodeOptions.tune)
        fraction, scale = gr.Number(1.0), gr.Number(1.0)
        frame_s = gr.Number(_NO_FRAME)
        report = gr.JSON()
        gr.Button().click(
            compress,
            [source, budget, unit, model, effort, frame_s, tune],
            [compressed, report],
            api_name="compress",
            concurrency_limit=None,
        )
        gr.Button().click(
            decompress,
            [source, fraction, scale],
            [decoded, report],
            api_name="decompress",
            concurrency_limit=None,
        )


async def _ended(queue: JobQueue, job_id: str, listener: Listener) -> JobView | None:
    """The job when it has ended; it is stopped if who asked for it hangs up, and forgotten."""
    view = None
    try:
        async for _ in parts.looks():
            view = queue.view(job_id)
            if view is None or view.ended or await listener.has_left():
                break
        return view
    finally:
        queue.stop(job_id)
        if view is None or view.outcome is None:
            queue.forget(job_id)
