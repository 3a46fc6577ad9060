"""What the page shows of runs: buttons, status, a run that goes on, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from types import MappingProxyType
from zlib import crc32

import gradio as gr

from combiner_core.signals import Kind
from demo.compress.job_panel import job_panel
from demo.compress.live import Drawn, LiveView
from demo.compress.result import Prefix, ResultView
from demo.compress.several import Chosen, Several, batch_panel, run_name
from demo.jobs import BatchView, JobView
from demo.settings import Settings
from demo.showcase.view import Showcase
from demo.ui import status
from demo.ui.parts import Updates

# Of a run that waits less is to be seen, and there may be many of them; the first picture is what
# a visitor waits for.
_POLL_S, _WAITING_POLL_S, _FIRST_POLL_S = 0.5, 1.0, 0.2
_INVITATIONS: Mapping[Kind, str] = MappingProxyType(
    {
        "image": "Choose a picture or an example, then press Compress",
        "audio": "Choose a clip or an example, then press Compress",
    }
)


@dataclass(frozen=True)
class Shown:
    """What is on the screen of a page already, beside the run that goes on.

    Attributes:
        result, several: in short.
    """

    result: str = ""
    several: str = ""


class Screen:
    """The components, in the current context; their ids begin with the kind of signal.

    Args:
        kind: of signals.
        settings: of the app.

    Attributes:
        compress, stop: buttons.
        panel: the status.
        several: the list of files.
        showcase: what stands there before anything else.
        result: of the run that is looked at.
        timer: asks for a glance.
        live_news: changes when a look at the run that goes on is due.
        news: changes when a look at everything is due.
        due: the same, when an event sets it; see `look_soon`.
        drawn, shown: their values are what is on the screen.
    """

    def __init__(self, kind: Kind, settings: Settings) -> None:
        self._kind = kind
        # The bar with the buttons stands at the end of the window, wherever one reads.
        with gr.Column(scale=5, min_width=320, elem_classes="job-dock"):
            with gr.Row(elem_classes="job-buttons"):
                self.compress = gr.Button("Compress", variant="primary", elem_id=f"{kind}-compress")
                self.stop = gr.Button(
                    "Stop", variant="stop", interactive=False, elem_id=f"{kind}-stop"
                )
            self.panel = status.component(self._invitation(Chosen()), f"{kind}-status")
        with gr.Column(scale=5, min_width=320, elem_classes="job-shown"):
            self.several = Several(kind, settings)
            self.showcase = Showcase(kind)
            self.result = ResultView(kind)
            self._live = LiveView(kind)
        self.drawn, self.shown = gr.State(Drawn()), gr.State(Shown())
        self.timer = gr.Timer(_POLL_S, active=False)
        self.live_news = gr.Textbox(visible="hidden", label="Live", elem_id=f"{kind}-live-news")
        self.news = gr.Textbox(visible="hidden", label="News", elem_id=f"{kind}-news")
        self.due = gr.Textbox(visible="hidden", label="Due", elem_id=f"{kind}-due")

    @property
    def glanced(self) -> list[gr.components.Component]:
        """The components that `glance` sets."""
        return [self.panel, self.live_news, self.news]

    @property
    def live_outputs(self) -> list[gr.blocks.Block]:
        """The components that `look_live` sets: few, as each takes the browser time."""
        return [*self._live.outputs, self.drawn]

    @property
    def outputs(self) -> list[gr.blocks.Block]:
        """The components that `look` and `fail` set."""
        return [
            self.panel,
            *self.live_outputs,
            *self.result.outputs,
            *self.showcase.outputs,
            *self.several.outputs,
            self.shown,
            self.timer,
            self.compress,
            self.stop,
        ]

    def glance(
        self, view: JobView | None, batch: BatchView | None, chosen: Chosen
    ) -> tuple[str, str, str]:
        """The status, and in short what else there is to see: when that changes, a look is due.

        A page asks for this often, so it is little; when it no longer has to is for looks to say,
        as the answer to a glance may come when another run has begun.
        """
        view = _of_interest(view, chosen)
        live, news = "", f"{_is_watched(view, batch)} "
        if batch is not None:
            news += self.several.contents(batch)
        if view is not None:
            live = self._live.contents(view)
            news += f"{view.id} {view.state} {view.settled} {_is_seen(view)} "
            news += self.result.contents(view)
        return self._status(view, batch, chosen), _short(live), _short(news)

    def look_live(self, view: JobView | None, drawn: Drawn) -> Updates:
        """Whatever is new of the run that goes on."""
        if view is None:
            return {**self._live.empty(), self.drawn: drawn}
        live, drawn = self._live.update(view, drawn)
        return {**live, self.drawn: drawn}

    def look(
        self,
        view: JobView | None,
        batch: BatchView | None,
        chosen: Chosen,
        drawn: Drawn,
        shown: Shown,
        prefix: Prefix | None,
    ) -> Updates:
        """Whatever is new.

        Args:
            view: the run that this page follows.
            batch: those beside it.
            chosen: what Compress would take.
            drawn, shown: what is on the screen already.
            prefix: the part of the result that was asked for.
        """
        view = _of_interest(view, chosen)
        shown_id = view.id if view is not None else ""
        listed, several = self.several.update(batch, chosen, shown_id, shown.several)
        updates: Updates = {
            **listed,
            **self.showcase.show(visible=not _is_seen(view), offered=not chosen.text),
            **self._active(view, batch),
            **self.look_live(view, drawn),
            self.panel: self._status(view, batch, chosen),
        }
        if view is None:
            return {
                **updates,
                **self.result.empty(),
                self.shown: replace(shown, result="", several=several),
            }
        result, result_drawn = self.result.update(view, shown.result, prefix)
        return {
            **updates,
            **result,
            self.shown: Shown(result_drawn, several),
        }

    def look_soon(self) -> Updates:
        """A look, when those that have begun have ended: none may come late and show the past."""
        return {self.due: token_hex(4)}

    def begun(self) -> Updates:
        """A run: it can be stopped, and none be asked for beside it, before it is looked at."""
        buttons = {
            self.compress: gr.Button(interactive=False),
            self.stop: gr.Button(interactive=True),
        }
        return {**buttons, **self.look_soon()}

    def fail(self, reason: str, headline: str = "Failed") -> Updates:
        """What did not work: a run that could not begin, say; what was there before stays."""
        return {self.panel: status.panel("failed", headline, note=reason)}

    def _invitation(self, chosen: Chosen) -> str:
        headline = "Press Compress" if chosen.text else _INVITATIONS[self._kind]
        return status.panel("idle", headline, note=chosen.text, refusal=chosen.refusal)

    def _status(self, view: JobView | None, batch: BatchView | None, chosen: Chosen) -> str:
        if view is None:
            return self._invitation(chosen)
        if batch is not None and view.ended and not batch.ended:
            return batch_panel(batch, chosen.refusal)
        coming = "" if chosen.taken or _is_of(view, chosen) else chosen.text
        return job_panel(view, run_name(view, batch), chosen.refusal, coming)

    def _active(self, view: JobView | None, batch: BatchView | None) -> Updates:
        """Which buttons can be pressed, and whether there is more to see."""
        runs = _is_running(view, batch)
        companion = view.companion if view is not None else None
        busy = runs or (companion is not None and not companion.ended)
        pause_s = _POLL_S
        if view is not None and view.state == "waiting":
            pause_s = _WAITING_POLL_S
        elif view is not None and view.state == "running" and not _is_seen(view):
            pause_s = _FIRST_POLL_S
        return {
            self.timer: gr.Timer(pause_s, active=_is_watched(view, batch)),
            self.compress: gr.Button(interactive=not runs),
            self.stop: gr.Button(interactive=busy),
        }


def _is_running(view: JobView | None, batch: BatchView | None) -> bool:
    return (view is not None and not view.ended) or (batch is not None and not batch.ended)


def _is_watched(view: JobView | None, batch: BatchView | None) -> bool:
    """Whether there will be news."""
    return _is_running(view, batch) or (view is not None and not view.settled)


def _of_interest(view: JobView | None, chosen: Chosen) -> JobView | None:
    """The run, but for one without a result when another file was chosen after it."""
    if view is None or view.state not in ("stopped", "failed") or chosen.taken or not chosen.text:
        return view
    return view if _is_of(view, chosen) else None


def _is_of(view: JobView, chosen: Chosen) -> bool:
    """Whether a run is of the file that is chosen now."""
    return Path(chosen.text).stem == view.name


def _is_seen(view: JobView | None) -> bool:
    """Whether there is something to look at of a run."""
    return view is not None and (view.previews > 0 or view.outcome is not None)


def _short(contents: str) -> str:
    return f"{crc32(contents.encode()):08x}"
