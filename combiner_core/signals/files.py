"""Signals of either kind from and to files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from combiner_core.errors import SignalError
from combiner_core.signals.audio import AUDIO_FORMATS, MAX_SAMPLES, decode_audio, encode_pcm16
from combiner_core.signals.images import IMAGE_FORMATS, MAX_PIXELS, decode_image, encode_png
from combiner_core.signals.shape import Kind
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import is_stream, read_content, write_atomically

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
    signal = decode_image(content, name, max_pixels=max_pixels)
    if signal is None:
        signal = decode_audio(content, name, max_samples=max_samples)
    if signal is None:
        raise SignalError(
            f"{name} cannot be read: it is damaged, or neither an image ({IMAGE_FORMATS}) "
            f"nor audio ({AUDIO_FORMATS})."
        )
    return signal


def save(signal: Signal, path: str | PathLike[str]) -> None:
    """Write an image as .png, or a clip as 16-bit .wav or .flac; the suffix decides.

    The file appears only when it is complete. A pipe or device without a suffix gets .png or .wav.

    Raises:
        SignalError: the suffix does not suit the signal, or the file cannot be written.
    """
    path = Path(path)
    encoders = _ENCODERS[signal.kind]
    suffix = path.suffix.lower() or (next(iter(encoders)) if is_stream(path) else "")
    encode = encoders.get(suffix)
    if encode is None:
        what = "An image" if signal.kind == "image" else "Audio"
        raise SignalError(f"{what} is saved as {' or '.join(encoders)}, not as {path.name}.")
    write_atomically(path, encode(signal))
