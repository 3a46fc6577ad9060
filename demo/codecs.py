"""Codecs as the page speaks of them: our families, others, their names, points of their curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from combiner_core import EncodeOptions
from combiner_core.codecs import CODECS_FOR
from combiner_core.signals import Kind

CODECS: Mapping[Kind, tuple[str, ...]] = CODECS_FOR

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


@dataclass(frozen=True)
class RatePoint:
    """A point of a codec's rate-distortion curve for one signal."""

    bytes_count: int
    psnr_db: float


def label(codec: str) -> str:
    """Name of a codec as it is written; other names are their own labels."""
    if codec in _LABELS:
        return _LABELS[codec]
    first, blank, rest = codec.partition(" ")
    return f"{_FIRST_WORDS.get(first, first)}{blank}{rest}"


def family_of(options: EncodeOptions) -> str:
    """The family of the model that options ask for."""
    return "siren" if options.model.startswith("siren") else "multires"
