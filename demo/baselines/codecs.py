"""What other codecs make of the same signal: their curves, and their results at the same size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import combiner_core as cc
from benchmarks.measures.images import ssimulacra2
from benchmarks.measures.sound import zimtohrli
from combiner_core import codecs as baselines
from combiner_core import metrics
from combiner_core.signals import Kind

CODECS: Mapping[Kind, tuple[str, ...]] = baselines.CODECS_FOR
CURVE_POINTS = 6

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "jpeg": "JPEG",
        "webp": "WebP",
        "avif-psnr": "AVIF (tune=psnr)",
        "avif-iq": "AVIF (tune=iq)",
        "jpeg2000": "JPEG 2000",
        "opus": "Opus",
        "mp3": "MP3",
        "vorbis": "Vorbis",
        "jxl": "JPEG XL",
        "siren": "COMBINER, the paper's",
    }
)
# What stands before a blank in the names of the benchmarks, as in "opus (voip)".
_FIRST_WORDS: Mapping[str, str] = MappingProxyType({"avif": "AVIF", "opus": "Opus"})
# The files we are compared with are small: the lower half of a codec's settings.
_LOW_RATES = 0.5
# Larger signals would keep the processor busy for minutes.
_MAX_PERCEIVED_PIXELS = 4_000_000
_MAX_PERCEIVED_S = 60.0


@dataclass(frozen=True)
class RatePoint:
    """A point of a codec's rate-distortion curve for one signal."""

    bytes_count: int
    psnr_db: float


@dataclass(frozen=True, eq=False)
class MeasuredResult:
    """What one codec made of the signal.

    Attributes:
        codec: one of `CODECS`, or the name of a model of ours.
        bytes_count: size of the whole file, headers included.
        reconstruction: the decoded signal.
        psnr_db: of the reconstruction.
        perceived: what eyes or ears might say, the more the better: SSIMULACRA2 of an image,
            Zimtohrli's mean opinion score of a clip. ``None`` if that would take too long, or where
            its package is not installed.
        similarity: MS-SSIM of an image, ``None`` if it is too small for that; of a clip the
            log-spectral distance in dB, the less the better.
        encode_s, decode_s: how long it took, in seconds; ``None`` if that was not measured.
    """

    codec: str
    bytes_count: int
    reconstruction: cc.Signal
    psnr_db: float
    perceived: float | None
    similarity: float | None
    encode_s: float | None
    decode_s: float | None


def label(codec: str) -> str:
    """Name of a codec as it is written; other names are their own labels."""
    if codec in _LABELS:
        return _LABELS[codec]
    first, blank, rest = codec.partition(" ")
    return f"{_FIRST_WORDS.get(first, first)}{blank}{rest}"


def curve(signal: cc.Signal, codec: str, points: int = CURVE_POINTS) -> list[RatePoint]:
    """Rate-distortion curve at low rates, smallest files first: a quick sweep.

    Raises:
        SignalError: the codec cannot hold this signal.
    """
    sweep = baselines.sweep(signal, codec, points, _LOW_RATES)
    return [
        RatePoint(result.bytes_count, cc.psnr_db(signal, result.reconstruction)) for result in sweep
    ]


def at_size(signal: cc.Signal, codec: str, max_bytes: int) -> MeasuredResult | None:
    """The codec's best file of at most so many bytes; ``None`` if it cannot go this small.

    Raises:
        SignalError: the codec cannot hold this signal.
    """
    result = baselines.encode_within(signal, codec, max_bytes)
    if result is None:
        return None
    return measured(
        signal,
        codec,
        result.bytes_count,
        result.reconstruction,
        encode_s=result.encode_s,
        decode_s=result.decode_s,
    )


def measured(
    signal: cc.Signal,
    codec: str,
    bytes_count: int,
    reconstruction: cc.Signal,
    *,
    encode_s: float | None = None,
    decode_s: float | None = None,
) -> MeasuredResult:
    """A result of any codec, ours too, with its quality measured.

    Raises:
        SignalError: the reconstruction is not of the size and kind of the signal.
    """
    measure = metrics.ms_ssim if signal.kind == "image" else metrics.log_spectral_distance_db
    return MeasuredResult(
        codec,
        bytes_count,
        reconstruction,
        cc.psnr_db(signal, reconstruction),
        _perceived(signal, reconstruction),
        measure(signal, reconstruction),
        encode_s,
        decode_s,
    )


def _perceived(signal: cc.Signal, reconstruction: cc.Signal) -> float | None:
    if signal.kind == "image":
        is_small = signal.pixels <= _MAX_PERCEIVED_PIXELS
        return ssimulacra2(signal, reconstruction) if is_small else None
    return zimtohrli(signal, reconstruction) if signal.duration_s <= _MAX_PERCEIVED_S else None
