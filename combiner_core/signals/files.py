"""Signals of either kind from and to files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from combiner_core.errors import SignalError
from combiner_core.signals.audio import AUDIO_FORMATS, MAX_SAMPLES, encode_pcm16, read_audio
from combiner_core.signals.images import (
    IMAGE_FORMATS,
    MAX_PIXELS,
    encode_png,
    finished,
    read_image,
)
from combiner_core.signals.reading import Reading
from combiner_core.signals.shape import Kind
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import is_stream, read_content, write_atomically
from combiner_core.signals.video import read_frame

# What a file is, if it is not damaged.
_OTHERWISE: Mapping[Kind | None, str] = MappingProxyType(
    {
        "image": f"not an image ({IMAGE_FORMATS})",
        "audio": f"not audio ({AUDIO_FORMATS})",
        None: f"neither an image ({IMAGE_FORMATS}) nor audio ({AUDIO_FORMATS})",
    }
)
_ENCODERS: Mapping[Kind, Mapping[str, Callable[[Signal], bytes]]] = MappingProxyType(
    {
        "image": MappingProxyType({".png": encode_png}),
        "audio": MappingProxyType(
            {
                ".wav": partial(encode_pcm16, container="WAV"),
                ".flac": partial(encode_pcm16, container="FLAC"),
            }
        ),
    }
)


def load(
    path: str | PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Signal:
    """Read an image or a clip; the content decides which, not the suffix.

    Args:
        path: the file.
        max_pixels: most pixels of an image accepted, see `load_image`.
        max_samples: most samples of a clip accepted over all channels, see `load_audio`.

    Raises:
        SignalError: the file is neither, or one that `load_image` or `load_audio` refuses.
    """
    return decode(
        read_content(path), Path(path).name, max_pixels=max_pixels, max_samples=max_samples
    )


def read(
    path: str | PathLike[str],
    *,
    prefer: Kind = "audio",
    frame_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Reading:
    """`load`, with what was left out.

    Args:
        path: the file.
        prefer: what to take of a video: its sound, if it has any, or a frame.
        frame_s: when to take a frame of a video or an animation, in seconds from the start, instead
            of the sound or the first frame.
        max_pixels, max_samples: as for `load`.

    Raises:
        SignalError: as `load`, or there is no frame at this time.
    """
    return read_bytes(
        read_content(path),
        Path(path).name,
        prefer=prefer,
        frame_s=frame_s,
        max_pixels=max_pixels,
        max_samples=max_samples,
    )


def decode(
    content: bytes,
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Signal:
    """`load` for bytes: `name` stands for them in errors.

    Raises:
        SignalError: as `load`.
    """
    return read_bytes(content, name, max_pixels=max_pixels, max_samples=max_samples).signal


def read_bytes(
    content: bytes,
    name: str,
    *,
    prefer: Kind = "audio",
    wanted: Kind | None = None,
    frame_s: float | None = None,
    max_pixels: int = MAX_PIXELS,
    max_samples: int = MAX_SAMPLES,
) -> Reading:
    """`read` for bytes: `name` stands for them in errors, and `wanted` is the kind these speak of.

    Raises:
        SignalError: as `read`.
    """
    if frame_s is not None and not (math.isfinite(frame_s) and frame_s >= 0):
        raise SignalError(f"There is no frame at {frame_s:g} s: say a time from 0 on.")
    found = read_image(content, name, max_pixels=max_pixels, frame_s=frame_s)
    if found is None and (frame_s is not None or prefer == "image"):
        found = _frame(content, name, max_pixels, frame_s or 0.0)
        if found is None and frame_s is not None:
            raise SignalError(f"{name} has no frames: it is neither a video nor an animation.")
    if found is None:
        found = read_audio(content, name, max_samples=max_samples)
    if found is None:
        found = _frame(content, name, max_pixels, 0.0)
    if found is None:
        raise SignalError(f"{name} cannot be read: it is damaged, or {_OTHERWISE[wanted]}.")
    return found


def save(signal: Signal, path: str | PathLike[str]) -> None:
    """Write an image as .png, or a clip as 16-bit .wav or .flac; the suffix decides.

    The file appears only when it is complete. A pipe or device without a suffix gets .png or .wav.
    A deep image becomes a PNG file of 16 bits.

    Raises:
        SignalError: the suffix does not suit the signal, or the file cannot be written.
    """
    path = Path(path)
    usual = next(iter(_ENCODERS[signal.kind]))
    is_nameless = not path.suffix and is_stream(path)
    write_atomically(path, encoded(signal, path.name + usual if is_nameless else path.name))


def encoded(signal: Signal, name: str) -> bytes:
    """What `save` writes to a file of this name.

    Raises:
        SignalError: the suffix does not suit the signal.
    """
    encoders = _ENCODERS[signal.kind]
    encode = encoders.get(Path(name).suffix.lower())
    if encode is None:
        what = "An image" if signal.kind == "image" else "Audio"
        raise SignalError(f"{what} is saved as {' or '.join(encoders)}, not as {name}.")
    return encode(signal)


def _frame(content: bytes, name: str, max_pixels: int, frame_s: float) -> Reading | None:
    picture = read_frame(content, name, max_pixels, frame_s)
    return None if picture is None else finished(picture)
