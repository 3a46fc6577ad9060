"""What a file says of its colours, and which of it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from combiner_core.signals.colour import cicp, icc
from combiner_core.signals.colour.encoding import Encoding
from combiner_core.signals.colour.primaries import ADOBE_RGB, BT709, Primaries
from combiner_core.signals.colour.transfer import SRGB, Parametric, Transfer

_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA, _SRGB_GAMMA_SLACK, _CHROMATICITY_SLACK = 1 / 2.2, 0.005, 0.002
_LEAST_GAMMA, _MOST_GAMMA = 0.05, 5.0


@dataclass(frozen=True)
class ColourTags:
    """What a file says of its colours: what comes first is believed before what comes after.

    Attributes:
        cicp: code points of primaries and transfer function of a PNG file.
        icc: a profile.
        nclx: code points of an AVIF or HEIF file.
        is_srgb: that it is sRGB.
        gamma: exponent of the numbers, of light, in a PNG file.
        chromaticities: x and y of white, red, green and blue, of a PNG file.
        is_adobe_rgb: that it is what cameras call R03.
    """

    cicp: tuple[int, int] | None = None
    icc: bytes | None = None
    nclx: tuple[int, int] | None = None
    is_srgb: bool = False
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    is_adobe_rgb: bool = False


NO_TAGS = ColourTags()


@dataclass(frozen=True)
class Profile:
    """An ICC profile.

    Attributes:
        icc: its bytes.
        encoding: what it says, if curves and a matrix are all there is to it.
    """

    icc: bytes
    encoding: Encoding | None = None


def meanings(tags: ColourTags) -> Iterator[Encoding | Profile]:
    """What the numbers of a picture may mean, the most believable first; nothing if it is sRGB.

    What cannot be used is left out: damaged profiles, code points without a meaning.
    """
    yield from _of_codes(tags.cicp)
    if tags.icc:
        with suppress(ValueError):
            yield Profile(tags.icc, icc.encoding_of(tags.icc))
    yield from _of_codes(tags.nclx)
    if tags.is_srgb:
        return
    with suppress(ValueError):
        yield from _of_gamma(tags.gamma, tags.chromaticities)
    if tags.is_adobe_rgb:
        yield Encoding.of(ADOBE_RGB, Parametric(_ADOBE_GAMMA))


def _of_codes(codes: tuple[int, int] | None) -> Iterator[Encoding]:
    encoding = cicp.encoding_of(*codes) if codes is not None else None
    if encoding is not None:
        yield encoding


def _of_gamma(gamma: float | None, chromaticities: tuple[float, ...] | None) -> Iterator[Encoding]:
    primaries = BT709
    if chromaticities is not None and len(chromaticities) == 8:
        white, red, green, blue = zip(chromaticities[::2], chromaticities[1::2], strict=True)
        primaries = Primaries(red, green, blue, white)
    transfer: Transfer = SRGB
    if gamma is not None and _LEAST_GAMMA < gamma < _MOST_GAMMA:
        # sRGB says so for those who do not know better
        if abs(gamma - _SRGB_GAMMA) > _SRGB_GAMMA_SLACK or not _is_srgb(primaries):
            transfer = Parametric(1 / gamma)
    elif chromaticities is None:
        return
    yield Encoding.of(primaries, transfer)


def _is_srgb(primaries: Primaries) -> bool:
    pairs = zip(
        (primaries.red, primaries.green, primaries.blue, primaries.white),
        (BT709.red, BT709.green, BT709.blue, BT709.white),
        strict=True,
    )
    return all(
        abs(number - usual) < _CHROMATICITY_SLACK
        for found, known in pairs
        for number, usual in zip(found, known, strict=True)
    )
