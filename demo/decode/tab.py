"""The tab that decodes a file made before, here or elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr

import combiner_core as cc
from combiner_core.signals import ImageShape, Kind
from demo.jobs import JobQueue
from demo.media import size_text
from demo.settings import Settings
from demo.ui import inputs, parts, status
from demo.ui.compare import (
    ORIGINAL,
    AudioComparison,
    Comparison,
    ImageComparison,
    Variant,
    variant,
)
from demo.ui.parts import QUEUED, Updates

_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
_WHOLE = "Whole file"
# The engine wants a share above zero.
_MIN_SHARE = 1e-9


@dataclass(frozen=True)
class _Controls:
    """The left column."""

    source: gr.File
    holds: gr.HTML
    percent: gr.Slider
    scale: gr.Radio
    original: gr.File
    decode: gr.Button


@dataclass(frozen=True)
class _Results:
    """The right column, and the path of the file that it shows."""

    panel: gr.HTML
    comparisons: Mapping[Kind, Comparison]
    download: gr.DownloadButton
    path: gr.State

    @property
    def outputs(self) -> list[gr.components.Component]:
        views = [part for each in self.comparisons.values() for part in each.outputs]
        return [self.panel, *views, self.download, self.path]


@dataclass(frozen=True)
class _Compressed:
    """A compressed file, and how much of it is wanted in which way."""

    name: str
    data: bytes
    info: cc.FileInfo
    percent: float
    scale: float
    original: cc.Signal | None

    @property
    def kind(self) -> Kind:
        return "image" if isinstance(self.info.shape, ImageShape) else "audio"


def decode_tab(queue: JobQueue, settings: Settings) -> None:
    """Lay out and wire the tab; its elements have ids that begin with "decode"."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320):
            controls = _controls(settings)
        with gr.Column(scale=5, min_width=320):
            results = _results()

    def describe(path: str | None) -> str:
        if path is None:
            return ""
        try:
            return _holds(Path(path).name, cc.inspect(inputs.read_compressed(path, settings)))
        except cc.CombinerError as error:
            raise parts.toast(error) from error

    def decode(
        path: str | None, percent: float, scale: float, original: str | None
    ) -> Iterator[Updates]:
        yield {results.panel: status.panel("running", "Decoding")}
        file = _read(path, percent, scale, original, settings)
        # Gradio copies what is shown into its own folder at each yield.
        with TemporaryDirectory() as folder:
            yield {**_shown(file, queue, folder, results), results.path: path}

    def follow(
        shown: str | None, path: str | None, percent: float, scale: float, original: str | None
    ) -> Iterator[Updates]:
        if path is not None and path == shown:
            yield from decode(path, percent, scale, original)

    choices = [controls.source, controls.percent, controls.scale, controls.original]
    # The decodings of all visitors wait in one queue.
    event = {"concurrency_id": "decode", "concurrency_limit": 1, "api_visibility": "private"}
    controls.source.change(
        describe,
        controls.source,
        controls.holds,
        **QUEUED,
    )
    controls.decode.click(
        parts.telling_failure(decode, results.panel),
        choices,
        results.outputs,
        show_progress_on=[results.panel],
        **event,
    )
    # What is on show follows the choices.
    gr.on(
        [controls.percent.change, controls.scale.change, controls.original.change],
        parts.telling_failure(follow, results.panel),
        [results.path, *choices],
        results.outputs,
        show_progress="hidden",
        trigger_mode="always_last",
        **event,
    )


def _controls(settings: Settings) -> _Controls:
    return _Controls(
        source=gr.File(
            label="Compressed file", file_types=[".cmb"], height=140, elem_id="decode-source"
        ),
        holds=gr.HTML(elem_id="decode-holds"),
        percent=parts.prefix_slider("decode-percent"),
        scale=gr.Radio(
            [(f"{value:g}×", value) for value in _SCALES],
            value=1.0,
            label="Scale",
            info="Of the pixels along each side, or of the samples a second.",
            elem_id="decode-scale",
        ),
        original=gr.File(
            label="Original to compare with, if you have it", height=140, elem_id="decode-original"
        ),
        decode=gr.Button("Decode", variant="primary", elem_id="decode-run"),
    )


