"""The tab that decodes a file made before, here or elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import cast

import gradio as gr

import combiner_core as cc
from combiner_core.signals import ImageShape, Kind
from demo.jobs import JobQueue
from demo.media import psnr_text, size_text
from demo.settings import Settings
from demo.ui import inputs, parts, status
from demo.ui.compare import AudioComparison, Comparison, ImageComparison, Variant
from demo.ui.legends import legend
from demo.ui.parts import QUEUED, QUICK, Updates
from demo.visitors import Visitors
from demo.work import UNSURE, Decode, Decoded, Part, Source

_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
_WHOLE = "Whole file"
_ALL_PERCENT = 100
# The engine wants a share above zero.
_MIN_SHARE = 1e-9
# How far a detail may be from the file's own, which has more digits than a slider.
_SAME_DETAIL = 0.005
_INVITATION = status.panel("idle", "Press Decode")
_DECODING = status.panel("running", "Decoding")


@dataclass(frozen=True)
class _Controls:
    """The left column."""

    source: gr.File
    holds: gr.HTML
    percent: gr.Slider
    scale: gr.Radio
    looks: gr.Column
    own_detail: gr.State
    detail: gr.Slider
    unsure: gr.Checkbox
    original: gr.File
    decode: gr.Button


@dataclass(frozen=True)
class _Results:
    """The right column.

    Attributes:
        panel: the status.
        comparisons, download: of what was decoded.
        asked: the path of the file that is to be shown.
        due: changes when there is another one to show, or none.
        refusal: why the last file was refused.
    """

    panel: gr.HTML
    comparisons: Mapping[Kind, Comparison]
    download: gr.DownloadButton
    asked: gr.State
    due: gr.Textbox
    refusal: gr.State

    @property
    def outputs(self) -> list[gr.components.Component]:
        views = [part for each in self.comparisons.values() for part in each.outputs]
        return [self.panel, *views, self.download]

    def clear(self) -> Updates:
        """Nothing is shown any more."""
        updates: Updates = {self.download: gr.DownloadButton("Download", interactive=False)}
        for comparison in self.comparisons.values():
            updates |= comparison.clear(visible=False)
        return updates


@dataclass(frozen=True)
class _Compressed:
    """A compressed file, and how much of it is wanted in which way."""

    name: str
    data: bytes
    info: cc.FileInfo
    percent: float
    scale: float
    detail: float
    unsure: bool
    original: Path | None

    @property
    def kind(self) -> Kind:
        return "image" if isinstance(self.info.shape, ImageShape) else "audio"

    def work(self, settings: Settings) -> Decode:
        """Decoding it.

        Raises:
            CombinerError: the original is gone.
        """
        original = None
        if self.original is not None:
            original = Source.read(self.original, self.kind, settings.input_limits)
        wanted = [Part("Decoded", self._share(100))]
        if self.percent < _ALL_PERCENT:
            title = parts.prefix_name(self.percent)
            wanted = [Part(_WHOLE, self._share(100)), Part(title, self._share(self.percent))]
        own_detail = self.info.intent.detail
        is_own = own_detail is None or abs(self.detail - own_detail) <= _SAME_DETAIL
        return Decode(
            self.name,
            self.data,
            tuple(wanted),
            self.scale,
            None if is_own else self.detail,
            self.unsure and own_detail is not None and self.percent == _ALL_PERCENT,
            original,
        )

    def bytes_of(self, percent: float) -> int:
        """Bytes of its first part that are used, header included."""
        header_bytes = self.info.file_bytes - self.info.present_bytes
        return header_bytes + round(self._share(percent) * self.info.payload_bytes)

    def _share(self, percent: float) -> float:
        """Share of the payload to decode: no more than is there."""
        present = self.info.present_bytes / self.info.payload_bytes
        return max(_MIN_SHARE, min(percent / 100, present))


def decode_tab(queue: JobQueue, visitors: Visitors, settings: Settings, folder: Path) -> None:
    """Lay out and wire the tab; its elements have ids that begin with "decode".

    Args:
        queue: whose workers decode.
        visitors: who asks for it.
        settings: of the app.
        folder: for decoded files on their way.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320):
            controls = _controls(settings)
        with gr.Column(scale=5, min_width=320):
            results = _results()

    async def describe(_: gr.Request, path: str | None) -> AsyncIterator[Updates]:
        if path is None:
            yield {controls.holds: "", controls.looks: gr.update(visible=False)}
            return
        try:
            data = await asyncio.to_thread(inputs.read_compressed, path, settings)
        except cc.CombinerError as error:
            # It is cleared, and may be asked for all the same.
            yield {results.refusal: str(error)}
            raise
        info = cc.inspect(data)
        detail = info.intent.detail
        yield {
            **results.clear(),
            results.panel: _INVITATION,
            results.refusal: "",
            results.asked: None,
            results.due: token_hex(4),
            controls.holds: _holds(Path(path).name, info),
            controls.looks: gr.update(visible=detail is not None),
            controls.own_detail: round(detail or 0.0, 2),
        }

    async def ask(_: gr.Request, path: str | None, refusal: str) -> AsyncIterator[Updates]:
        if path is None and refusal:
            raise cc.CombinerError(f"Choose another .cmb file, since {refusal}")
        if path is None:
            raise inputs.nothing_compressed()
        yield {results.panel: _DECODING, results.asked: path, results.due: token_hex(4)}

    async def follow(
        request: gr.Request,
        asked: str | None,
        path: str | None,
        percent: float,
        scale: float,
        detail: float,
        unsure: bool,
        original: str | None,
    ) -> AsyncIterator[Updates]:
        if path is None:
            yield cast(Updates, gr.skip())
            return
        if path != asked:
            yield {**results.clear(), results.panel: _INVITATION}
            return
        yield {results.panel: _DECODING}
        try:
            file = await asyncio.to_thread(
                _read, path, percent, scale, detail, unsure, original, settings
            )
            listener = visitors.listener(request)
            ticket = queue.ask(listener.visitor, lambda: file.work(settings))
            decoded = await parts.result_of(ticket, listener)
            # Gradio copies what is shown into its own folder at each yield.
            with TemporaryDirectory(dir=folder) as own:
                variants = await asyncio.to_thread(_variants, file, decoded, Path(own))
                yield _shown(file, decoded, variants, results)
        except cc.CombinerError as error:
            # An event that fails forgets what was asked for meanwhile.
            yield {**results.clear(), results.panel: parts.failure(error)}

    how = [controls.percent, controls.scale, controls.detail, controls.unsure]
    event = {"concurrency_limit": None, "api_visibility": "private"}
    described = controls.source.change(
        parts.telling_failure(describe, results.panel, results.clear),
        controls.source,
        [
            *(controls.holds, controls.looks, controls.own_detail, *results.outputs),
            *(results.asked, results.due, results.refusal),
        ],
        **QUEUED,
    )
    # Alone: of a slider that an event leaves as it is another one is made, see `any_number`.
    described.success(lambda own: own, controls.own_detail, controls.detail, **QUICK)
    described.failure(lambda: None, None, controls.source, **QUICK)
    controls.decode.click(
        parts.telling_failure(ask, results.panel, results.clear),
        [controls.source, results.refusal],
        [*results.outputs, results.asked, results.due],
        # Controls are longer than windows: how far it is stands above them, or on a phone below.
        js="""(...values) => {
          document.getElementById("decode-status").scrollIntoView({ block: "nearest" });
          return values;
        }""",
        show_progress_on=[results.panel],
        **event,
    )
    # What is on show follows the choices, and is never of a file or choice before.
    gr.on(
        [results.due.change, *(each.change for each in (*how, controls.original))],
        parts.telling_failure(follow, results.panel, results.clear),
        [results.asked, controls.source, *how, controls.original],
        results.outputs,
        show_progress="hidden",
        trigger_mode="always_last",
        **event,
    )


