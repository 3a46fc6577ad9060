"""The page: tabs that compress, one that decodes, one that explains, one with results."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from demo import theme
from demo.api import add_endpoints
from demo.compress_tab import CompressTab
from demo.decode_tab import decode_tab
from demo.explain_tab import explain_tab
from demo.jobs import JobBoard
from demo.results_tab import results_tab
from demo.settings import Settings

_CHECK_FILES_EVERY_S = 600


def build(board: JobBoard, settings: Settings, folder: Path) -> gr.Blocks:
    """The page over an engine.

    Args:
        board: where the runs live.
        settings: of the app.
        folder: for decoded files on their way.
    """
    life_s = max(1, round(settings.files_life_s))
    with gr.Blocks(
        title="COMBINER",
        analytics_enabled=False,
        delete_cache=(min(_CHECK_FILES_EVERY_S, life_s), life_s),
    ) as blocks:
        gr.HTML(theme.header())
        with gr.Tabs():
            with gr.Tab("Image", id="image"):
                image = CompressTab("image", board, settings)
            with gr.Tab("Audio", id="audio"):
                audio = CompressTab("audio", board, settings)
            with gr.Tab("Decode", id="decode"):
                decode_tab(board, settings)
            with gr.Tab("How it works", id="explain") as tab:
                explain_tab(tab)
            with gr.Tab("Results", id="results") as tab:
                results_tab(tab)
        gr.HTML(theme.footer())
        add_endpoints(board, settings, folder)
        for compress_tab in (image, audio):
            compress_tab.resume_on(blocks.load)
    return blocks
