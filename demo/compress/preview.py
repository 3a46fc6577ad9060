"""What stands for a file before it is compressed: what browsers cannot show, and which moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import gradio as gr

import combiner_core as cc
from combiner_core.signals import Kind
from demo.ui import parts
from demo.ui.parts import QUEUED, Updates
from demo.visitors import Listener, Visitors
from demo.work import Measured

LookInto = Callable[[str, Listener, float | None], Awaitable[Measured]]


class Preview:
    """The components; their ids begin with the kind of signal.

    Args:
        kind: of signals.

    Attributes:
        seen: a picture, for files and moments that browsers do not show; in the current context.
        frame_s: which moment, of a video or an animation; not rendered yet.
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.seen = gr.HTML(elem_id=f"{kind}-seen", elem_classes="job-seen", visible=False)
        self.frame_s = gr.Number(
            0.0,
            label="Frame at (s)",
            info="The file is a video or an animation: one of its frames is compressed.",
            visible=False,
            elem_id=f"{kind}-frame",
            render=False,
        )

    def forget_with(self, source: gr.components.Component) -> None:
        """Show nothing of the file before another one, which what was painted is not for.

        Args:
            source: its value is the file; its events after this one wait for each other.
        """
        source.change(None, None, self.seen, js="() => ''", api_visibility="private")

    def follow(self, source: gr.components.Component, visitors: Visitors, look: LookInto) -> None:
        """Show another moment when it is chosen: that is what will be painted on.

        Args:
            source: its value is the file.
            visitors: who choose.
            look: into a file.
        """

        async def see(path: str | None, frame_s: float | None, request: gr.Request) -> Updates:
            if path is None:
                return cast(Updates, gr.skip())
            try:
                measured = await look(path, visitors.listener(request), moment_s(frame_s))
            except cc.CombinerError as error:
                raise parts.toast(error) from error
            return self._picture(measured)

        moments = [source, self.frame_s]
        self.frame_s.change(see, moments, self.seen, trigger_mode="always_last", **QUEUED)

    def empty(self) -> Updates:
        """There is no file."""
        return {
            self.seen: gr.update(value="", visible=False),
            self.frame_s: gr.Number(value=0.0, visible=False),
        }

    def show(self, measured: Measured, at_s: float | None) -> Updates:
        """A file, at a moment if it has any."""
        has_frames = measured.has_frames and self._kind == "image"
        moment = gr.Number(value=at_s or 0.0, visible=has_frames)
        return {self.frame_s: moment, **self._picture(measured)}

    def _picture(self, measured: Measured) -> Updates:
        picture = measured.picture
        shown = gr.update(value=parts.inline_picture(picture), visible=bool(picture))
        return {self.seen: shown}


def moment_s(frame_s: float | None) -> float | None:
    """Of the field's value; one of no use is hidden and zero."""
    return max(0.0, frame_s or 0.0) or None
