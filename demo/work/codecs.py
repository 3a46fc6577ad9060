"""Work: what other codecs make of the same signal, and how good a result is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import combiner_core as cc
from benchmarks.measures.images import ssimulacra2
from benchmarks.measures.sound import zimtohrli
from combiner_core import codecs
from demo.codecs import RatePoint
from demo.media import lossless
from demo.work.source import Source
from demo.workers import Engine

CURVE_POINTS = 6

# WebP's qualities are numbers with fractions.
_FINE_WEBP = codecs.pillow_codec(
    "webp", "WEBP", (0.0, 100.0), lambda quality: {"quality": quality, "method": 6}
)
_HALVINGS = 4

# The files we are compared with are small: the lower half of a codec's settings.
_LOW_RATES = 0.5
# Larger signals have no curves: a sweep would take longer than the run.
_MAX_CURVE_PIXELS = 2_000_000
_MAX_CURVE_S = 60.0
# Nor a score of eyes or ears, which would keep the processor busy for minutes.
_MAX_PERCEIVED_PIXELS = 4_000_000
_MAX_PERCEIVED_S = 60.0


@dataclass(frozen=True)
class Quality:
    """How good a reconstruction is.

    Attributes:
        psnr_db: against the original.
        perceived: what eyes or ears might say, the more the better: SSIMULACRA2 of an image,
            Zimtohrli's mean opinion score of a clip. ``None`` if that would take too long, or where
            its package is not installed.
        similarity: MS-SSIM of an image, ``None`` if it is too small for that; of a clip the
            log-spectral distance in dB, the less the better.
    """

    psnr_db: float
    perceived: float | None
    similarity: float | None


@dataclass(frozen=True, eq=False)
class Reencoded:
    """What one codec made of the signal.

    Attributes:
        bytes_count: size of the whole file, headers included.
        quality: of the reconstruction.
        encode_s, decode_s: how long it took, in seconds.
        reconstruction: the decoded signal without loss, as a file.
    """

    bytes_count: int
    quality: Quality
    encode_s: float
    decode_s: float
    reconstruction: bytes


@dataclass(frozen=True, eq=False)
class Sweep:
    """Work: the rate-distortion curve of a codec at low rates, smallest files first.

    Attributes:
        source: what to encode; of a large signal there is no curve.
        codec: one of `demo.codecs.CODECS`.
        points: of the curve.
    """

    source: Source
    codec: str
    points: int = CURVE_POINTS

    def run(self, engine: Engine) -> Iterator[tuple[RatePoint, ...]]:
        """See `demo.workers.Work`."""
        signal = self.source.load()
        yield (
            ()
            if _is_large(signal)
            else tuple(
                RatePoint(result.bytes_count, cc.psnr_db(signal, result.reconstruction))
                for result in codecs.sweep(signal, self.codec, self.points, _LOW_RATES)
            )
        )


@dataclass(frozen=True, eq=False)
class Reencode:
    """Work: a codec's best file of at most some size; ``None`` if it cannot go this small.

    Attributes:
        source: what to encode.
        codec: one of `demo.codecs.CODECS`.
        max_bytes: size of the file.
    """

    source: Source
    codec: str
    max_bytes: int

    def run(self, engine: Engine) -> Iterator[Reencoded | None]:
        """See `demo.workers.Work`."""
        signal = self.source.load()
        result = codecs.encode_within(signal, self.codec, self.max_bytes)
        if result is None:
            yield None
            return
        if self.codec == _FINE_WEBP.name:
            result = _finer_webp(signal, result, self.max_bytes)
        yield Reencoded(
            result.bytes_count,
            quality(signal, result.reconstruction),
            result.encode_s,
            result.decode_s,
            lossless(result.reconstruction),
        )


@dataclass(frozen=True, eq=False)
class Judge:
    """Work: how good a result is.

    Attributes:
        original, reconstruction: the signals as files.
    """

    original: Source
    reconstruction: Source

    def run(self, engine: Engine) -> Iterator[Quality]:
        """See `demo.workers.Work`."""
        yield quality(self.original.load(), self.reconstruction.load())


def _finer_webp(
    signal: cc.Signal, result: codecs.BaselineResult, max_bytes: int
) -> codecs.BaselineResult:
    """The best WebP of at most some size between two whole qualities, which lie far apart."""
    low, high = result.setting, min(result.setting + 1, max(_FINE_WEBP.settings))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        finer = codecs.encode_at_setting(signal, _FINE_WEBP, middle)
        if finer.bytes_count <= max_bytes:
            low, result = middle, finer
        else:
            high = middle
    return result


def quality(original: cc.Signal, reconstruction: cc.Signal) -> Quality:
    """How good a reconstruction is.

    Raises:
        SignalError: it is not of the size and kind of the original.
    """
    from combiner_core import metrics  # Imports torch, which who asks for this can do without.

    similarity = metrics.ms_ssim if original.kind == "image" else metrics.log_spectral_distance_db
    return Quality(
        cc.psnr_db(original, reconstruction),
        _perceived(original, reconstruction),
        similarity(original, reconstruction),
    )


def _perceived(original: cc.Signal, reconstruction: cc.Signal) -> float | None:
    if original.kind == "image":
        is_small = original.pixels <= _MAX_PERCEIVED_PIXELS
        return ssimulacra2(original, reconstruction) if is_small else None
    is_short = original.duration_s <= _MAX_PERCEIVED_S
    return zimtohrli(original, reconstruction) if is_short else None


def _is_large(signal: cc.Signal) -> bool:
    if signal.kind == "image":
        return signal.pixels > _MAX_CURVE_PIXELS
    return signal.duration_s > _MAX_CURVE_S
