"""Signals from what people have: files, bytes, PIL images, arrays and tensors.

What could mean two things is refused with a sentence that names the way out.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combiner_core._numbers import is_whole
from combiner_core.errors import SignalError
from combiner_core.signals.audio import MAX_SAMPLES
from combiner_core.signals.files import read, read_bytes
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.images import MAX_PIXELS, MIN_SIDE, finished, from_pil
from combiner_core.signals.reading import Reading
from combiner_core.signals.signal import Signal

_COLOUR_CHANNELS = (1, 3, 4)
_PIXEL_TYPES = "uint8 from 0 to 255, uint16 from 0 to 65535, or floating-point from 0 to 1"
_OPEN_FOR_TEXT = "{} is open for text: open it with mode 'rb'."
_SAMPLE_SCALES = {np.dtype(np.int16): 2.0**-15, np.dtype(np.int32): 2.0**-31}


def to_signal(
    source: Any,
    sample_rate: int | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Signal:
    """A signal from anything that holds one; see `to_reading`, which has the same arguments.

    Raises:
        SignalError: as `to_reading`.
    """
    return to_reading(source, sample_rate, max_pixels=max_pixels, max_samples=max_samples).signal


def to_reading(
    source: Any,
    sample_rate: int | None = None,
    *,
    frame_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Reading:
    """A signal from anything that holds one, and what was left out.

    Args:
        source: a path, the bytes of a file or a file open for reading in binary, of an image, a
            clip or a video; a PIL image; an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of
            pixels, uint8, uint16 or floating-point in [0, 1]; a torch tensor like these, or with
            channels first; or samples (n,) or (n, channels), floating-point in [-1, 1], int16 or
            int32.
        sample_rate: in Hz: an array holds samples, not pixels.
        frame_s: of a file: when to take a frame of a video or an animation, see `files.read`.
        max_pixels, max_samples: limits of what is read from files, see `load`.

    Raises:
        SignalError: it is none of these, could be several, or cannot be read.
    """
    content = None
    if isinstance(source, str | os.PathLike):
        _refuse_rate(sample_rate, "A file states its own sample rate")
        return read(source, frame_s=frame_s, max_pixels=max_pixels, max_samples=max_samples)
    if not isinstance(source, Signal | Image.Image):
        content = content_of(source)
    if content is not None:
        _refuse_rate(sample_rate, "A file states its own sample rate")
        return read_bytes(
            content,
            _name_of(source),
            frame_s=frame_s,
            max_pixels=max_pixels,
            max_samples=max_samples,
        )
    if frame_s is not None:
        raise SignalError("Only videos and animations have frames: frame_s is for their files.")
    if isinstance(source, Signal):
        _refuse_rate(sample_rate, "A signal has its own sample rate")
        return Reading(source)
    if isinstance(source, Image.Image):
        _refuse_rate(sample_rate, "A picture has no sample rate")
        return from_pil(source, "the picture")
    values, is_tensor = _array_of(source)
    if sample_rate is not None:
        return Reading(_from_samples(values, sample_rate))
    return _from_pixels(values, is_tensor)


def content_of(source: Any) -> bytes | None:
    """The bytes of a bytes-like object or of an open file, None of anything else.

    Raises:
        SignalError: the file cannot be read, or is open for text.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    read = getattr(source, "read", None)
    if read is None:
        return None
    if isinstance(source, io.TextIOBase):  # whose read would stop at the first byte that is no text
        raise SignalError(_OPEN_FOR_TEXT.format(_name_of(source)))
    try:
        content = read()
    except (OSError, ValueError) as error:
        raise SignalError(f"{_name_of(source)} cannot be read.") from error
    if not isinstance(content, bytes | bytearray | memoryview):
        raise SignalError(_OPEN_FOR_TEXT.format(_name_of(source)))
    return bytes(content)


def _name_of(source: Any) -> str:
    name = getattr(source, "name", None)
    return os.path.basename(name) if isinstance(name, str) and name else "The data"


def _refuse_rate(sample_rate: int | None, why: str) -> None:
    if sample_rate is not None:
        raise SignalError(f"{why}: sample_rate is for arrays of samples.")


