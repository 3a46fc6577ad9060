"""What visitors hand in: read by workers alone, and bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import combiner_core as cc
from combiner_core.signals import Kind, Reading, Shape
from combiner_core.signals.files import read_bytes
from combiner_core.signals.storage import read_content
from demo.settings import InputLimits
from demo.workers import Engine

_KIND_NAMES: Mapping[Kind, str] = MappingProxyType({"image": "an image", "audio": "a clip"})


@dataclass(frozen=True, eq=False)
class Source:
    """A file with an image or a clip, or a video to take one of.

    Attributes:
        name: of the file, for sentences.
        content: its bytes.
        kind: that it must have, or is taken of a video; ``None`` for either.
        limits: of the signal.
        frame_s: when to take a frame of a video or an animation, in seconds; ``None`` for its sound
            or its first frame.
    """

    name: str
    content: bytes
    kind: Kind | None
    limits: InputLimits
    frame_s: float | None = None

    @classmethod
    def read(
        cls, path: Path, kind: Kind | None, limits: InputLimits, frame_s: float | None = None
    ) -> Source:
        """A file of this machine.

        Raises:
            SignalError: it is gone, empty, or cannot be read.
        """
        return cls(path.name, read_content(path), kind, limits, frame_s)

    def load(self) -> cc.Signal:
        """The signal.

        Raises:
            SignalError: it cannot be read, is of the other kind, or too large.
        """
        return self.open().signal

    def open(self) -> Reading:
        """The signal, and what of the file is not in it.

        Raises:
            SignalError: as `load`.
        """
        limits = self.limits
        reading = read_bytes(
            self.content,
            self.name,
            prefer=self.kind or "audio",
            frame_s=self.frame_s,
            max_pixels=limits.max_pixels,
        )
        signal = reading.signal
        if self.kind is not None and signal.kind != self.kind:
            is_not = f"{_KIND_NAMES[signal.kind]}, not {_KIND_NAMES[self.kind]}"
            raise cc.SignalError(f"{self.name} is {is_not}.")
        if signal.kind == "audio" and signal.duration_s > limits.max_seconds:
            raise cc.SignalError(
                f"{self.name} lasts {signal.duration_s:.1f} s: at most {limits.max_seconds:g} s "
                "are accepted here."
            )
        return reading


def nothing_chosen(kind: Kind | None) -> cc.SignalError:
    """The error if there is no file."""
    return cc.SignalError(f"Choose {_KIND_NAMES[kind] if kind else 'an image or a clip'} first.")


@dataclass(frozen=True)
class Measured:
    """How large a signal is.

    Attributes:
        shape: of the signal.
        has_frames: whether another frame of the file could be chosen.
    """

    shape: Shape
    has_frames: bool


@dataclass(frozen=True, eq=False)
class Measure:
    """Work: how large the signal of a file is.

    Attributes:
        source: the file.
    """

    source: Source

    def run(self, engine: Engine) -> Iterator[Measured]:
        """See `demo.workers.Work`."""
        reading = self.source.open()
        yield Measured(reading.signal.shape, reading.has_frames)
