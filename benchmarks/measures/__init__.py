"""Measures of quality: what they are called, and those of eyes and ears.

PSNR and MS-SSIM are the engine's own (`combiner_core.metrics`). The others come from packages of
the extra `bench`, imported when they are used; a measure whose package is missing gives no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from benchmarks.measures import images, sound
from combiner_core.signals import Signal

# Clips of at most this rate are taken for speech, others for music.
SPEECH_MAX_HZ = 24_000


@dataclass(frozen=True)
class Measure:
    """A measure of quality; more is better in all of them.

    Attributes:
        name: of its column in the data of rows.
        label: as tables have it.
        unit: of the numbers, if they have one.
        digits: after the point.
    """

    name: str
    label: str
    unit: str = ""
    digits: int = 2

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} {self.unit}".rstrip()


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            Measure("psnr_db", "PSNR", "dB"),
            Measure("ms_ssim_db", "MS-SSIM", "dB"),
            Measure("ssimulacra2", "SSIMULACRA2", digits=1),
            Measure("pesq_wb", "PESQ-WB"),
            Measure("estoi", "ESTOI", digits=3),
            Measure("visqol_speech", "ViSQOL speech"),
            Measure("visqol_audio", "ViSQOL audio"),
            Measure("zimtohrli", "Zimtohrli"),
        )
    }
)


def scores(original: Signal, reconstruction: Signal) -> dict[str, float]:
    """What eyes or ears might say, by the names of `MEASURES`; without PSNR and MS-SSIM.

    Args:
        original, reconstruction: of the same kind, size and sample rate.
    """
    if original.kind == "image":
        found = {"ssimulacra2": images.ssimulacra2(original, reconstruction)}
    elif (original.sample_rate or 0) <= SPEECH_MAX_HZ:
        found = {
            "pesq_wb": sound.pesq_wb(original, reconstruction),
            "estoi": sound.estoi(original, reconstruction),
            "visqol_speech": sound.visqol(original, reconstruction, "speech"),
        }
    else:
        found = {
            "visqol_audio": sound.visqol(original, reconstruction, "audio"),
            "zimtohrli": sound.zimtohrli(original, reconstruction),
        }
    return {name: score for name, score in found.items() if score is not None}
