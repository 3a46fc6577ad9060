"""What users hand in: loaded by the engine, not by Gradio, and bounded."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

import combiner_core as cc
from combiner_core.bitstream import ImageShape, Shape
from combiner_core.signals import Kind

_MAX_PIXELS = 3840 * 2160
_MAX_CLIP_S = 30
_MAX_SAMPLES = _MAX_CLIP_S * 192_000 * 2
_KIND_NAMES = {"image": "an image", "audio": "a clip"}


def image_input(elem_id: str) -> gr.Image:
    """An image input whose value is the path of the file as it was uploaded."""
    image = gr.Image(
        label="Image",
        alt_text="The image to compress",
        sources=["upload", "clipboard"],
        format="png",
        height=240,
        buttons=[],
        elem_id=elem_id,
    )
    # Gradio would decode the picture here: with loss for some formats, and with errors that name
    # paths of the server for damaged ones. Not a subclass: Gradio writes a stub file beside one.
    image.preprocess = lambda payload: payload.path if payload else None
    return image


def clip_input(elem_id: str) -> gr.Audio:
    """A sound input whose value is the path of the file as it was uploaded."""
    return gr.Audio(
        label="Clip",
        type="filepath",
        sources=["upload"],
        editable=False,
        buttons=[],
        elem_id=elem_id,
    )


def load(path: str | None, kind: Kind) -> cc.Signal:
    """Load an uploaded image or clip.

    Raises:
        SignalError: there is none, it cannot be read, is of the other kind, or too large.
    """
    if path is None:
        raise cc.SignalError(f"Choose {_KIND_NAMES[kind]} first.")
    signal = cc.load(path, max_pixels=_MAX_PIXELS, max_samples=_MAX_SAMPLES)
    name = Path(path).name
    if signal.kind != kind:
        raise cc.SignalError(f"{name} is {_KIND_NAMES[signal.kind]}, not {_KIND_NAMES[kind]}.")
    if kind == "audio" and signal.duration_s > _MAX_CLIP_S:
        raise cc.SignalError(
            f"{name} lasts {signal.duration_s:.1f} s: at most {_MAX_CLIP_S} s are accepted here."
        )
    return signal


def read_compressed(path: str | None) -> bytes:
    """Bytes of an uploaded `.cmb` file whose signal is not too large to decode here.

    Raises:
        CombinerError: there is none, it cannot be read, is not such a file, or is too large.
    """
    if path is None:
        raise cc.CombinerError("Choose a .cmb file first.")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise cc.CombinerError(f"{Path(path).name} cannot be read.") from error
    _check_shape(cc.inspect(data).shape, Path(path).name)
    return data


def _check_shape(shape: Shape, name: str) -> None:
    if isinstance(shape, ImageShape):
        too_large = shape.width * shape.height > _MAX_PIXELS
        limit = f"{_MAX_PIXELS:,} pixels"
    else:
        too_large = shape.samples > _MAX_CLIP_S * shape.sample_rate
        limit = f"{_MAX_CLIP_S} s"
    if too_large:
        raise cc.BitstreamError(f"{name} is larger than {limit}, the most that is accepted here.")