def _results() -> _Results:
    return _Results(
        panel=gr.HTML(status.panel("idle", "Choose a .cmb file"), elem_id="decode-status"),
        comparisons={
            "image": ImageComparison("decode-image", visible=False),
            "audio": AudioComparison("decode-audio", visible=False),
        },
        download=gr.DownloadButton("Download", interactive=False, elem_id="decode-download"),
        path=gr.State(None),
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
    path: str | None, percent: float, scale: float, original: str | None, settings: Settings
) -> _Compressed:
    """Read what the visitor chose.

    Raises:
        CombinerError: a file cannot be used, or the original is of another size.
    """
    data = inputs.read_compressed(path, settings)
    assert path is not None
    file = _Compressed(Path(path).name, data, cc.inspect(data), percent, scale, None)
    if original is None:
        return file
    signal = inputs.load(original, file.kind, settings)
    if _size_of(signal) != _size_held(file.info):
        raise cc.SignalError(
            f"{Path(original).name} ({size_text(signal)}) is not of the size of what "
            f"{file.name} holds."
        )
    return _Compressed(file.name, data, file.info, percent, scale, signal)


def _shown(file: _Compressed, queue: JobQueue, folder: str, results: _Results) -> Updates:
    """Decode, and show the outcome beside what it can be compared with."""
    started = time.monotonic()
    signal = queue.decode(file.data, _share(file.info, file.percent), file.scale)
    seconds = time.monotonic() - started
    name = "Decoded" if file.percent == 100 else parts.prefix_name(file.percent)
    stem = f"{Path(file.name).stem}-decoded"
    decoded = _variant(name, signal, file, file.percent, folder, stem)
    variants = [decoded]
    if file.percent < 100:
        whole = queue.decode(file.data, _share(file.info, 100), file.scale)
        variants.insert(0, _variant(_WHOLE, whole, file, 100, folder, "whole"))
    if file.original is not None:
        variants.insert(0, variant(ORIGINAL, file.original, folder))
    facts = {"Signal": size_text(signal), "Bytes used": f"{decoded.bytes_count:,}"}
    if decoded.psnr_db is not None:
        facts["PSNR"] = f"{decoded.psnr_db:.2f} dB"
    facts["Time"] = f"{seconds:.2f} s"
    updates: Updates = {
        results.panel: status.panel("done", "Done", facts=facts),
        results.download: gr.DownloadButton(
            f"Download {Path(decoded.path).name}", value=decoded.path, interactive=True
        ),
    }
    for kind, comparison in results.comparisons.items():
        if kind == file.kind:
            updates |= comparison.update(variants, variants[0].name, decoded.name)
        else:
            updates |= comparison.clear(visible=False)
    return updates


def _variant(
    name: str, signal: cc.Signal, file: _Compressed, percent: float, folder: str, stem: str
) -> Variant:
    info, original = file.info, file.original
    header_bytes = info.file_bytes - info.present_bytes
    psnr_db = None
    if original is not None and original.values.shape == signal.values.shape:
        psnr_db = cc.psnr_db(original, signal)
    return variant(
        name,
        signal,
        folder,
        bytes_count=header_bytes + round(_share(info, percent) * info.payload_bytes),
        psnr_db=psnr_db,
        stem=stem,
    )


def _share(info: cc.FileInfo, percent: float) -> float:
    """Share of the payload to decode: no more than is there."""
    return max(_MIN_SHARE, min(percent / 100, info.present_bytes / info.payload_bytes))


def _size_of(signal: cc.Signal) -> tuple[int, int]:
    if signal.kind == "image":
        return signal.width, signal.height
    return signal.channels, signal.samples


def _size_held(info: cc.FileInfo) -> tuple[int, int]:
    shape = info.shape
    if isinstance(shape, ImageShape):
        return shape.width, shape.height
    return shape.channels, shape.samples
