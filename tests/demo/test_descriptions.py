"""Descriptions of a page's components: put together once, each session's own."""

from __future__ import annotations

import gradio as gr
from gradio.state_holder import SessionState

from demo.ui import descriptions


def test_sessions_are_told_the_same_and_change_their_own() -> None:
    with gr.Blocks() as blocks:
        words = gr.Textbox("Dear reader", label="Words")
        gr.Plot(label="Curve")
        with gr.Row():
            gr.HTML("<b>Bold</b>", elem_id="bold")
    config, told = blocks.get_config_file(), SessionState(blocks).config_values
    descriptions.keep(blocks)
    assert blocks.get_config_file() == config
    mine, yours = SessionState(blocks), SessionState(blocks)
    assert mine.config_values == told
    mine[words._id] = gr.Textbox("Yours truly", label="Words", render=False)
    mine._update_config(words._id)  # As when an event answers.
    mine.config_values[words._id]["props"]["label"] = "Mine"
    assert mine.config_values[words._id]["props"]["value"] == "Yours truly"
    assert yours.config_values == told
    assert SessionState(blocks).config_values == told
