"""How codecs and models look in charts: a colour and a sign, the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OURS_COLOUR = "#3b82f6"
# Mid-tones: at least 3 : 1 against white and against near-black. Who does not tell them apart has
# the signs: codecs of one kind of signal have different ones.
_AMBER, _GREEN, _PINK, _VIOLET = "#d97706", "#1f7a5f", "#db2777", "#7e47d1"
_BROWN, _CYAN, _RED = "#a35229", "#0891b2", "#dc2626"
_LOOKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "jpeg": (_AMBER, "circle"),
        "webp": (_GREEN, "square"),
        "avif-psnr": (_PINK, "diamond"),
        "avif-iq": (_VIOLET, "triangle-up"),
        "jpeg2000": (_BROWN, "x"),
        "jxl": (_CYAN, "triangle-down"),
        "opus": (_GREEN, "square"),
        "opus (voip)": (_CYAN, "triangle-down"),
        "mp3": (_AMBER, "circle"),
        "vorbis": (_VIOLET, "x"),
        "siren": (_RED, "circle"),
    }
)
# As the benchmarks call them.
_SAME: Mapping[str, str] = MappingProxyType(
    {"avif (tune=psnr)": "avif-psnr", "avif (tune=iq)": "avif-iq", "opus (audio)": "opus"}
)
# Of all that is not known here, in turn.
OTHER_COLOURS = ("#a16207", "#7c3aed", "#c2410c", "#0f766e", "#be185d", "#64748b")


def colour(name: str) -> str:
    """Colour of a codec or model; ours for names that are not known."""
    return _LOOKS.get(_SAME.get(name, name), (OURS_COLOUR, ""))[0]


def sign(name: str) -> str:
    """Mark of its points, as plotly calls it."""
    return _LOOKS.get(_SAME.get(name, name), ("", "circle"))[1]


def is_known(name: str) -> bool:
    """Whether a name has looks of its own."""
    return _SAME.get(name, name) in _LOOKS
