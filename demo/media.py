"""Images and clips as the page speaks of them: kinds of files, sizes in words, units of rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from combiner_core import Signal
from combiner_core.signals import Kind

# Suffixes of files that hold a signal without loss.
SUFFIXES: Mapping[Kind, str] = MappingProxyType({"image": ".png", "audio": ".wav"})
RATE_UNITS: Mapping[Kind, str] = MappingProxyType({"image": "bpp", "audio": "kbps"})

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
            return cls("image", text, signal.pixels, signal.pixels * _RAW_BYTES_PER_PIXEL)
        raw_bytes = signal.values.size * _RAW_BYTES_PER_SAMPLE
        return cls("audio", text, signal.duration_s, raw_bytes)

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


def size_text(signal: Signal) -> str:
    """Dimensions of a signal in words."""
    if signal.kind == "image":
        return f"{signal.width} × {signal.height} pixels"
    channels = {1: "mono", 2: "stereo"}.get(signal.channels, f"{signal.channels} channels")
    return f"{signal.duration_s:.2f} s, {channels}, {signal.sample_rate:,} Hz"
