"""The tabs that compress: the same for images and for clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import gradio as gr

import combiner_core as cc
from combiner_core.options import EffortName, TuneName
from combiner_core.signals import Kind
from demo.compress.budgets import Known
from demo.compress.controls import Controls
from demo.compress.live import Drawn
from demo.compress.result import Prefix, decode_prefix
from demo.compress.screen import Screen, Shown
from demo.compress.several import Chosen
from demo.jobs import Batches, JobQueue
from demo.scheduling import QueueFullError
from demo.settings import Settings
from demo.ui import examples, inputs, parts
from demo.ui.parts import QUEUED, QUICK, Updates
from demo.visitors import Visitors
from demo.work import Source
from demo.workers import StoppedError

STYLE = Path(__file__).with_name("job.css")

# Browsers keep the id of the last run under this, so that a page loaded anew finds it again. The
# id is no secret from its own browser: the key only has to stay the same.
_STORAGE_SECRET = "combiner"
# Browsers keep nothing that is empty.
_NO_BATCH = "-"
_GONE = "The result of this address is no longer kept."


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
        with gr.Row(equal_height=False, elem_classes="job"):
            with gr.Column(scale=2, min_width=320, elem_classes="job-controls"):
                self._controls = Controls(kind, queue, visitors, settings)
            self._screen = Screen(kind, settings)
        # What the page follows may be the result of an address; that does not take one's own away.
        self._job_id = gr.Textbox(visible="hidden", label="Run", elem_id=f"{kind}-job")
        self._own_id = gr.BrowserState("", storage_key=f"combiner-{kind}", secret=_STORAGE_SECRET)
        self._batches = Batches(queue)
        self._batch_id = gr.BrowserState(
            "", storage_key=f"combiner-{kind}-batch", secret=_STORAGE_SECRET
        )
        self._chosen, self._prefix = gr.State(Chosen()), gr.State(None)
        # Afterwards, as what is wanted of a new file is taken from the settings; and only then: a
        # visitor may have chosen a file before the page had been asked for the last one.
        self._restored = gr.Textbox(visible="hidden", label="Restored", elem_id=f"{kind}-restored")
        source = self._controls.source
        self._restored.change(self._file_of, [self._restored, source], source, **QUICK)
        self._wire_job()

    def resume_on(self, load: Callable[..., Any]) -> None:
        """Find the last run again, and how it was asked for, when the page is loaded.

        Args:
            load: the event of the page.
        """
        resumed = load(
            self._resume,
            [self._own_id, self._batch_id],
            [self._job_id, self._restored, *self._screen.outputs, *self._controls.settings],
            **QUICK,
        )
        resumed.then(None, None, None, js=f"() => combiner.end('{self._kind}')")

    @property
    def shown(self) -> list[gr.components.Component]:
        """The components whose values `source_of` takes."""
        return [self._controls.source, self._controls.frame_s, self._job_id]

    @property
    def found_again(self) -> Callable[..., Any]:
        """The event that the last run is known, of which `source_of` can tell then."""
        event: Callable[..., Any] = self._restored.change
        return event

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
        seen = self._screen.drawn, self._screen.shown, self._prefix
        return [self._job_id, self._batch_id, self._chosen, *seen]

    def _wire_job(self) -> None:
        asked = {
            "inputs": [self._chosen, *self._controls.asked],
            "outputs": [
                *(self._job_id, self._own_id, self._batch_id, self._chosen),
                *(self._screen.panel, self._screen.compress, self._screen.stop, self._screen.due),
            ],
            "trigger_mode": "once",
            **QUEUED,
        }
        # What was chosen a moment ago may still be on its way to the server.
        wait = f"() => combiner.ready('{self._kind}')"
        ready = self._screen.compress.click(None, None, self._controls.painted, js=wait)
        example = str(examples.path_of(self._kind, self._screen.showcase.example))
        wished = self._screen.showcase.attempt.click(None, None, None, js=wait, trigger_mode="once")
        chosen = wished.then(
            lambda: (example, ""),
            None,
            [self._controls.source, self._controls.painted],
            **QUICK,
        )
        for each in (ready, chosen):
            each.then(self._start, **asked)
        self._wire_several()
        self._screen.stop.click(
            self._end, [self._job_id, self._batch_id], self._screen.due, **QUICK
        )
        self._screen.timer.tick(
            self._glance,
            [self._job_id, self._batch_id, self._chosen],
            self._screen.glanced,
            trigger_mode="once",
            **QUICK,
        )
        self._screen.live_news.change(
            self._look_live,
            [self._job_id, self._screen.drawn],
            self._screen.live_outputs,
            trigger_mode="always_last",
            **QUICK,
        )
        # One after the other: what is in one answer is taken for shown in the next.
        gr.on(
            [self._screen.news.change, self._screen.due.change],
            self._look,
            self._looking,
            self._screen.outputs,
            trigger_mode="always_last",
            **QUICK,
        )
        self._controls.retell_on(self._screen.news.change)
        told = self._controls.refusing.then(
            self._refuse,
            [self._controls.refusal, self._controls.source],
            [self._controls.source, self._chosen, self._screen.due],
            **QUICK,
        )
        told.then(None, None, None, js=f"() => combiner.end('{self._kind}')")
        self._screen.result.percent.change(
            self._use_prefix,
            [self._screen.result.percent, self._job_id],
            [self._prefix, self._screen.due],
            trigger_mode="always_last",
            **QUEUED,
        )
        self._screen.result.companion.click(
            self._add_companion, self._job_id, self._screen.due, trigger_mode="once", **QUEUED
        )

    def _wire_several(self) -> None:
        kind, source = self._kind, self._controls.source
        arrived = self._screen.several.list.files(
            self._choose, None, [self._chosen, source], trigger_mode="multiple", **QUEUED
        )
        # The input has a name of its own for what it shows.
        shown = arrived.then(
            self._show_first, [source, self._chosen], [self._chosen, self._screen.due], **QUICK
        )
        shown.then(None, None, None, js=f"() => combiner.looked('{kind}')")
        self._screen.several.list.show(
            self._show, self._batch_id, [self._job_id, self._own_id, self._screen.due], **QUICK
        )
        # Another file was chosen, alone; where it is the same, what has been said meanwhile stays.
        choices = [source, self._chosen, self._controls.refusal]
        source.change(self._alone, choices, [self._chosen, self._screen.due], **QUICK)

    def _alone(self, path: str | None, chosen: Chosen, refusal: tuple[str, str]) -> Updates:
        """Of what was chosen together nothing is left when another file is shown."""
        is_coming = chosen.shown is None and chosen.paths
        if is_coming or path == chosen.shown:
            return cast(Updates, gr.skip())
        alone = Chosen(shown=path)
        if path is not None and path == refusal[0]:
            alone = Chosen.of_no_use(*refusal)  # It was looked into meanwhile.
        return {self._chosen: alone, **self._screen.look_soon()}

    async def _choose(self, event: gr.EventData, request: gr.Request) -> tuple[Chosen, str | None]:
        """Several files have come, or one that is too large; the first that is of use is shown."""
        chosen = Chosen.of(event.files)
        listener = self._visitors.listener(request)
        for path in chosen.paths:
            try:
                await self._controls.look_into(path, listener)
            except (QueueFullError, StoppedError):
                break  # Nothing is wrong with the file; Compress tells of what is.
            except cc.CombinerError as error:
                chosen = chosen.without(path, str(error))
        shown = chosen.paths[0] if chosen.paths else None
        return chosen, shown

    def _show_first(self, path: str | None, chosen: Chosen) -> Updates:
        """Several files have been looked into, and the input shows one of them."""
        return {self._chosen: replace(chosen, shown=path), **self._screen.look_soon()}

    def _refuse(self, refusal: tuple[str, str], path: str | None) -> Updates:
        """A file is of no use: it is cleared, and the status says why; unless another one came."""
        if path != refusal[0]:
            return cast(Updates, gr.skip())
        alone = Chosen.of_no_use(*refusal)
        return {self._controls.source: None, self._chosen: alone, **self._screen.look_soon()}

    def _show(self, batch_id: str, event: gr.EventData) -> Updates:
        """Look at another run of the list."""
        batch = self._batches.view(batch_id)
        known_ids = {item.job_id for item in batch.items} if batch is not None else set()
        if event.job not in known_ids:
            return cast(Updates, gr.skip())
        return {self._job_id: event.job, self._own_id: event.job, **self._screen.look_soon()}

    def _start(
        self,
        chosen: Chosen,
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
            visitor, batch_id = self._visitors.listener(request).visitor, _NO_BATCH
            if not chosen.are_shown_by(path):
                chosen = Chosen()
            chosen = replace(chosen, taken=True)
            if chosen.paths:
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
            yield self._screen.fail(str(error))  # What was there before stays.
            raise parts.told(error) from error
        ids = {self._job_id: job_id, self._own_id: job_id, self._batch_id: batch_id}
        yield {**ids, self._chosen: chosen, **self._screen.begun()}

    def _end(self, job_id: str, batch_id: str) -> Updates:
        self._batches.stop(batch_id)
        self._queue.stop(job_id)
        return self._screen.look_soon()

    def _add_companion(self, job_id: str, request: gr.Request) -> Updates:
        try:
            self._queue.submit_companion(job_id, self._visitors.listener(request).visitor)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        return self._screen.look_soon()

    async def _use_prefix(self, percent: float, job_id: str, request: gr.Request) -> Updates:
        view = self._queue.view(job_id)
        if view is None:
            return cast(Updates, gr.skip())
        try:
            listener = self._visitors.listener(request)
            prefix = await decode_prefix(self._queue, listener, view, percent, self._settings)
        except cc.CombinerError as error:
            raise parts.toast(error) from error
        return {self._prefix: prefix, **self._screen.look_soon()}

    def _resume(self, own_id: str, batch_id: str, request: gr.Request) -> Updates:
        """The run of the address, or the last one, unless it was stopped."""
        shared_id = dict(request.query_params).get(self._kind, "")
        view = self._queue.view(shared_id or own_id)
        is_gone = bool(shared_id) and (view is None or view.outcome is None)
        if is_gone:
            view, batch_id = None, ""
        followed_id = view.id if view is not None else ""
        seen_id = followed_id if view is not None and view.state != "stopped" else ""
        seen = self._look(seen_id, batch_id, Chosen(), Drawn(), Shown(), None)
        gone = self._screen.fail(_GONE, "Gone") if is_gone else {}
        updates = {**seen, **gone, **self._controls.restored(view)}
        has_file = view is not None and view.file is not None and view.file.exists()
        restored_id = followed_id if has_file else ""
        return {**updates, self._job_id: followed_id, self._restored: restored_id}

    def _file_of(self, job_id: str, path: str | None) -> str | None:
        """The file of the last run, where no other was chosen meanwhile."""
        view = self._queue.view(job_id)
        return path if path or view is None or view.file is None else str(view.file)

    def _glance(self, job_id: str, batch_id: str, chosen: Chosen) -> tuple[str, str, str]:
        batch = self._batches.view(batch_id)
        return self._screen.glance(self._queue.view(job_id), batch, chosen)

    def _look_live(self, job_id: str, drawn: Drawn) -> Updates:
        return self._screen.look_live(self._queue.view(job_id), drawn)

    def _look(
        self,
        job_id: str,
        batch_id: str,
        chosen: Chosen,
        drawn: Drawn,
        shown: Shown,
        prefix: Prefix | None,
    ) -> Updates:
        """Whatever is new of the run that this page follows, and of those beside it."""
        view, batch = self._queue.view(job_id), self._batches.view(batch_id)
        return self._screen.look(view, batch, chosen, drawn, shown, prefix)
