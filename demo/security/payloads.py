"""What events are handed: files in it are checked before Gradio opens, copies or fetches them."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

import combiner_core as cc
from demo.security.uploads import uploaded
from demo.settings import Settings


def check_files(blocks: gr.Blocks, settings: Settings) -> None:
    """Let no event of a page begin with a file that was not uploaded.

    Args:
        blocks: the page; all its components and endpoints are meant.
        settings: of the app.
    """
    preprocess = blocks.preprocess_data

    async def checked(
        block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        try:
            for path in paths_in(inputs):
                uploaded(path, settings)
        except cc.CombinerError as error:
            raise gr.Error(escape(str(error)), print_exception=False) from error
        processed: list[Any] = await preprocess(block_fn, inputs, state, explicit_call)
        return processed

    # Not a subclass: Gradio is untyped, and this is the one method that all requests go through.
    blocks.preprocess_data = checked


def paths_in(value: object) -> Iterator[str]:
    """Paths of the files that a value from a request speaks of, however deep.

    Raises:
        CombinerError: it speaks of a file without a path, as by an address to fetch it from.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "path" in item or "meta" in item or "url" in item:
                path = item.get("path")
                if not isinstance(path, str):
                    raise cc.CombinerError("A file has no path: upload it first.")
                yield path
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
