"""HEIC and HEIF files, as telephones write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from combiner_core.errors import SignalError
from combiner_core.signals.colour.tags import ColourTags
from combiner_core.signals.image_files import boxes, exif
from combiner_core.signals.image_files.picture import Picture

_NOT_PICTURES = MappingProxyType(
    {"exif": "EXIF", "xmp": "XMP", "depth_images": "depth map", "aux": "auxiliary pictures"}
)


def read(content: bytes, name: str, check_size: Callable[[int, int], None]) -> Picture | None:
    """The first picture of a file, upright.

    Args:
        content: its bytes.
        name: for errors.
        check_size: refuses a width and a height.

    Returns:
        ``None`` of other files.

    Raises:
        SignalError: it is refused or damaged.
    """
    if not boxes.is_heif(content):
        return None
    import pillow_heif

    try:
        file = pillow_heif.open_heif(
            io.BytesIO(content), convert_hdr_to_8bit=False, hdr_to_16bit=False
        )
        check_size(*file.size)
        pixels = np.asarray(file)
        return _picture(pixels, file.mode, file.info, len(file))
    except (SignalError, MemoryError):
        raise
    except Exception as error:  # libheif meets hostile bytes with many kinds of exception
        raise SignalError(
            f"{name} is damaged or incomplete: its picture cannot be decoded."
        ) from error


def _picture(pixels: Any, mode: str, info: dict[str, Any], pictures: int) -> Picture:
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    alpha = None
    if mode.startswith(("RGBA", "RGBa", "LA")):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    bits = info.get("bit_depth", 8)
    if bits > 8:
        pixels = _sixteen_bits(pixels, bits)
        alpha = None if alpha is None else _sixteen_bits(alpha, bits)
    colour = pixels
    if bits <= 8:
        colour = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    nclx = info.get("nclx_profile")
    codes = (nclx["color_primaries"], nclx["transfer_characteristics"]) if nclx else None
    notes = () if pictures == 1 else (f"1 of its {pictures} pictures was used: the main one.",)
    metadata = tuple(word for key, word in _NOT_PICTURES.items() if info.get(key))
    return Picture(
        colour,
        alpha,
        ColourTags(icc=info.get("icc_profile"), nclx=codes),
        notes=notes,
        about=exif.said_in(info.get("exif") or b"").about,
        metadata=metadata,
    )


def _sixteen_bits(values: Any, bits: int) -> Any:
    return np.rint(values * (65535.0 / ((1 << bits) - 1))).astype(np.uint16)
