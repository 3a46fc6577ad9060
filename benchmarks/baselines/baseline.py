"""A codec to compare with: an encoder, its points, and what of its files counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from combiner_core.codecs import BaselineResult, Codec, encode_at_setting
from combiner_core.signals import Signal


@dataclass(frozen=True)
class Coding:
    """What a codec made of a signal.

    Attributes:
        counted_bytes: of the file, those that count.
        file: all of it, and what it decodes to.
        encoder: version and settings.
    """

    counted_bytes: int
    file: BaselineResult
    encoder: str


@dataclass(frozen=True)
class Baseline:
    """A codec with settings fixed but for one number.

    Attributes:
        name: as tables have it.
        codec: encoder and decoder.
        points: values of the number, from the smallest file to the largest.
        encoder: version and settings, called when they are needed.
        counted: size in bytes of what counts of a file.
    """

    name: str
    codec: Codec | str
    points: tuple[float, ...]
    encoder: Callable[[], str]
    counted: Callable[[bytes], int] = len

    def code(self, signal: Signal, point: float) -> Coding:
        """Encode and decode at a point.

        Raises:
            SignalError: the codec cannot hold such a signal.
        """
        result = encode_at_setting(signal, self.codec, point)
        return Coding(self.counted(result.data), result, self.encoder())
