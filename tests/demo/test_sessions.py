"""What is kept of a session: values, and nothing for links that the page does not have."""

from __future__ import annotations

import gradio as gr
from gradio.state_holder import SessionState

from demo.ui import sessions


def test_sessions_have_values_of_their_own_and_describe_nothing() -> None:
    with gr.Blocks() as blocks:
        words = gr.Textbox("Dear reader", label="Words")
        kept = gr.State([])
    config = blocks.get_config_file()
    sessions.lighten(blocks)
    assert blocks.get_config_file() == config  # The page itself is told as before.
    mine, yours = SessionState(blocks), SessionState(blocks)
    mine[words._id] = gr.Textbox("Yours truly", label="Words", render=False)
    mine._update_config(words._id)  # As when an event answers.
    mine[kept._id] = ["a run"]
    assert (mine[words._id].value, mine[kept._id]) == ("Yours truly", ["a run"])
    assert (yours[words._id].value, yours[kept._id]) == ("Dear reader", [])
    assert not [*mine.components, *yours.components]
