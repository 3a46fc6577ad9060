"""What visitors hand in: opened by workers, not by Gradio, and bounded."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import gradio as gr

import combiner_core as cc
from combiner_core.bitstream import MAGIC
from combiner_core.signals import ImageShape, Kind, Shape
from demo.security.uploads import uploaded
from demo.settings import Settings
from demo.work.source import nothing_chosen

ComponentT = TypeVar("ComponentT", gr.Image, gr.File)


def image_input(elem_id: str) -> gr.Image:
    """An image input whose value is the path of the file as it was uploaded."""
    image = gr.Image(
        label="Images, or a video",
        sources=["upload", "clipboard", "webcam"],
        format="png",
        height=200,
        buttons=[],
        alt_text="The image to compress",
        elem_id=elem_id,
    )
    # Gradio would decode the picture here: with loss for some formats, and with errors that name
    # paths of the server for damaged ones. Not a subclass: Gradio writes a stub file beside one.
    # Events must set its value only: an update of other properties would make a new component.
    return as_uploaded(image)


def file_input(label: str, elem_id: str) -> gr.File:
    """An input of a file of any type, whose value is the path of it as it was uploaded."""
    return as_uploaded(gr.File(label=label, height=140, elem_id=elem_id))


def as_uploaded(component: ComponentT) -> ComponentT:
    """The component, whose value is the path of the file as it was uploaded."""
    # Of files Gradio would make an empty one each time that an event asks for the value.
    component.preprocess = lambda payload: payload.path if payload else None
    return component


def any_number(slider: gr.Slider, *, in_steps: bool = False) -> gr.Slider:
    """A slider that takes any number as the nearest within its range, and none as its first value.

    Args:
        slider: to have it so. Events may set its value only: any other update, and none where it
            is one of several outputs, would make a new component.
        in_steps: whether only its steps will do.
    """
    least, most, first, take = slider.minimum, slider.maximum, slider.value, slider.preprocess

    def nearest(payload: float | None) -> float:
        value = min(most, max(least, first if payload is None else payload))
        if in_steps:
            value = least + slider.step * round((value - least) / slider.step)
        taken: float = take(value)
        return taken

    # Gradio would raise an error of its own for what is typed into the box beside it.
    slider.preprocess = nearest
    return slider


def clip_input(elem_id: str) -> gr.Audio:
    """A sound input whose value is the path of the file as it was uploaded."""
    return gr.Audio(
        label="Clips, or a video",
        type="filepath",
        sources=["upload", "microphone"],
        editable=False,
        buttons=[],
        elem_id=elem_id,
    )


def limits_text(kind: Kind, settings: Settings) -> str:
    """What is accepted, in words."""
    largest = f"{settings.max_megapixels:g} megapixels"
    if kind == "audio":
        most = f"{cc.Limits.samples / 1e6:g} million samples over all channels"
        largest = f"{settings.max_seconds:g} seconds, {most}"
    return f"Up to {largest} and {settings.max_upload_mb:g} MB."


def chosen(path: str | None, kind: Kind | None, settings: Settings) -> Path:
    """The image or clip that a visitor uploaded, which was not looked into yet.

    Raises:
        SignalError: there is none.
        CombinerError: it was not uploaded here, or has too many bytes.
    """
    if path is None:
        raise nothing_chosen(kind)
    return uploaded(path, settings)


def nothing_compressed() -> cc.CombinerError:
    """The error if there is no file to decode."""
    return cc.CombinerError("Choose a .cmb file first.")


def read_compressed(path: str | None, settings: Settings) -> bytes:
    """Bytes of an uploaded `.cmb` file whose signal is not too large to decode here.

    Raises:
        CombinerError: there is none, it was not uploaded here, it cannot be read, is not such a
            file, or is too large.
    """
    if path is None:
        raise nothing_compressed()
    name = Path(path).name
    try:
        data = uploaded(path, settings).read_bytes()
    except OSError as error:
        raise cc.CombinerError(f"{name} cannot be read.") from error
    if not data.startswith(MAGIC):
        raise cc.BitstreamError(
            f"{name} is not a .cmb file; pictures and clips are compressed on the tabs Image and "
            "Audio."
        )
    try:
        shape = cc.inspect(data).shape
    except cc.CombinerError as error:
        reason = str(error)
        raise cc.BitstreamError(
            f"{name} cannot be decoded: {reason[0].lower()}{reason[1:]}"
        ) from error
    _check_shape(shape, name, settings)
    return data


def _check_shape(shape: Shape, name: str, settings: Settings) -> None:
    if isinstance(shape, ImageShape):
        too_large = shape.width * shape.height > settings.max_pixels
        limit = f"{settings.max_megapixels:g} megapixels"
    else:
        too_large = shape.samples > settings.max_seconds * shape.sample_rate
        limit = f"{settings.max_seconds:g} s"
    if too_large:
        raise cc.BitstreamError(f"{name} is larger than {limit}, the most that is accepted here.")
