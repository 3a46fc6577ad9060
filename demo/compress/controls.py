"""The left column of a tab that compresses: signal, what for, how large, how thoroughly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from types import MappingProxyType
from typing import Any, get_args

import gradio as gr

import combiner_core as cc
from combiner_core.options import EffortName, TuneName
from combiner_core.signals import Kind
from demo.compress import budgets, choices, purposes
from demo.compress.budgets import Known, Wish
from demo.compress.preview import Preview, moment_s
from demo.jobs import JobQueue, JobView, Task
from demo.media import Extent
from demo.scheduling import QueueFullError
from demo.settings import Settings
from demo.ui import brush, examples, inputs, parts
from demo.ui.parts import MODELS, QUEUED, QUICK, Updates
from demo.visitors import Listener, Visitors
from demo.work import Measure, Measured, Source
from demo.workers import StoppedError

_INPUTS = MappingProxyType({"image": inputs.image_input, "audio": inputs.clip_input})
_DEFAULT_BYTES = 4000
_MAX_DOUBLINGS = 24


class Controls:
    """The components, in the current context; their ids begin with the kind of signal.

    Args:
        kind: of signals.
        queue: whose workers open files.
        visitors: who asks for it.
        settings: of the app.

    Attributes:
        source: its value is the path of the file.
        frame_s: which moment, of a video or an animation.
        painted: where the bits of a picture should go, see `demo.ui.brush`.
        refusing: the event of a file that is of no use, which is still to be cleared.
        refusal: its value is the path of that file, and why.
    """

    def __init__(self, kind: Kind, queue: JobQueue, visitors: Visitors, settings: Settings) -> None:
        self._kind, self._settings = kind, settings
        self._queue, self._visitors = queue, visitors
        with gr.Column(elem_classes="job-source"):
            self.source = _INPUTS[kind](f"{kind}-source")
            self._preview = Preview(kind)
        self._examples = examples.buttons(kind, f"{kind}-examples")
        self.frame_s = self._preview.frame_s.render()
        self._purpose = gr.Radio(
            [
                *((each.title, each.name) for each in purposes.PURPOSES[kind]),
                ("My own size", purposes.OWN),
            ],
            value=purposes.DEFAULT,
            label="For",
            elem_id=f"{kind}-purpose",
            elem_classes="job-purpose",
        )
        self._note = gr.HTML(elem_id=f"{kind}-note", elem_classes="job-note")
        # What a size comes to is known with the signal.
        with gr.Row(elem_classes="job-budget", visible=False) as self._size:
            self._doublings = gr.Slider(
                budgets.slider_position(budgets.MIN_BYTES),
                _MAX_DOUBLINGS,
                budgets.slider_position(_DEFAULT_BYTES),
                step=0.01,
                label="Largest size",
                buttons=[],
                scale=3,
                min_width=160,
                elem_id=f"{kind}-budget",
            )
            self._bytes = gr.Number(
                None,
                label="Bytes",
                precision=0,
                scale=1,
                min_width=110,
                elem_id=f"{kind}-bytes",
            )
        # What was typed: a signal after it may be too small for that.
        self._own_bytes = gr.Number(None, visible="hidden", label="Own size", precision=0)
        # The size that is wished for, and of what that was an answer: much may have been chosen
        # and typed while it was on its way.
        self._answer = gr.Textbox(visible="hidden", label="Size wished for")
        self._effort = gr.Radio(
            self._efforts(None, "multires"),
            value="fast",
            label="Effort",
            info=choices.EFFORT_NOTES["multires"],
            visible=kind == "image",
            elem_id=f"{kind}-effort",
            elem_classes="job-effort",
        )
        self._tune = gr.Radio(
            [choices.TUNES[kind], ("Least error (PSNR)", "psnr")],
            value="perceptual",
            label="Tuned for",
            info=choices.TUNE_NOTES[kind],
            elem_id=f"{kind}-tune",
        )
        # What the browser painted, when Compress is asked for.
        self.painted = gr.Textbox(visible="hidden", label="Painted", elem_id=f"{kind}-painted")
        with gr.Accordion(
            "Paint where the bits go", open=False, visible=kind == "image", elem_id=f"{kind}-paint"
        ) as self._paint:
            if kind == "image":
                brush.canvas("image-brush")
        with gr.Accordion("Advanced", open=False, elem_id=f"{kind}-advanced"):
            self._model = gr.Radio(
                [(name, value) for value, name in MODELS.items()],
                value="multires",
                label="Model",
                info="The paper's own takes half a minute or more, for less quality.",
                elem_id=f"{kind}-model",
            )
            gr.Markdown(inputs.limits_text(kind, settings), elem_classes="job-limits")
        self._treatment = [self._model, self._effort, self._tune, self.frame_s]
        self._known, self.refusal = gr.State(None), gr.State(("", ""))
        self._wire()

    @property
    def asked(self) -> list[gr.components.Component]:
        """The components whose values `task` takes."""
        size = [self._purpose, self._bytes]
        return [self.source, self._known, *size, *self._treatment, self.painted]

    def task(
        self,
        path: str | None,
        known: Known | None,
        purpose: str,
        own_bytes: int | None,
        model: str,
        effort: EffortName,
        tune: TuneName,
        frame_s: float | None,
        painted: str | None,
    ) -> Task:
        """What these values ask for: the file that is shown, at the size that is shown.

        Raises:
            CombinerError: there is no file, or no number of bytes.
        """
        file = inputs.chosen(path, self._kind, self._settings)
        if known is not None and known.path != path:
            known = frame_s = None  # Of the one before; this one is still being looked into.
        budget = Wish(purpose, own_bytes).budget(self._kind, known)
        importance = brush.importance_of(painted) if self._kind == "image" else None
        if model != cc.EncodeOptions.model:
            importance = None
        options = choices.options(model, effort, tune)
        title, at_s = parts.model_name(options), moment_s(frame_s)
        most_bytes = budgets.own_bytes(file) if known is None else None
        return Task(file, self._kind, budget, options, title, at_s, importance, most_bytes)

    def tasks(
        self,
        paths: Sequence[str],
        known: Known | None,
        purpose: str,
        own_bytes: int | None,
        model: str,
        effort: EffortName,
        tune: TuneName,
    ) -> list[Task]:
        """What these values ask for of several files, of which the first is shown.

        A size of one's own is as many bytes for a pixel or a second of each, and none gets more
        than its file has. Frames and what is painted are of one file.

        Raises:
            CombinerError: a file is not one that was uploaded here, or there is no number of bytes.
        """
        budget = Wish(purpose, own_bytes).budget_each(self._kind, known)
        options = choices.options(model, effort, tune)
        title = parts.model_name(options)
        files = [inputs.chosen(path, self._kind, self._settings) for path in paths]
        return [
            Task(file, self._kind, budget, options, title, most_bytes=budgets.own_bytes(file))
            for file in files
        ]

    async def look_into(
        self, path: str, listener: Listener, frame_s: float | None = None
    ) -> Measured:
        """What a file holds, found out by a worker.

        Args:
            path: of it.
            listener: who asks.
            frame_s: see `demo.work.Source`.

        Raises:
            CombinerError: it was not uploaded here, cannot be read, or is too large.
        """
        file, limits = inputs.chosen(path, self._kind, self._settings), self._settings.input_limits
        ticket = self._queue.ask(
            listener.visitor, lambda: Measure(Source.read(file, self._kind, limits, frame_s))
        )
        return await parts.result_of(ticket, listener)

    @property
    def settings(self) -> list[gr.components.Component]:
        """The components that `restored` sets."""
        return [self._purpose, self._bytes, self._own_bytes, *self._treatment]

    def retell_on(self, event: Any) -> None:
        """Say anew what runs take: an event may have taught more of it."""
        event(self._retell, self._described, [self._note, self._effort], **QUICK)

    def restored(self, view: JobView | None) -> Updates:
        """The settings of a run, for a page that was loaded anew."""
        if view is None or view.file is None or not view.file.exists():
            return {}
        updates: Updates = {
            self._model: view.options.model,
            self._effort: view.options.effort,
            self.frame_s: view.frame_s or 0.0,
        }
        if view.options.model == "multires":  # The other has one tune, whatever was wished for.
            updates[self._tune] = view.options.tune
        if view.budget_bytes and view.extent is not None:
            updates |= dict.fromkeys((self._bytes, self._own_bytes), view.budget_bytes)
            updates[self._purpose] = budgets.matching(view.extent, view.budget_bytes)
        return updates

    def _wire(self) -> None:
        """Purpose, slider and number go together; the note says what they come to."""
        kind = self._kind
        chosen = self._examples.choose(
            self._example,
            None,
            self.source,
            js=f"(...all) => combiner.begin('{kind}', all)",
            **QUICK,
        )
        chosen.then(None, None, None, js=f"() => combiner.end('{kind}')")
        own = {"api_visibility": "private"}
        self._preview.forget_with(self.source)
        measured = self.source.change(
            self._measure,
            [self.source, self._known, self.frame_s],
            [
                *(self._known, self._note, self.frame_s, self._preview.seen, self.refusal),
                *(self._size, self._doublings),
            ],
            trigger_mode="always_last",
            **QUEUED,
        )
        self._preview.follow(self.source, self._visitors, self.look_into)
        wished = [self._purpose, self._own_bytes, self._bytes, self._known]
        how = [self._bytes, self._effort, self._tune]
        self._described: list[Any] = [self._known, *how, self._model]
        # Alone: what else an event leaves as it is would be made anew, see `image_input`.
        begin = f"() => combiner.begin('{self._kind}')"  # Compress waits until that is told.
        self.refusing = measured.failure(None, None, None, js=begin, **own)
        # Asked for what is wanted now, not when it began.
        filled = self._fill_on(measured.success, wished)
        changes, last = [each.change for each in how], {"trigger_mode": "always_last", **QUICK}
        gr.on(changes, self._describe, self._described, self._note, **last)
        # Efforts never by a change of the effort itself: what an event sets, changes.
        self.retell_on(filled.success)
        self.retell_on(self._model.change)
        self._model.change(self._suit, self._model, [self._paint, self._tune], **QUICK)
        self._fill_on(self._purpose.input, wished)
        self._fill_on(self._bytes.blur, wished)
        self._doublings.input(
            None,
            self._doublings,
            [self._bytes, self._own_bytes, self._purpose],
            js="doublings => [2 ** doublings, 2 ** doublings].map(Math.round)"
            f".concat('{purposes.OWN}')",
            **own,
        )
        self._bytes.input(
            None,
            self._bytes,
            [self._doublings, self._own_bytes, self._purpose],
            js=f"bytes => [Math.log2(Math.max(1, bytes)), bytes, '{purposes.OWN}']",
            **own,
        )

    def _example(self, event: gr.EventData) -> str:
        try:
            return str(examples.path_of(self._kind, str(event.name)))
        except KeyError:
            raise parts.toast(cc.SignalError("There is no such example.")) from None

    def _describe(
        self,
        known: Known | None,
        file_bytes: int | None,
        effort: EffortName,
        tune: TuneName,
        model: str,
    ) -> str:
        """What the size means."""
        if known is None or file_bytes is None:
            return ""
        options = choices.options(model, effort, tune)
        usual_s = self._queue.times.usual_s(known.extent, options)
        return budgets.describe(known, file_bytes, options, usual_s)

    def _retell(self, known: Known | None, *how: Any) -> Updates:
        """That, and what efforts take by what is known by now."""
        *_, model = how
        efforts = self._efforts(known.extent if known else None, model)
        effort = gr.Radio(efforts, info=choices.EFFORT_NOTES[model])
        return {self._note: self._describe(known, *how), self._effort: effort}

    def _suit(self, model: str) -> Updates:
        """Only what the model makes use of."""
        is_default = model == "multires"
        return {
            self._paint: gr.update(visible=self._kind == "image" and is_default),
            self._tune: gr.update(visible=is_default),
        }

    def _efforts(self, extent: Extent | None, model: str) -> list[tuple[str, EffortName]]:
        """The efforts, and how long each usually takes."""
        names: tuple[EffortName, ...] = get_args(EffortName)
        if extent is None:
            return [(name.capitalize(), name) for name in names]
        texts = []
        for name in names:
            usual_s = self._queue.times.usual_s(extent, choices.options(model, name, "psnr"))
            texts.append((f"{name.capitalize()}, {purposes.duration_text(usual_s)}", name))
        return texts

    async def _measure(
        self,
        path: str | None,
        known: Known | None,
        frame_s: float | None,
        request: gr.Request,
    ) -> AsyncIterator[Updates]:
        """The signal is another one; what is wanted of it stays."""
        nothing: Updates = {
            self._known: None,
            self._note: "",
            **self._preview.empty(),
            self._size: gr.update(visible=False),
        }
        if path is None:
            yield nothing
            return
        try:
            # The moment of a file that was there is not that of another; one of the last run is.
            at_s = moment_s(frame_s) if known is None else None
            measured = await self.look_into(path, self._visitors.listener(request), at_s)
        except (QueueFullError, StoppedError):
            yield nothing  # Nothing is wrong with the file; Compress tells of what is.
            return
        except cc.CombinerError as error:
            yield {self.refusal: (path, str(error))}
            raise parts.told(error) from error
        extent = Extent.of(measured.shape)
        gain_bytes = budgets.max_bytes(extent, measured.most_bytes)
        # A video has more than is compressed: nothing is to be learned from its size.
        file_bytes = 0 if measured.has_frames else budgets.size_of(path)
        known = Known(path, extent, file_bytes, gain_bytes)
        # The slider is as long as sizes make sense.
        least, most = map(budgets.slider_position, (known.least_bytes, known.most_bytes))
        yield {
            self._known: known,
            **self._preview.show(measured, at_s),
            self._size: gr.update(visible=True),
            self._doublings: gr.update(minimum=least, maximum=most),
        }

    def _fill_on(self, event: Any, wished: Sequence[gr.components.Component]) -> Any:
        """Show the size that is wished for, unless another one was wished for meanwhile."""
        size = [self._bytes, self._doublings]
        answered = event(self._size_wished, wished, self._answer, **QUICK)
        shown = [self._answer, self._purpose, self._own_bytes, *size]
        told = "(...shown) => combiner.size(...shown)"
        return answered.then(None, shown, size, js=told, api_visibility="private")

    def _size_wished(
        self, purpose: str, own_bytes: int | None, shown_bytes: int | None, known: Known | None
    ) -> str:
        """The size that is wished for, as far as this signal can use it, for the page's script."""
        if known is None:
            return ""
        file_bytes = Wish(purpose, own_bytes or shown_bytes).bytes_for(known)
        return json.dumps({"purpose": purpose, "own": own_bytes, "bytes": file_bytes})
