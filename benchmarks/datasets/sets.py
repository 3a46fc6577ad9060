"""The sets of files, with the codecs, measures and rates that suit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.rate_distortion.rows import RateUnit
from combiner_core.signals import Kind

Range = tuple[float, float]


@dataclass(frozen=True)
class DataSet:
    """Files of one sort.

    Attributes:
        name: files of results end with it.
        kind: of the signals.
        title: for headings.
        others: codecs to compare with, the strongest first.
        measures: names of `measures.MEASURES`, PSNR first.
        drawn: those of them that have a chart.
        bands: low, middle and high rates by name, in the unit of the kind.
        rates: at which tables give qualities.
    """

    name: str
    kind: Kind
    title: str
    others: tuple[str, ...]
    measures: tuple[str, ...]
    drawn: tuple[str, ...]
    bands: Mapping[str, Range]
    rates: tuple[float, ...]

    @property
    def unit(self) -> RateUnit:
        """Of rates."""
        return "bpp" if self.kind == "image" else "kbps"

    @property
    def whole(self) -> Range:
        """From the lowest rate of all bands to the highest."""
        return min(low for low, _ in self.bands.values()), max(
            high for _, high in self.bands.values()
        )


_IMAGE_BANDS = MappingProxyType({"low": (0.05, 0.2), "middle": (0.2, 0.5), "high": (0.5, 1.0)})
_SPEECH_BANDS = MappingProxyType({"low": (4.0, 8.0), "middle": (8.0, 16.0), "high": (16.0, 24.0)})
_MUSIC_BANDS = MappingProxyType({"low": (8.0, 24.0), "middle": (24.0, 48.0), "high": (48.0, 64.0)})
_IMAGE_MEASURES = ("psnr_db", "ms_ssim_db", "ssimulacra2")
_TUNED = ("avif (tune=psnr)", "avif (tune=iq)")
_SLOW = ("avif (tune=psnr), speed 2", "avif (tune=iq), speed 2")
_OLDER = ("jxl", "webp", "jpeg2000", "jpeg")

KODAK = DataSet(
    "kodak",
    "image",
    "Photographs",
    (*_TUNED, *_SLOW, *_OLDER),
    _IMAGE_MEASURES,
    ("psnr_db", "ssimulacra2"),
    _IMAGE_BANDS,
    (0.074, 0.13, 0.25, 0.5, 1.0),
)
GRAPHICS = DataSet(
    "graphics",
    "image",
    "Graphics",
    (*_TUNED, *_OLDER),
    _IMAGE_MEASURES,
    ("ssimulacra2",),
    _IMAGE_BANDS,
    (0.15, 0.25, 0.5),
)
SPEECH = DataSet(
    "speech",
    "audio",
    "Speech",
    ("opus (voip)", "opus (audio)", "mp3", "vorbis"),
    ("psnr_db", "pesq_wb", "estoi", "visqol_speech"),
    ("psnr_db", "pesq_wb"),
    _SPEECH_BANDS,
    (5.2, 8, 10.8, 16, 22.1),
)
MUSIC = DataSet(
    "music",
    "audio",
    "Music",
    ("opus (audio)", "mp3", "vorbis"),
    ("psnr_db", "visqol_audio", "zimtohrli"),
    ("visqol_audio",),
    _MUSIC_BANDS,
    (16, 24, 32, 48, 64),
)
SETS: Mapping[str, DataSet] = MappingProxyType(
    {one.name: one for one in (KODAK, GRAPHICS, SPEECH, MUSIC)}
)
