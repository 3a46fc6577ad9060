"""What EXIF says of a picture that bears on its pixels, and who made it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from PIL import Image

from combiner_core.signals.about import NOTHING_KNOWN, About

DIRECTORY = 0x8769
_ORIENTATION, _ARTIST, _DATE, _COPYRIGHT = 0x0112, 0x013B, 0x0132, 0x8298
_DATE_TAKEN, _COLOUR_SPACE, _INTEROPERABILITY, _INDEX = 0x9003, 0xA001, 0xA005, 0x0001
_ADOBE_RGB, _UNCALIBRATED, _R03 = 2, 0xFFFF, "R03"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Said:
    """What EXIF says; what is damaged counts as not said.

    Attributes:
        orientation: from 1, upright, to 8.
        is_adobe_rgb: whether the camera says that colours are those of Adobe RGB.
        about: who made the picture, and when.
    """

    orientation: int = 1
    is_adobe_rgb: bool = False
    about: About = NOTHING_KNOWN


def said_by(load: Callable[[], Image.Exif]) -> Said:
    """What EXIF says that a function loads."""
    exif = _tried(load, Image.Exif())
    return Said(
        _tried(lambda: _orientation(exif), 1),
        _tried(lambda: _is_adobe_rgb(exif), False),
        _tried(lambda: _about(exif), NOTHING_KNOWN),
    )


def said_in(block: bytes) -> Said:
    """What a block of EXIF says."""

    def load() -> Image.Exif:
        exif = Image.Exif()
        exif.load(block)
        return exif

    return said_by(load) if block else Said()


def _tried(action: Callable[[], _T], otherwise: _T) -> _T:
    with suppress(Exception):  # it can be damaged in as many ways as a picture
        return action()
    return otherwise


def _orientation(exif: Image.Exif) -> int:
    value = exif.get(_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _is_adobe_rgb(exif: Image.Exif) -> bool:
    directory = exif.get_ifd(DIRECTORY)
    colour_space = directory.get(_COLOUR_SPACE)
    if colour_space == _ADOBE_RGB:
        return True
    if colour_space not in (None, _UNCALIBRATED) or _INTEROPERABILITY not in directory:
        return False
    return _text(exif.get_ifd(_INTEROPERABILITY).get(_INDEX)).startswith(_R03)


def _about(exif: Image.Exif) -> About:
    date = exif.get_ifd(DIRECTORY).get(_DATE_TAKEN) or exif.get(_DATE)
    return About.of(
        {
            "copyright": _text(exif.get(_COPYRIGHT)),
            "author": _text(exif.get(_ARTIST)),
            "date": _text(date),
        }
    )


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    try:  # what programs write is UTF-8, whatever the standard says
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
