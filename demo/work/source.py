"""What visitors hand in: read by workers alone, and bounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import combiner_core as cc
from combiner_core.bitstream import MAGIC
from combiner_core.codecs import pillow_bytes
from combiner_core.signals import Kind, Reading, Shape
from combiner_core.signals.files import read_bytes
from combiner_core.signals.storage import read_content
from demo.settings import InputLimits
from demo.workers import Engine

# PNG, JPEG, GIF.
_SHOWN_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")
# Photographs came out exact at 1.01 to 1.12 times the bytes of their PNG files.
_EXACT_TIMES, _QUICK_PNG = 1.15, 1
# Of what is drawn, whose PNG files are small, more than that may be of use: as a JPEG foretells it.
_FINE_JPEG, _FINE_TIMES = 88, 1.25
# Larger pictures are judged by their middle.
_JUDGED_PX = 2_000_000
_SMALL_PX, _SMALL_QUALITY = (640, 480), 80
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
        if self.content.startswith(MAGIC):
            raise cc.SignalError(f"{self.name} is compressed already: open it on the tab Decode.")
        reading = read_bytes(
            self.content,
            self.name,
            prefer=self.kind or "audio",
            wanted=self.kind,
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
        picture: a small one as WebP, of files and moments that browsers do not show; else empty.
        most_bytes: about where more bytes bring a picture nothing; ``None`` for a clip.
    """

    shape: Shape
    has_frames: bool
    picture: bytes = b""
    most_bytes: int | None = None


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
        signal = reading.signal
        is_shown = self.source.frame_s is None and _is_shown_by_browsers(self.source.content)
        unseen = signal.kind == "image" and not is_shown
        picture = _small(signal) if unseen else b""
        most_bytes = most_bytes_of(signal) if signal.kind == "image" else None
        yield Measured(signal.shape, reading.has_frames, picture, most_bytes)


def most_bytes_of(signal: cc.Signal) -> int:
    """About the size of the file at which multires is exact, or good enough."""
    picture = signal.to_pil()
    share = min(1.0, math.sqrt(_JUDGED_PX / (picture.width * picture.height)))
    width, height = (max(1, round(share * side)) for side in picture.size)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    part = picture.crop((left, top, left + width, top + height))
    png = pillow_bytes(part, "PNG", compress_level=_QUICK_PNG)
    jpeg = pillow_bytes(part, "JPEG", quality=_FINE_JPEG, subsampling=0, optimize=True)
    most = max(_EXACT_TIMES * len(png), _FINE_TIMES * len(jpeg))
    return round(most * picture.width * picture.height / (width * height))


def _is_shown_by_browsers(content: bytes) -> bool:
    """Whether a picture is of a kind that all browsers show, by its first bytes."""
    return content.startswith(_SHOWN_STARTS) or (
        content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    )


def _small(signal: cc.Signal) -> bytes:
    picture = signal.to_pil()
    picture.thumbnail(_SMALL_PX)
    return pillow_bytes(picture, "WEBP", quality=_SMALL_QUALITY)
