"""Parts that the tabs share: files on their way to the browser, waiting for workers, errors."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import CancelledError
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr

import combiner_core as cc
from combiner_core.signals import write_atomically
from demo.codecs import family_of
from demo.media import SUFFIXES
from demo.scheduling import Ticket
from demo.ui import inputs, status
from demo.visitors import Listener
from demo.work import Rendering
from demo.workers import StoppedError
from demo.workers.protocol import EventT

Updates = dict[Any, Any]
Job = Callable[..., AsyncIterator[Updates]]

# Names of the families of models on the page.
MODELS: Mapping[str, str] = MappingProxyType(
    {"multires": "COMBINER", "siren": "COMBINER, the paper's"}
)


def model_name(options: cc.EncodeOptions) -> str:
    """Name of the model that options ask for."""
    return MODELS[family_of(options)]


# Settings of the events that only look or redraw: they wait for nobody.
QUICK: Mapping[str, Any] = MappingProxyType(
    {
        "queue": False,
        "show_progress": "hidden",
        # else the browser updates every output of every event whenever one begins or ends
        "show_progress_on": (),
        "api_visibility": "private",
    }
)
# Of those that wait for workers or may fail: Gradio shows errors of queued events only. Who waits,
# and how many may, is for the schedulers to say.
QUEUED: Mapping[str, Any] = MappingProxyType({**QUICK, "queue": True, "concurrency_limit": None})

# How often is looked for a result: every so many seconds, and less often the longer it takes.
_LOOKS_S, _LOOK_SHARE = (0.05, 0.5), 0.1


async def looks() -> AsyncIterator[None]:
    """Moments to look whether something has come that may take milliseconds or hours."""
    began_s = time.monotonic()
    shortest_s, longest_s = _LOOKS_S
    while True:
        yield
        waited_s = time.monotonic() - began_s
        await asyncio.sleep(min(longest_s, max(shortest_s, _LOOK_SHARE * waited_s)))


async def result_of(ticket: Ticket[EventT], listener: Listener) -> EventT:
    """What comes of some work, while its visitor waits for it.

    Raises:
        StoppedError: they hung up.
        CombinerError: as the work, or its end.
    """
    try:
        async for _ in looks():
            if ticket.result.done():
                break
            if await listener.has_left():
                raise StoppedError("Nobody waits for it any more.")
    finally:
        ticket.cancel()
    try:
        return ticket.result.result()
    except CancelledError:
        raise StoppedError("The app is about to end.") from None


def write(rendering: Rendering, folder: Path, stem: str) -> str:
    """Write a signal without loss for the browser; returns the path of the file.

    Raises:
        SignalError: it cannot be written.
    """
    path = folder / (stem + SUFFIXES[rendering.shape.kind])
    write_atomically(path, rendering.content)
    return str(path)


def prefix_slider(elem_id: str) -> gr.Slider:
    """How much of a file to decode, in percent."""
    slider = gr.Slider(
        1,
        100,
        100,
        step=1,
        label="Use only the first part of the file (%)",
        info="Any part of a file from its beginning can be decoded.",
        elem_id=elem_id,
    )
    return inputs.any_number(slider)


def prefix_name(percent: float) -> str:
    """What a decoded first part of a file is called."""
    return f"First {percent:.0f} %"


def sentence(error: cc.CombinerError) -> str:
    """The engine's sentence as HTML."""
    return escape(str(error))


def inline_picture(content: bytes) -> str:
    """A small WebP picture as HTML, within the page itself; nothing for no content."""
    if not content:
        return ""
    data = base64.b64encode(content).decode()
    return f'<img src="data:image/webp;base64,{data}" alt="The picture to compress">'


def toast(error: cc.CombinerError) -> gr.Error:
    """The engine's sentence as a message over the page, where no status tells it."""
    return gr.Error(sentence(error), print_exception=False)


def told(error: cc.CombinerError) -> gr.Error:
    """What ends an event whose status tells the engine's sentence already."""
    return gr.Error(sentence(error), visible=False, print_exception=False)


def telling_failure(job: Job, panel: gr.HTML, clear: Callable[[], Updates]) -> Job:
    """A job that leaves its status panel at "failed" when it raises, and shows the reason.

    Args:
        job: to run.
        panel: of it.
        clear: takes away what was shown of another one.
    """

    async def run(request: gr.Request, *values: Any) -> AsyncIterator[Updates]:
        try:
            async for updates in job(request, *values):
                yield updates
        except Exception as error:
            yield {**clear(), panel: failure(error)}
            if isinstance(error, cc.CombinerError):
                raise told(error) from error
            raise

    return run


def failure(error: Exception) -> str:
    """The status panel of what failed: why, as far as that is for visitors."""
    is_ours = isinstance(error, cc.CombinerError)
    reason = str(error) if is_ours else "The log of the app says why."
    return status.panel("failed", "Failed", note=reason)
