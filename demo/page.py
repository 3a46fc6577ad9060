"""The page: tabs that compress, one that decodes, one that explains, one with results."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from demo.api import add_endpoints
from demo.compress import CompressTab
from demo.decode import decode_tab
from demo.explain import Visited, explain_tab
from demo.jobs import JobQueue
from demo.results import results_tab
from demo.security import check_files
from demo.settings import Settings
from demo.ui import theme
from demo.ui.parts import QUEUED
from demo.visitors import Visitors


def build(queue: JobQueue, visitors: Visitors, settings: Settings, folder: Path) -> gr.Blocks:
    """The page over an engine.

    Args:
        queue: where the runs live.
        visitors: who asks for them.
        settings: of the app.
        folder: for decoded files on their way.
    """
    # Files go by `demo.security.disk`; what Gradio has for that ends if one comes meanwhile.
    with gr.Blocks(title="COMBINER", analytics_enabled=False) as blocks:
        gr.HTML(theme.header())
        with gr.Tabs():
            with gr.Tab("Image", id="image"):
                image = CompressTab("image", queue, visitors, settings)
            with gr.Tab("Audio", id="audio"):
                audio = CompressTab("audio", queue, visitors, settings)
            with gr.Tab("Decode", id="decode"):
                decode_tab(queue, visitors, settings, folder)
            with gr.Tab("How it works", id="explain") as tab:
                visited = Visited(image.shown, image.source_of, image.found_again)
                explain_tab(tab, visited, queue, visitors, settings)
            with gr.Tab("Results", id="results") as tab:
                results_tab(tab)
        gr.HTML(theme.footer())
        # See `answers.js`.
        again = gr.Button("Ask again", visible="hidden", elem_id="ask-again")
        again.click(lambda: None, None, None, **QUEUED)
        add_endpoints(queue, visitors, settings, folder)
        for compress_tab in (image, audio):
            compress_tab.resume_on(blocks.load)
    check_files(blocks, settings)
    return blocks
