"""What Gradio keeps of each session."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.blocks import Block, BlocksConfig


def lighten(blocks: gr.Blocks) -> None:
    """Have nothing kept for links to a state of the page, which ours has not.

    Gradio would describe all components when a session begins, and each that an event changes: a
    third of all the time of a busy server, in which nobody else is answered.
    """
    config = _Config(blocks)
    config.__dict__.update(blocks.default_config.__dict__)
    blocks.default_config = config


class _Config(BlocksConfig):  # type: ignore[misc]
    """A page's components; copies are those of sessions."""

    def __copy__(self) -> _SessionConfig:
        copied = _SessionConfig(self.root_block)
        copied.__dict__.update(super().__copy__().__dict__)
        return copied


class _SessionConfig(BlocksConfig):  # type: ignore[misc]
    """Components of a session, which are not described."""

    def config_for_block(
        self, _id: int, rendered_ids: list[int], block: Block, renderable: Any = None
    ) -> dict[str, Any]:
        """See Gradio's own."""
        return {}
