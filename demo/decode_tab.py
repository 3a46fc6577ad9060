"""The tab that decodes a file made before, here or elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

import combiner_core as cc
from combiner_core.signals import Kind
from demo import budgets, inputs, parts, status
from demo.runs import Runner

_KINDS: tuple[Kind, ...] = ("image", "audio")


def decode_tab(runner: Runner) -> None:
    """Lay out and wire the tab; its elements have ids that begin with "decode"."""
    with gr.Row():
        with gr.Column(scale=2, min_width=380):
            source = gr.File(label="Compressed file", file_types=[".cmb"], elem_id="decode-source")
            button = gr.Button("Decode", variant="primary", elem_id="decode-run")
        with gr.Column(scale=5, min_width=560):
            panel = gr.HTML(status.panel("idle", "Choose a .cmb file"), elem_id="decode-status")
            viewers = {
                kind: parts.viewer(kind, "Decoded", f"decode-{kind}", visible=kind == "image")
                for kind in _KINDS
            }

    def run(path: str | None) -> Iterator[dict[Any, Any]]:
        yield {panel: status.panel("running", "Decoding")}
        with TemporaryDirectory() as folder:
            data = inputs.read_compressed(path)
            started = time.monotonic()
            signal = runner.decode(data)
            facts = {
                "Signal": budgets.size_text(signal),
                "Size": f"{len(data):,} bytes",
                "Rate": budgets.rate_text(len(data), signal),
                "Model": cc.inspect(data).model,
                "Time": f"{time.monotonic() - started:.2f} s",
            }
            file = parts.write(signal, folder, f"{Path(str(path)).stem}-decoded")
            shown = {
                viewer: gr.update(visible=True, value=file)
                if kind == signal.kind
                else gr.update(visible=False, value=None)
                for kind, viewer in viewers.items()
            }
            yield {panel: status.panel("done", "Done", facts=facts), **shown}

    button.click(
        parts.telling_failure(run, panel),
        source,
        [panel, *viewers.values()],
        show_progress_on=[panel],
        **parts.ONE_AT_A_TIME,
    )