def _array_of(source: Any) -> tuple[NDArray[Any], bool]:
    """The values of an array or tensor, and whether it is a tensor."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(source, torch.Tensor):
        try:
            tensor = source.detach().cpu()
            return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), True
        except (RuntimeError, TypeError) as error:
            raise SignalError(f"A tensor of {source.dtype} cannot become an array.") from error
    if not isinstance(source, type) and hasattr(source, "__array__"):
        values = np.asarray(source)
        return values.astype(values.dtype.newbyteorder("="), copy=False), False
    raise SignalError(
        f"A {type(source).__name__} is no signal: give a path, bytes, an open file, a picture, an "
        "array or a tensor."
    )


def _from_samples(values: NDArray[Any], sample_rate: int) -> Signal:
    if not is_whole(sample_rate) or sample_rate < 1:
        raise SignalError(f"A sample rate is a positive whole number of Hz, not {sample_rate!r}.")
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise SignalError(f"Samples have shape (n,) or (n, channels), not {values.shape}.")
    if values.ndim == 2 and values.shape[0] < values.shape[1]:
        raise SignalError(
            f"Samples of shape {values.shape} would be {values.shape[1]} channels of "
            f"{values.shape[0]} samples: give them as (n, channels), transposed."
        )
    scale = _SAMPLE_SCALES.get(values.dtype)
    if scale is not None:
        values = values * scale
    elif not np.issubdtype(values.dtype, np.floating):
        raise SignalError(
            f"Samples are floating-point from -1 to 1, int16 or int32, not {values.dtype}."
        )
    if not np.isfinite(values).all():
        raise SignalError("The samples are not all finite numbers.")
    peak = float(np.abs(values).max())
    if peak > 1:
        raise SignalError(
            f"The samples reach {peak:g}: floating-point samples lie between -1 and 1; divide them "
            "by their peak, or clip them."
        )
    return Signal.audio(values.T, sample_rate)


def _from_pixels(values: NDArray[Any], is_tensor: bool) -> Reading:
    shape = values.shape
    if values.ndim == 1 or (values.ndim == 2 and min(shape) < MIN_SIDE):
        raise SignalError(
            f"An array of shape {shape} is no picture; of samples say the sample_rate."
        )
    if values.ndim == 3:
        values = _channels_last(values, is_tensor)
    elif values.ndim != 2:
        raise SignalError(
            f"A picture has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {shape}: "
            "give one picture at a time."
        )
    if min(values.shape[:2]) < MIN_SIDE:
        raise SignalError(
            f"An array of shape {shape} is no picture: it needs at least {MIN_SIDE} pixels on each "
            "side."
        )
    pixels = _whole(values if values.ndim == 3 else values[..., None])
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    colour: Any = np.ascontiguousarray(pixels[..., :3])
    if colour.dtype == np.uint8:
        colour = Image.fromarray(colour[..., 0] if colour.shape[2] == 1 else colour)
    return finished(Picture(colour, alpha))


def _channels_last(values: NDArray[Any], is_tensor: bool) -> NDArray[Any]:
    first, last = (values.shape[axis] in _COLOUR_CHANNELS for axis in (0, 2))
    if is_tensor and first and last:
        raise SignalError(
            f"A tensor of shape {tuple(values.shape)} could have its channels first or last: give "
            "an array with channels last."
        )
    if is_tensor and first:
        return np.moveaxis(values, 0, 2)
    if not last:
        hint = "; channels come last, as by numpy.moveaxis(x, 0, 2)" if first else ""
        raise SignalError(
            f"A picture has shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not "
            f"{tuple(values.shape)}{hint}."
        )
    return values


def _whole(values: NDArray[Any]) -> NDArray[Any]:
    """Pixels as uint8 or uint16."""
    if values.dtype in (np.uint8, np.uint16):
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise SignalError(f"Pixels are {_PIXEL_TYPES}, not {values.dtype}.")
    if not np.isfinite(values).all():
        raise SignalError("The pixels are not all finite numbers.")
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise SignalError(
            f"The pixels reach from {low:g} to {high:g}: floating-point pixels lie between 0 and "
            "1; divide them, or convert them to uint8."
        )
    return np.rint(values.astype(np.float64) * 65535.0).astype(np.uint16)