def _controls(settings: Settings) -> _Controls:
    # Of any type: Gradio would refuse others in words of its own, and not in the status.
    source = inputs.file_input("Compressed file", "decode-source")
    holds = gr.HTML(elem_id="decode-holds")
    decode = gr.Button("Decode", variant="primary", elem_id="decode-run")
    percent = parts.prefix_slider("decode-percent")
    scale = gr.Radio(
        [(f"{value:g}×", value) for value in _SCALES],
        value=1.0,
        label="Scale",
        info="Of the pixels along each side, or of the samples a second.",
        elem_id="decode-scale",
    )
    own_detail = gr.State(0.0)
    with gr.Column(visible=False) as looks:
        detail = inputs.any_number(
            gr.Slider(
                0,
                1,
                0,
                step=0.05,
                label="Detail",
                info="From faithful to natural: grain that was not sent, sampled from the prior.",
                buttons=[],
                elem_id="decode-detail",
            )
        )
        unsure = gr.Checkbox(
            label=UNSURE,
            info="A map of the errors that the decoder itself expects, white where most.",
            elem_id="decode-unsure",
        )
    # A longer label would lie over the arrow.
    original = inputs.file_input("Original (optional)", "decode-original")
    gr.HTML(
        '<p class="legend">With its original, what is decoded is compared and measured.</p>'
        + legend(("PSNR",)),
        elem_classes="decode-legend",
    )
    return _Controls(
        source, holds, percent, scale, looks, own_detail, detail, unsure, original, decode
    )


