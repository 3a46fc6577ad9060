"""What people want a small file for: rates by name, how good that usually is, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from combiner_core.options import EffortName
from combiner_core.signals import Kind
from demo.media import Extent

OWN = "own"
DEFAULT = "middle"


@dataclass(frozen=True)
class Purpose:
    """A budget by what it is for.

    Attributes:
        name: for programs.
        title: for people.
        rate: in bpp or kbps.
    """

    name: str
    title: str
    rate: float


PURPOSES: Mapping[Kind, tuple[Purpose, ...]] = MappingProxyType(
    {
        "image": (
            Purpose("small", "Thumbnail", 0.15),
            Purpose("middle", "Web page", 0.5),
            Purpose("large", "Archive", 1.5),
        ),
        "audio": (
            Purpose("small", "Voice memo", 8),
            Purpose("middle", "Speech", 16),
            Purpose("large", "Music", 64),
        ),
    }
)

# Means over the twelve odd images of Kodak at effort balanced, see docs/results.md.
_IMAGE_RATES = (0.074, 0.13, 0.25, 0.5)
_IMAGE_PSNR_DB = (27.1, 29.1, 31.7, 34.9)
_IMAGE_WORDS = ((0.1, "rough"), (0.35, "soft"), (0.8, "fair"), (1.3, "good"))
_BEST_WORD = "very good"

# Seconds for a megapixel and a second of sound on two cores, and before the first of them.
_IMAGE_S: Mapping[EffortName, float] = MappingProxyType(
    {"fast": 4.0, "balanced": 30.0, "best": 110.0}
)
_AUDIO_S, _SETUP_S = 0.25, 0.4
_SIREN_TIMES = 12.0


def named(kind: Kind, name: str) -> Purpose | None:
    """The purpose of a name; ``None`` for one's own budget."""
    return next((each for each in PURPOSES[kind] if each.name == name), None)


def quality_text(kind: Kind, rate: float) -> str:
    """How good photographs usually are at a rate, in words; empty where that is not known."""
    if kind != "image":
        return ""
    word = next((word for limit, word in _IMAGE_WORDS if rate < limit), _BEST_WORD)
    if not _IMAGE_RATES[0] <= rate <= _IMAGE_RATES[-1]:
        return f"{word} quality in most photographs"
    psnr_db = float(np.interp(np.log(rate), np.log(_IMAGE_RATES), _IMAGE_PSNR_DB))
    return f"{word} quality in most photographs, about {psnr_db:.0f} dB"


def usual_s(extent: Extent, effort: EffortName, model: str) -> float:
    """How long a run usually takes on two free cores, in seconds."""
    if extent.kind == "image":
        seconds = _SETUP_S + _IMAGE_S[effort] * extent.size / 1e6
    else:
        seconds = _SETUP_S + _AUDIO_S * extent.size
    return seconds * (_SIREN_TIMES if model.startswith("siren") else 1)


def duration_text(seconds: float) -> str:
    """About how long, in words."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 95:
        return f"about {_rounded(seconds)} s"
    return f"about {_rounded(seconds / 60)} min"


def _rounded(amount: float) -> int:
    """With one digit that matters above ten, as it is no more than a guess."""
    return round(amount) if amount < 10 else 5 * round(amount / 5)
