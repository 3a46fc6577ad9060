"""Images and clips as the page speaks of them: kinds of files, sizes in words, units of rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType

from combiner_core import Signal
from combiner_core.budget import Unit
from combiner_core.signals import ImageShape, Kind, Shape
from combiner_core.signals.audio import encode_pcm16
from combiner_core.signals.images import encode_png

# Larger pictures are shown smaller at first, as a whole they take tens of megabytes.
_LARGE_PIXELS = 2_500_000
_SCREEN_PX, _SCREEN_QUALITY = (1800, 1800), 90

# What an original is called beside what was made of it.
ORIGINAL = "Original"

# Suffixes of files that hold a signal without loss.
SUFFIXES: Mapping[Kind, str] = MappingProxyType({"image": ".png", "audio": ".wav"})
RATE_UNITS: Mapping[Kind, Unit] = MappingProxyType({"image": "bpp", "audio": "kbps"})

# Bits of a pixel, or of a unit of `Extent.size`, at a rate of 1.
_BITS: Mapping[Kind, int] = MappingProxyType({"image": 1, "audio": 1000})
_RAW_BYTES_PER_PIXEL, _RAW_BYTES_PER_SAMPLE = 3, 2


@dataclass(frozen=True)
class Extent:
    """How large a signal is, as far as budgets go.

    Attributes:
        kind: of the signal.
        text: its dimensions in words.
        size: pixels, or seconds.
        raw_bytes: of the pixels, or of 16-bit samples, without compression.
        sides: width and height of an image.
        channels: of a clip.
    """

    kind: Kind
    text: str
    size: float
    raw_bytes: int
    sides: tuple[int, int] | None = None
    channels: int = 1

    @classmethod
    def of(cls, shape: Shape) -> Extent:
        """Of a signal."""
        text = size_text(shape)
        if isinstance(shape, ImageShape):
            pixels = shape.width * shape.height
            raw_bytes = pixels * _RAW_BYTES_PER_PIXEL
            return cls("image", text, pixels, raw_bytes, (shape.width, shape.height))
        raw_bytes = shape.values_count * _RAW_BYTES_PER_SAMPLE
        duration_s = shape.samples / shape.sample_rate
        return cls("audio", text, duration_s, raw_bytes, channels=shape.channels)

    def bytes_at(self, rate: float) -> int:
        """Whole bytes of a file at a rate in bpp or kbps."""
        return int(rate * _BITS[self.kind] * self.size / 8)

    def rate(self, file_bytes: int) -> float:
        """Rate of a file in bpp or kbps."""
        return 8 * file_bytes / self.size / _BITS[self.kind]

    def rate_text(self, file_bytes: int) -> str:
        """The same in words."""
        digits = 3 if self.kind == "image" else 2
        return f"{self.rate(file_bytes):.{digits}f} {RATE_UNITS[self.kind]}"


def size_text(shape: Shape) -> str:
    """Dimensions of a signal in words."""
    if isinstance(shape, ImageShape):
        return f"{shape.width} × {shape.height} pixels"
    channels = {1: "mono", 2: "stereo"}.get(shape.channels, f"{shape.channels} channels")
    return f"{shape.samples / shape.sample_rate:.2f} s, {channels}, {shape.sample_rate:,} Hz"


def psnr_text(psnr_db: float) -> str:
    """For a person; without any error it is infinite."""
    return f"{psnr_db:.2f} dB" if math.isfinite(psnr_db) else "∞ dB"


def bytes_text(count: int) -> str:
    """A number of bytes as people say it, as in "9.8 kB"."""
    if count < 1000:
        return f"{count} bytes"
    unit, name = (1_000_000, "MB") if count >= 999_500 else (1000, "kB")
    amount = count / unit
    return f"{amount:.1f} {name}" if amount < 9.95 else f"{amount:.0f} {name}"


def for_screen(signal: Signal) -> bytes:
    """A large picture as a WebP that fits a screen; nothing for others."""
    if signal.kind != "image" or signal.pixels <= _LARGE_PIXELS:
        return b""
    picture, stream = signal.to_pil(), BytesIO()
    picture.thumbnail(_SCREEN_PX)
    picture.save(stream, "WEBP", quality=_SCREEN_QUALITY)
    return stream.getvalue()


def lossless(signal: Signal) -> bytes:
    """A signal as a file of the kind of `SUFFIXES`."""
    return encode_png(signal) if signal.kind == "image" else encode_pcm16(signal, container="WAV")
