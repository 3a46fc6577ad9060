"""What people want a small file for: rates by name, how good that usually is, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from combiner_core.options import TuneName
from combiner_core.signals import Kind

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

# PSNR in dB of photographs: a + b x + c x^2 + d y, where x and y are log2 of the rate and of that
# from which on more bytes bring nothing, in bpp; four in five files are within 3 dB of it, drawings
# may be far off, so that a word is told and no number:
# `python -m demo.compress.fit_quality` of 32 pictures, 26 for validation and 6 of training
_PSNR_DB: Mapping[TuneName, tuple[float, float, float, float]] = MappingProxyType(
    {"psnr": (109.0, 4.38, 0.41, -18.0), "perceptual": (107.3, 4.31, 0.43, -17.8)}
)
_IMAGE_RATES = (0.08, 2.5)
# Below this photographs are so smooth that the slope is another one.
_LEAST_MOST_RATE = 8.0
# up to so many dB, or up to so many bpp where nobody knows how many dB that is
_WORDS_BY_DB = ((25.0, "rough"), (29.0, "soft"), (33.0, "fair"), (37.0, "good"))
_WORDS_BY_RATE = ((0.1, "rough"), (0.35, "soft"), (0.8, "fair"), (1.3, "good"))
_BEST_WORD = "very good"
# by the means of ViSQOL in docs/results.md: about 2.5, 3.3 and 3.8 of 5, of music 3.8 and 4.4
_AUDIO_WORDS = (
    (5.5, "rough even for speech"),
    (11.0, "fair for speech, rough for music"),
    (20.0, "good for speech, fair for music"),
    (44.0, "very good for speech, good for music"),
)
_BEST_SOUND = "very good for speech and most music"


def named(kind: Kind, name: str) -> Purpose | None:
    """The purpose of a name; ``None`` for one's own budget."""
    return next((each for each in PURPOSES[kind] if each.name == name), None)


def quality_text(kind: Kind, rate: float, most_rate: float, tune: TuneName) -> str:
    """How good photographs or clips usually are at a rate, in words.

    Args:
        kind: of the signal.
        rate: in bpp, or in kbps for each channel.
        most_rate: from which on more bytes bring next to nothing.
        tune: of the run.
    """
    if kind != "image":
        return next((words for limit, words in _AUDIO_WORDS if rate < limit), _BEST_SOUND)
    if _IMAGE_RATES[0] <= rate <= min(_IMAGE_RATES[1], most_rate):
        word = _word(foretold_db(rate, most_rate, tune), _WORDS_BY_DB)
    else:
        word = _word(rate, _WORDS_BY_RATE)
    return f"{word} quality in most photographs"


def _word(value: float, words: Sequence[tuple[float, str]]) -> str:
    return next((word for limit, word in words if value < limit), _BEST_WORD)


def foretold_db(rate: float, most_rate: float, tune: TuneName) -> float:
    """PSNR of most photographs in dB, see `quality_text`."""
    return float(terms(rate, most_rate) @ _PSNR_DB[tune])


def terms(rate: float, most_rate: float) -> NDArray[np.float64]:
    """What PSNR is a sum of."""
    octaves = np.log2(rate)
    return np.array([1.0, octaves, octaves**2, np.log2(max(most_rate, _LEAST_MOST_RATE))])


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
