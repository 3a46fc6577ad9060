"""What visitors hand in: read by workers alone, and bounded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import combiner_core as cc
from combiner_core.signals import Kind, Shape
from combiner_core.signals.files import decode
from combiner_core.signals.storage import read_content
from demo.settings import InputLimits
from demo.workers import Engine

_KIND_NAMES: Mapping[Kind, str] = MappingProxyType({"image": "an image", "audio": "a clip"})


@dataclass(frozen=True, eq=False)
class Source:
    """A file with an image or a clip.

    Attributes:
        name: of the file, for sentences.
        content: its bytes.
        kind: that it must have; ``None`` for either.
        limits: of the signal.
    """

    name: str
    content: bytes
    kind: Kind | None
    limits: InputLimits

    @classmethod
    def read(
        cls, path: Path, kind: Kind | None, limits: InputLimits, name: str | None = None
    ) -> Source:
        """A file of this machine.

        Raises:
            SignalError: it is gone, empty, or cannot be read.
        """
        return cls(name or path.name, read_content(path), kind, limits)

    def load(self) -> cc.Signal:
        """The signal.

        Raises:
            SignalError: it cannot be read, is of the other kind, or too large.
        """
        limits = self.limits
        signal = decode(self.content, self.name, max_pixels=limits.max_pixels)
        if self.kind is not None and signal.kind != self.kind:
            is_not = f"{_KIND_NAMES[signal.kind]}, not {_KIND_NAMES[self.kind]}"
            raise cc.SignalError(f"{self.name} is {is_not}.")
        if signal.kind == "audio" and signal.duration_s > limits.max_seconds:
            raise cc.SignalError(
                f"{self.name} lasts {signal.duration_s:.1f} s: at most {limits.max_seconds:g} s "
                "are accepted here."
            )
        return signal


def nothing_chosen(kind: Kind | None) -> cc.SignalError:
    """The error if there is no file."""
    return cc.SignalError(f"Choose {_KIND_NAMES[kind] if kind else 'an image or a clip'} first.")


@dataclass(frozen=True, eq=False)
class Measure:
    """Work: how large the signal of a file is.

    Attributes:
        source: the file.
    """

    source: Source

    def run(self, engine: Engine) -> Iterator[Shape]:
        """See `demo.workers.Work`."""
        yield self.source.load().shape
