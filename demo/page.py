"""The page: a tab for images, one for clips, and one that decodes."""

from __future__ import annotations

import gradio as gr

from demo.compress_tab import compress_tab
from demo.decode_tab import decode_tab
from demo.runs import Runner

_CHECK_FILES_EVERY_S = 600
_KEEP_FILES_S = 4 * 3600
_INTRODUCTION = """# COMBINER
Compression with Bayesian implicit neural representations: a small network is fitted to one image \
or clip, and a random sample of its weights is coded into a file of exactly the size you ask for.
"""


def build(runner: Runner) -> gr.Blocks:
    """The page over an engine."""
    with gr.Blocks(
        title="COMBINER",
        analytics_enabled=False,
        delete_cache=(_CHECK_FILES_EVERY_S, _KEEP_FILES_S),
    ) as blocks:
        gr.Markdown(_INTRODUCTION)
        with gr.Tabs():
            with gr.Tab("Image", id="image"):
                compress_tab("image", runner)
            with gr.Tab("Audio", id="audio"):
                compress_tab("audio", runner)
            with gr.Tab("Decode", id="decode"):
                decode_tab(runner)
    return blocks
