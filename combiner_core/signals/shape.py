"""Dimensions of a signal, without its values: what a file stores and a decoder is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Kind = Literal["image", "audio"]


@dataclass(frozen=True)
class ImageShape:
    """Pixels of an image."""

    kind: ClassVar[Kind] = "image"
    width: int
    height: int

    @property
    def values_count(self) -> int:
        """Values of all colours."""
        return 3 * self.width * self.height


@dataclass(frozen=True)
class AudioShape:
    """Samples of a clip at its own rate in Hz."""

    kind: ClassVar[Kind] = "audio"
    samples: int
    channels: int
    sample_rate: int

    @property
    def values_count(self) -> int:
        """Samples of all channels."""
        return self.samples * self.channels


Shape = ImageShape | AudioShape


def scaled_size(size: int, scale: float) -> int:
    """A length on a finer or coarser grid, at least 1."""
    return max(1, round(size * scale))
