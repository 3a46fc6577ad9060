"""Pictures of any colours as sRGB."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageCms

from combiner_core.signals.colour.encoding import Encoding, Pixels
from combiner_core.signals.colour.tags import ColourTags, Profile, meanings
from combiner_core.signals.colour.transfer import (
    WHITE_CD_M2,
    HybridLogGamma,
    PerceptualQuantiser,
)
from combiner_core.signals.signal import to_8_bits

_MODE_OF_PROFILE = MappingProxyType({"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB"})
_RGB_OR_GREY = ("RGB", "L")
_HIGH_RANGE = (PerceptualQuantiser, HybridLogGamma)
# a share of the pixels that is worth telling
_WORTH_TELLING = 0.0005


@dataclass(frozen=True, eq=False)
class Converted:
    """A picture in sRGB.

    Attributes:
        pixels: uint8 or uint16 (height, width, 3), or (height, width, 1) of grey.
        notes: sentences on what was lost.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()


def to_srgb(picture: Image.Image | Pixels, tags: ColourTags) -> Converted:
    """A picture in sRGB.

    Args:
        picture: of Pillow in the mode L, RGB, CMYK or LAB, or (height, width, 1 or 3) as uint8,
            uint16 or floating-point from 0 to 1.
        tags: what its file says of its colours; what suits another kind of picture is ignored.
    """
    for meaning in meanings(tags):
        encoding = meaning.encoding if isinstance(meaning, Profile) else meaning
        if encoding is not None and _suits(encoding, picture, isinstance(meaning, Profile)):
            return _by_encoding(_pixels(picture), encoding)
        if isinstance(meaning, Profile):
            converted = _by_profile(picture, meaning.icc)
            if converted is not None:
                return converted
    if isinstance(picture, Image.Image) and picture.mode not in _RGB_OR_GREY:
        usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
        converted = _by_profile(picture, usual) if picture.mode == "LAB" else None
        return converted or Converted(_pixels(picture.convert("RGB")))
    return Converted(_integers(_pixels(picture)))


def _suits(encoding: Encoding, picture: Image.Image | Pixels, is_profile: bool) -> bool:
    """Whether an encoding is all that a picture needs; profiles are for Little CMS if they can."""
    if not isinstance(picture, Image.Image):
        return True
    if picture.mode not in _RGB_OR_GREY:
        return False
    return not is_profile or encoding.is_srgb or isinstance(encoding.transfer[0], _HIGH_RANGE)


def _by_encoding(pixels: Pixels, encoding: Encoding) -> Converted:
    if encoding.is_srgb:
        return Converted(_integers(pixels))
    if pixels.shape[2] == 3 and _is_grey(pixels):
        pixels = pixels[..., :1]
    converted, beyond = encoding.to_srgb(pixels)
    if beyond < _WORTH_TELLING:
        return Converted(converted)
    what = "colours beyond sRGB"
    if isinstance(encoding.transfer[0], _HIGH_RANGE):
        what = f"colours beyond sRGB, or are brighter than white ({WHITE_CD_M2:.0f} cd/m2)"
    return Converted(converted, (f"{100 * beyond:.3g} % of its pixels have {what}: clipped.",))


def _by_profile(picture: Image.Image | Pixels, icc: bytes) -> Converted | None:
    """By Little CMS; ``None`` if the profile is damaged or for other pictures."""
    notes: tuple[str, ...] = ()
    if not isinstance(picture, Image.Image):
        notes = ("Its colour profile was applied to eight bits of each colour.",)
        picture = _image(picture)
    with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = _MODE_OF_PROFILE.get(profile.profile.xcolor_space.strip())
        if mode == "RGB" and picture.mode == "L":
            picture = picture.convert("RGB")
        if mode == picture.mode:
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
            assert converted is not None
            pixels = np.asarray(converted)
            if picture.mode == "RGB" and _is_grey(_pixels(picture)):
                pixels = pixels[..., 1:2]  # roundings differ, but grey stays grey
            return Converted(pixels, notes)
    return None


def _pixels(picture: Image.Image | Pixels) -> Pixels:
    """Shape (height, width, channels)."""
    if not isinstance(picture, Image.Image):
        return picture
    pixels = np.asarray(picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _image(pixels: Pixels) -> Image.Image:
    whole = _integers(pixels)
    levels = whole if whole.dtype == np.uint8 else to_8_bits(whole)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _integers(pixels: Pixels) -> Pixels:
    if np.issubdtype(pixels.dtype, np.integer):
        return pixels
    return np.rint(pixels.clip(0.0, 1.0) * 65535.0).astype(np.uint16)


def _is_grey(pixels: Pixels) -> bool:
    return all(np.array_equal(pixels[..., 0], pixels[..., i]) for i in range(1, pixels.shape[2]))
