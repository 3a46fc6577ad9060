"""What figures mean, in a plain sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from types import MappingProxyType

from combiner_core.signals import Kind

# As titles of figures have them.
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "PSNR": "how near each pixel or sample is to the original, in dB; more is better",
        "SSIMULACRA2": "how alike it looks to the eye; 90 is hardly to be told apart, 50 is fair",
        "MS-SSIM": "how much of the shapes is kept; 1 is all",
        "Zimtohrli": "how alike it sounds to the ear, from 1 to 5; more is better",
        "Spectral distance": "how far off the loudness of each pitch is, in dB; less is better",
    }
)
RATE_WORDS: Mapping[Kind, str] = MappingProxyType(
    {"image": "bits per pixel", "audio": "thousand bits a second"}
)


def legend(titles: Iterable[str]) -> str:
    """Those of some figures as a line of HTML; figures that need no words are left out."""
    terms = ((title, MEANINGS[title]) for title in titles if title in MEANINGS)
    texts = " ".join(f"<span><b>{escape(title)}</b>: {text}.</span>" for title, text in terms)
    return f'<p class="legend">{texts}</p>'
