"""What Gradio tells browsers of the page's components, put together once."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlocksConfig

Description = dict[str, Any]


def keep(blocks: gr.Blocks) -> None:
    """Keep what is told of the components of a page that is complete.

    Gradio puts it together anew for each session: some 50 ms in which nobody else is answered.
    """
    blocks.default_config = _KeptConfig.of(blocks.default_config)


class _KeptConfig(BlocksConfig):  # type: ignore[misc]
    """Components as they are in the beginning; copies belong to sessions, which may change them."""

    _kept: dict[int, tuple[Block, bytes]]

    @classmethod
    def of(cls, config: BlocksConfig) -> _KeptConfig:
        """The same components."""
        new = cls(config.root_block)
        new.__dict__.update(copy.copy(config).__dict__)
        new._kept = {
            number: (block, pickle.dumps(config.config_for_block(number, [], block)))
            for number, block in config.blocks.items()
        }
        return new

    def __copy__(self) -> _KeptConfig:
        new = _KeptConfig(self.root_block)
        new.__dict__.update(super().__copy__().__dict__)
        new._kept = self._kept
        return new

    def config_for_block(
        self, _id: int, rendered_ids: list[int], block: Block, renderable: Any = None
    ) -> Description:
        """See Gradio's own; whoever is told may change what they got."""
        known, told = self._kept.get(_id, (None, b""))
        # Another stands in the place of one that a session has changed.
        if renderable is not None or block is not known:
            changed: Description = super().config_for_block(_id, rendered_ids, block, renderable)
            return changed
        description: Description = pickle.loads(told)
        return description
