"""Pictures, sounds and files of them, made on the fly for the tests of signals."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray
from PIL import Image

from combiner_core.errors import SignalError


def picture(height: int = 24, width: int = 40) -> NDArray[np.uint8]:
    """Smooth, coloured, and without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (255 * x / (width - 1), 255 * y / (height - 1), 128 + 100 * np.sin(x / 9 + y / 5))
    return np.rint(np.stack(planes, axis=-1)).astype(np.uint8)


def strokes(samples: int, sample_rate: int, channels: int = 1) -> NDArray[np.float32]:
    """Noise that sets in every quarter of a second, from 0.05 s on, and dies away."""
    times = np.arange(samples) / sample_rate % 0.25 - 0.05
    envelope = np.where(times > 0, np.exp(-200 * times.clip(0)), 0)
    noise = np.random.default_rng(0).normal(0, 0.3, (channels, samples))
    return (envelope * noise).astype(np.float32)


def tone(samples: int = 8000, sample_rate: int = 16000, channels: int = 1) -> NDArray[np.float32]:
    """Shape (channels, samples): a fading tone, another pitch in each channel."""
    t_s = np.arange(samples) / sample_rate
    pitches_hz = 220.0 * np.arange(1, channels + 1)[:, None]
    envelope = 0.5 * np.exp(-t_s) * np.hanning(samples)
    return (envelope * np.sin(2 * np.pi * pitches_hz * t_s)).astype(np.float32)


def image_bytes(
    pixels: NDArray[np.generic] | Image.Image, file_format: str, **options: object
) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, format=file_format, **options)
    return stream.getvalue()


def audio_bytes(values: NDArray[np.generic], rate: int, container: str, subtype: str) -> bytes:
    stream = io.BytesIO()
    sf.write(stream, values.T, rate, format=container, subtype=subtype)
    return stream.getvalue()


def refusal(action: Callable[[], object], name: str) -> str:
    """The message of a refusal: one sentence that names the file and no folder of pytest's."""
    with pytest.raises(SignalError) as caught:
        action()
    message = str(caught.value)
    assert name in message
    assert "test_" not in message
    assert "BytesIO" not in message
    assert "/" not in message.replace(name, "")
    assert "\n" not in message
    assert message.endswith(".")
    return message
