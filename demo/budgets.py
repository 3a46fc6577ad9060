"""Budgets: what a number of bytes comes to for a signal, and how few and many make sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from combiner_core import Signal
from combiner_core.signals import Kind

# In bits a pixel the paper's five; in kilobits a second those at which speech codecs compete.
PICKS: Mapping[Kind, tuple[float, ...]] = MappingProxyType(
    {"image": (0.07, 0.11, 0.13, 0.22, 0.29), "audio": (4, 8, 16, 32)}
)
UNITS: Mapping[Kind, str] = MappingProxyType({"image": "bpp", "audio": "kbps"})
MIN_BYTES = 64

_DEFAULT_RATES: Mapping[Kind, float] = MappingProxyType({"image": 0.2, "audio": 8})
_LARGEST_RATES: Mapping[Kind, float] = MappingProxyType({"image": 4, "audio": 256})
# Bits of a pixel, or of a unit of `Extent.size`, at a rate of 1.
_BITS: Mapping[Kind, int] = MappingProxyType({"image": 1, "audio": 1000})
_RAW_BYTES_A_PIXEL, _RAW_BYTES_A_SAMPLE = 3, 2


@dataclass(frozen=True)
class Extent:
    """How large a signal is, as far as budgets go.

    Attributes:
        kind: of the signal.
        text: its dimensions in words.
        size: pixels, or seconds.
        raw_bytes: of the pixels, or of 16-bit samples, without compression.
    """

    kind: Kind
    text: str
    size: float
    raw_bytes: int

    @classmethod
    def of(cls, signal: Signal) -> Extent:
        """Of a signal."""
        text = size_text(signal)
        if signal.kind == "image":
            return cls("image", text, signal.pixels, signal.pixels * _RAW_BYTES_A_PIXEL)
        raw_bytes = signal.values.size * _RAW_BYTES_A_SAMPLE
        return cls("audio", text, signal.duration_s, raw_bytes)

    def bytes_at(self, rate: float) -> int:
        """Whole bytes of a file at a rate in bpp or kbps, at least `MIN_BYTES`."""
        return max(MIN_BYTES, int(rate * _BITS[self.kind] * self.size / 8))

    def rate(self, file_bytes: int) -> float:
        """Rate of a file in bpp or kbps."""
        return 8 * file_bytes / self.size / _BITS[self.kind]

    def rate_text(self, file_bytes: int) -> str:
        """The same in words."""
        digits = 3 if self.kind == "image" else 2
        return f"{self.rate(file_bytes):.{digits}f} {UNITS[self.kind]}"

    @property
    def default_bytes(self) -> int:
        """A budget that suits most signals of this kind."""
        return self.bytes_at(_DEFAULT_RATES[self.kind])

    @property
    def largest_bytes(self) -> int:
        """More is not worth asking for."""
        return max(2 * MIN_BYTES, self.bytes_at(_LARGEST_RATES[self.kind]))

    def describe(self, file_bytes: int) -> str:
        """What a budget comes to, in words."""
        ratio = self.raw_bytes / max(1, file_bytes)
        ratio_text = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
        return (
            f"{self.text}: at most {file_bytes:,} bytes, {self.rate_text(file_bytes)}, "
            f"{ratio_text} times smaller than uncompressed"
        )


def steps_of(file_bytes: float) -> float:
    """Position of a number of bytes on the slider, which counts doublings."""
    return round(math.log2(max(1.0, file_bytes)), 2)


def rate_text(file_bytes: int, signal: Signal) -> str:
    """Bits per pixel of an image, or kilobits per second of a clip."""
    return Extent.of(signal).rate_text(file_bytes)


def size_text(signal: Signal) -> str:
    """Dimensions of a signal in words."""
    if signal.kind == "image":
        return f"{signal.width} × {signal.height} pixels"
    channels = {1: "mono", 2: "stereo"}.get(signal.channels, f"{signal.channels} channels")
    return f"{signal.duration_s:.2f} s, {channels}, {signal.sample_rate:,} Hz"