def _results() -> _Results:
    return _Results(
        panel=status.component(status.panel("idle", "Choose a .cmb file"), "decode-status"),
        comparisons={
            "image": ImageComparison("decode-image", visible=False),
            "audio": AudioComparison("decode-audio", visible=False),
        },
        download=gr.DownloadButton("Download", interactive=False, elem_id="decode-download"),
        asked=gr.State(None),
        due=gr.Textbox(visible="hidden", label="Due", elem_id="decode-due"),
        refusal=gr.State(""),
    )


def _holds(name: str, info: cc.FileInfo) -> str:
    """What a file says of itself, as HTML."""
    shape = info.shape
    if isinstance(shape, ImageShape):
        dimensions = f"{shape.width} × {shape.height} pixels"
    else:
        duration_s = shape.samples / shape.sample_rate
        dimensions = f"{duration_s:.2f} s, {shape.channels} × {shape.sample_rate:,} Hz"
    facts = {
        "Holds": dimensions,
        "Model": info.model,
        "Size": f"{info.file_bytes:,} bytes",
        "Seed": str(info.seed),
    }
    if info.present_bytes < info.payload_bytes:
        share = info.present_bytes / info.payload_bytes
        facts["Cut short"] = f"{share:.0%} of {info.payload_bytes:,} bytes of code are here"
    return status.panel("idle", name, facts=facts)


def _read(
    path: str | None,
    percent: float,
    scale: float,
    detail: float,
    unsure: bool,
    original: str | None,
    settings: Settings,
) -> _Compressed:
    """Read what the visitor chose.

    Raises:
        CombinerError: a file cannot be used.
    """
    data = inputs.read_compressed(path, settings)
    assert path is not None
    beside = None if original is None else inputs.chosen(original, None, settings)
    info, name = cc.inspect(data), Path(path).name
    return _Compressed(name, data, info, percent, scale, detail, unsure, beside)


def _variants(file: _Compressed, decoded: Decoded, folder: Path) -> list[Variant]:
    """What can be compared, as files in a folder; what was asked for comes last."""
    stem = f"{Path(file.name).stem}-decoded"
    sizes = {_WHOLE: file.bytes_of(100), decoded.renderings[-1].title: file.bytes_of(file.percent)}
    variants = []
    for rendering in decoded.renderings:
        is_last = rendering is decoded.renderings[-1]
        name = stem if is_last else rendering.title.lower().replace(" ", "-")
        variants.append(
            Variant(
                rendering.title,
                parts.write(rendering, folder, name),
                sizes.get(rendering.title),
                rendering.psnr_db,
                note="white: off by most" if rendering.title == UNSURE else "",
            )
        )
    return variants


def _shown(
    file: _Compressed, decoded: Decoded, variants: Sequence[Variant], results: _Results
) -> Updates:
    """The outcome beside what it can be compared with."""
    ours = variants[-1]
    facts = {
        "Signal": size_text(decoded.renderings[-1].shape),
        "Bytes used": f"{file.bytes_of(file.percent):,}",
    }
    if ours.psnr_db is not None:
        facts["PSNR"] = psnr_text(ours.psnr_db)
    facts["Time"] = f"{decoded.seconds:.2f} s"
    updates: Updates = {
        results.panel: status.panel("done", "Done", facts=facts),
        results.download: gr.DownloadButton(
            f"Download {Path(ours.path).name}", value=ours.path, interactive=True
        ),
    }
    for kind, comparison in results.comparisons.items():
        if kind == file.kind:
            names = [each.name for each in variants]
            left = UNSURE if UNSURE in names else names[0]
            updates |= comparison.update(variants, left, ours.name, decoded.figures)
        else:
            updates |= comparison.clear(visible=False)
    return updates
