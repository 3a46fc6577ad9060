"""The tabs that compress: the same for images and for clips."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import gradio as gr

import combiner_core as cc
from combiner_core.options import EffortName, TuneName
from combiner_core.signals import Kind
from demo.compress.budgets import Known
from demo.compress.controls import Controls
from demo.compress.live import Drawn, LiveView, status_panel
from demo.compress.result import Prefix, ResultView, decode_prefix
from demo.compress.several import Chosen, Several, batch_panel
from demo.jobs import Batches, BatchView, JobQueue, JobView
from demo.settings import Settings
from demo.showcase.view import Showcase
from demo.ui import examples, inputs, parts
from demo.ui.parts import QUEUED, QUICK, Updates
from demo.visitors import Visitors
from demo.work import Source

STYLE = Path(__file__).with_name("job.css")

# Of a run that waits less is to be seen, and there may be many of them.
_POLL_S, _WAITING_POLL_S = 0.3, 1.0
# Browsers keep the id of the last run under this, so that a page loaded anew finds it again. The
# id is no secret from its own browser: the key only has to stay the same.
_STORAGE_SECRET = "combiner"


@dataclass(frozen=True)
class _Screen:
    """What is on the screen of a page already."""

    live: Drawn = field(default_factory=Drawn)
    result: str = ""
    several: str = ""


class CompressTab:
    """A tab; its elements have ids that begin with its kind.

    Args:
        kind: of signals.
        queue: where the runs live.
        visitors: whose runs they are.
        settings: of the app.
    """

    def __init__(self, kind: Kind, queue: JobQueue, visitors: Visitors, settings: Settings) -> None:
        self._kind, self._queue, self._settings = kind, queue, settings
        self._visitors = visitors
        # The bar with the buttons stands at the end of the window, wherever one reads.
        with gr.Row(equal_height=False, elem_classes="job"):
            with gr.Column(scale=2, min_width=320, elem_classes="job-controls"):
                self._controls = Controls(kind, queue, visitors, settings)
            with gr.Column(scale=5, min_width=320, elem_classes="job-dock"):
                with gr.Row(elem_classes="job-buttons"):
                    self._compress = gr.Button(
                        "Compress", variant="primary", elem_id=f"{kind}-compress"
                    )
                    self._stop = gr.Button(
                        "Stop", variant="stop", interactive=False, elem_id=f"{kind}-stop"
                    )
                panel = status_panel(kind)
            with gr.Column(scale=5, min_width=320, elem_classes="job-shown"):
                self._several = Several(kind)
                self._showcase = Showcase() if kind == "image" else None
                self._result = ResultView(kind)
                self._live = LiveView(kind, panel)
        self._job_id = gr.BrowserState("", storage_key=f"combiner-{kind}", secret=_STORAGE_SECRET)
        self._batches = Batches(queue)
        self._batch_id = gr.BrowserState(
            "", storage_key=f"combiner-{kind}-batch", secret=_STORAGE_SECRET
        )
        self._chosen, self._screen = gr.State(Chosen()), gr.State(_Screen())
        self._prefix = gr.State(None)
        # A message on the screen needs a queued event, which looking is not.
        self._failure = gr.Textbox(visible="hidden", label="Failure", elem_id=f"{kind}-failure")
        # Afterwards, as what is wanted of a new file is taken from the settings; and only then: a
        # visitor may have chosen a file before the page had been asked for the last one.
        self._restored = gr.Textbox(visible="hidden", label="Restored", elem_id=f"{kind}-restored")
        self._restored.change(self._file_of, self._restored, self._controls.source, **QUICK)
        self._timer = gr.Timer(_POLL_S, active=False)
        self._wire_job()

    def resume_on(self, load: Callable[..., Any]) -> None:
        """Find the last run again, and how it was asked for, when the page is loaded.

        Args:
            load: the event of the page.
        """
        load(
            self._resume,
            [self._job_id, self._batch_id],
            [self._job_id, self._restored, *self._outputs, *self._controls.settings],
            **QUICK,
        )

    @property
    def shown(self) -> list[gr.components.Component]:
        """The components whose values `source_of` takes."""
        return [self._controls.source, self._controls.frame_s, self._job_id]

    def source_of(self, path: str | None, frame_s: float | None, job_id: str) -> Source | None:
        """What is on the tab: the file that was chosen, else that of the last run; or nothing.

        Raises:
            CombinerError: the file was not uploaded here, or cannot be read.
        """
        limits = self._settings.input_limits
        if path is not None:
            file = inputs.chosen(path, self._kind, self._settings)
            return Source.read(file, self._kind, limits, frame_s or None)
        view = self._queue.view(job_id)
        if view is None or view.file is None or not view.file.exists():
            return None
        return Source.read(view.file, self._kind, limits, view.frame_s)

    @property
    def _looking(self) -> list[gr.components.Component]:
        return [self._job_id, self._batch_id, self._chosen, self._screen, self._prefix]

    @property
    def _outputs(self) -> list[gr.blocks.Block]:
        return [
            *self._live.outputs,
            *self._result.outputs,
            *(self._showcase.outputs if self._showcase else ()),
            *self._several.outputs,
            self._screen,
            self._failure,
            self._timer,
            self._compress,
            self._stop,
        ]

    def _wire_job(self) -> None:
        asked = {
            "inputs": [*self._looking[2:], *self._controls.asked],
            "outputs": [self._job_id, self._batch_id, *self._outputs],
            "trigger_mode": "once",
            **QUEUED,
        }
        # What was chosen a moment ago may still be on its way to the server.
        ready = self._compress.click(
            None, None, self._controls.painted, js=f"() => combiner.ready('{self._kind}')"
        )
        begun = [ready.then(self._start, **asked)]
        if self._showcase is not None:
            example = str(examples.path_of("image", self._showcase.example))
            chosen = self._showcase.attempt.click(
                lambda: (example, ""),
                None,
                [self._controls.source, self._controls.painted],
                trigger_mode="once",
                **QUICK,
            )
            begun.append(chosen.then(self._start, **asked))
        for each in begun:
            # An answer on an earlier run may have come after that on this one.
            each.success(self._look, self._looking, self._outputs, **QUICK)
        self._wire_several()
        self._stop.click(self._end, self._looking, self._outputs, **QUICK)
        self._timer.tick(self._look, self._looking, self._outputs, trigger_mode="once", **QUICK)
        self._failure.change(_tell, self._failure, None, **QUEUED)
        self._result.percent.change(
            self._use_prefix,
            [self._result.percent, *self._looking],
            [self._prefix, *self._outputs],
            trigger_mode="always_last",
            **QUEUED,
        )
        self._result.companion.click(
            self._add_companion, self._looking, self._outputs, trigger_mode="once", **QUEUED
        )

    def _wire_several(self) -> None:
        kind, source = self._kind, self._controls.source
        arrived = self._several.list.files(
            self._choose, None, [self._chosen, source], trigger_mode="always_last", **QUEUED
        )
        # The input has a name of its own for what it shows.
        shown = arrived.then(
            lambda path, chosen: replace(chosen, shown=path),
            [source, self._chosen],
            self._chosen,
            **QUICK,
        )
        seen = shown.then(self._look, self._looking, self._outputs, **QUICK)
        seen.then(None, None, None, js=f"() => combiner.end('{kind}')")
        turned = self._several.list.show(
            self._show, self._looking, [self._job_id, *self._outputs], **QUICK
        )
        turned.then(self._look, self._looking, self._outputs, **QUICK)  # As after `_start`.
        # Another file was chosen, alone.
        changed = source.change(_alone, [source, self._chosen], self._chosen, **QUICK)
        changed.then(self._look_again, [source, *self._looking], self._outputs, **QUICK)

    def _look_again(self, path: str | None, *looking: Any) -> Updates:
        """After another choice; where there is none, the status says why."""
        *_, screen, _ = looking
        is_empty = path is None and not screen.several
        return cast(Updates, gr.skip()) if is_empty else self._look(*looking)

    async def _choose(self, event: gr.EventData, request: gr.Request) -> tuple[Chosen, str | None]:
        """Several files have come; the first that is of use is shown."""
        chosen = Chosen.of(event.files)
        listener = self._visitors.listener(request)
        while chosen.paths:
            try:
                await self._controls.look_into(chosen.paths[0], listener)
                return chosen, chosen.paths[0]
            except cc.CombinerError as error:
                chosen = chosen.without_first(str(error))
        return chosen, None

    def _show(
        self,
        job_id: str,
        batch_id: str,
        chosen: Chosen,
        screen: _Screen,
        prefix: Prefix | None,
        event: gr.EventData,
    ) -> Updates:
        """Look at another run of the list."""
        batch = self._batches.view(batch_id)
        known_ids = {item.job_id for item in batch.items} if batch is not None else set()
        if event.job not in known_ids:
            return cast(Updates, gr.skip())
        seen = self._look(event.job, batch_id, chosen, screen, prefix)
        return {self._job_id: event.job, **seen}

    def _start(
        self,
        chosen: Chosen,
        screen: _Screen,
        prefix: Prefix | None,
        path: str | None,
        known: Known | None,
        purpose: str,
        own_bytes: int | None,
        model: str,
        effort: EffortName,
        tune: TuneName,
        frame_s: float | None,
        painted: str | None,
        request: gr.Request,
    ) -> Iterator[Updates]:
        try:
            asked = (known, purpose, own_bytes, model, effort, tune)
            visitor, batch_id = self._visitors.listener(request).visitor, ""
            if chosen.are_shown_by(path):
                tasks = self._controls.tasks(chosen.paths, *asked)
                batch_id = self._batches.submit(visitor, tasks)
                batch = self._batches.view(batch_id)
                job_id = (
                    next((each.job_id for each in batch.items if each.job_id), "") if batch else ""
                )
            else:
                task = self._controls.task(path, *asked, frame_s, painted)
                job_id = self._queue.submit(visitor, task)
        except cc.CombinerError as error:
            yield self._live.fail(str(error))  # What was there before stays.
            raise parts.toast(error) from error
        seen = self._look(job_id, batch_id, chosen, screen, prefix)
        yield {self._job_id: job_id, self._batch_id: batch_id, **seen}

    def _end(self, job_id: str, batch_id: str, *seen: Any) -> Updates:
        self._batches.stop(batch_id)
        self._queue.stop(job_id)
        return self._look(job_id, batch_id, *seen)

    def _add_companion(self, job_id: str, *seen: Any) -> Updates:
        try:
            self._queue.submit_companion(job_id)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        return self._look(job_id, *seen)

    async def _use_prefix(
        self,
        percent: float,
        job_id: str,
        batch_id: str,
        chosen: Chosen,
        screen: _Screen,
        prefix: Prefix | None,
        request: gr.Request,
    ) -> Updates:
        view = self._queue.view(job_id)
        if view is None:
            return cast(Updates, gr.skip())
        try:
            listener = self._visitors.listener(request)
            prefix = await decode_prefix(self._queue, listener, view, percent, self._settings)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        seen = await asyncio.to_thread(self._look, job_id, batch_id, chosen, screen, prefix)
        return {self._prefix: prefix, **seen}

    def _resume(self, job_id: str, batch_id: str, request: gr.Request) -> Updates:
        """The run of the address, or the last one, unless nothing came of it: that was told."""
        view = self._followed(job_id, request)
        seen_id = view.id if view is not None and view.state not in ("failed", "stopped") else ""
        seen = self._look(seen_id, batch_id, Chosen(), _Screen(), None)
        updates = {**seen, **self._controls.restored(view)}
        has_file = view is not None and view.file is not None and view.file.exists()
        followed_id = view.id if view is not None else ""
        restored_id = followed_id if has_file else ""
        return {**updates, self._job_id: followed_id, self._restored: restored_id}

    def _file_of(self, job_id: str) -> str | None:
        view = self._queue.view(job_id)
        return None if view is None or view.file is None else str(view.file)

    def _followed(self, job_id: str, request: gr.Request) -> JobView | None:
        """The run whose result the address names, else that of this browser."""
        shared = self._queue.view(dict(request.query_params).get(self._kind))
        return shared if shared is not None and shared.outcome else self._queue.view(job_id)

    def _look(
        self,
        job_id: str,
        batch_id: str,
        chosen: Chosen,
        screen: _Screen,
        prefix: Prefix | None,
    ) -> Updates:
        """Whatever is new of the run that this page follows, and of those beside it."""
        view, batch = self._queue.view(job_id), self._batches.view(batch_id)
        listed, several = self._several.update(batch, chosen, job_id, screen.several)
        if view is None:
            return {
                **listed,
                self._screen: _Screen(several=several),
                **self._live.empty(),
                **self._result.empty(),
                **self._show_case(True),
                **self._active(None, batch),
            }
        live, drawn = self._live.update(view, screen.live)
        result, result_drawn = self._result.update(view, screen.result, prefix)
        if batch is not None and view.ended and not batch.ended:
            live |= self._live.tell(batch_panel(batch))
        return {
            **listed,
            **live,
            **result,
            **self._show_case(False),
            self._screen: _Screen(drawn, result_drawn, several),
            self._failure: f"{view.id} {view.error}" if view.error else "",
            **self._active(view, batch),
        }

    def _show_case(self, visible: bool) -> Updates:
        return self._showcase.show(visible) if self._showcase else {}

    def _active(self, view: JobView | None, batch: BatchView | None) -> Updates:
        """Which buttons can be pressed, and whether there is more to see."""
        runs = (view is not None and not view.ended) or (batch is not None and not batch.ended)
        companion = view.companion if view is not None else None
        busy = runs or (companion is not None and not companion.ended)
        watched = runs or (view is not None and not view.settled)
        pause_s = _WAITING_POLL_S if view is not None and view.state == "waiting" else _POLL_S
        return {
            self._timer: gr.Timer(pause_s, active=watched),
            self._compress: gr.Button(interactive=not runs),
            self._stop: gr.Button(interactive=busy),
        }


def _alone(path: str | None, chosen: Chosen) -> Chosen:
    """What was chosen together, as long as its first file is shown."""
    is_coming = chosen.shown is None and chosen.paths
    return chosen if path == chosen.shown or is_coming else Chosen()


def _tell(failure: str) -> None:
    """A run failed while it was watched."""
    _, _, reason = failure.partition(" ")
    if reason:
        raise parts.toast(cc.CombinerError(reason))
