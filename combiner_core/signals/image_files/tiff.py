"""TIFF files of colours in more than eight bits, or in floating point."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from combiner_core.errors import SignalError
from combiner_core.signals.colour.tags import ColourTags
from combiner_core.signals.image_files import deep, exif
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.image_files.scaling import shares_of_white

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CLASSIC = (b"II*\0", b"MM\0*")
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT = 256, 257, 258, 262, 277, 339
_COMPRESSION, _STRIPS, _STRIP_BYTES, _EXTRA, _PROFILE, _XMP, _IPTC = (
    *(259, 273, 279),
    *(338, 34675, 700, 33723),
)
_TILE_WIDTH, _TILE_HEIGHT, _TILE_STARTS, _TILE_BYTES = 322, 323, 324, 325
_RGB, _UNSIGNED, _FLOATING, _PREMULTIPLIED, _UNRELATED = 2, 1, 3, 1, 0
_DEFLATE = (8, 32946)
# what tifffile reads by itself: as it is, PackBits, Deflate
_KNOWN = (1, 32773, *_DEFLATE)
_MOST_SAMPLES = 8
# a strip or tile has no more than so many times the pixels of the picture, or so many
_MOST_TILE_SHARE, _LEAST_PIXELS = 4, 1 << 20

Directory = TiffImagePlugin.ImageFileDirectory_v2


def read(content: bytes, name: str, check_size: Callable[[int, int], None]) -> Picture | None:
    """The picture of a file.

    Args:
        content: its bytes.
        name: for errors.
        check_size: refuses a width and a height.

    Returns:
        ``None`` of all other files, which Pillow may know.

    Raises:
        SignalError: it is refused, damaged, or compressed in a way that is not known.
    """
    directory = _directory(content) if content.startswith(_MAGIC) else None
    if directory is None or not _is_deep_colour(directory):
        return None
    width, height = directory.get(_WIDTH), directory.get(_HEIGHT)
    if not isinstance(width, int) or not isinstance(height, int):
        return None
    check_size(width, height)
    pixels = _by_libav(content, directory)
    if pixels is None and not _is_bounded(content, directory, width * height):
        raise SignalError(f"{name} is damaged: it holds more than its picture.")
    if pixels is None:
        pixels = _by_tifffile(content, name, directory)
    if pixels is None or pixels.shape[:2] != (height, width) or pixels.shape[2] < 3:
        return None
    return _picture(content, directory, pixels, name)


def _directory(content: bytes) -> Directory | None:
    stream = io.BytesIO(content)
    try:
        directory = Directory(stream.read(16 if content[2] == 43 or content[3] == 43 else 8))
        stream.seek(directory.next)
        directory.load(stream)
        _ = dict(directory)  # which reads what is damaged
    except Exception:  # as many kinds as there is damage
        return None
    return directory


def _is_deep_colour(directory: Directory) -> bool:
    bits = directory.get(_BITS, (1,))
    return (
        directory.get(_PHOTOMETRIC) == _RGB
        and 3 <= directory.get(_SAMPLES, 1) <= _MOST_SAMPLES
        and min(bits) > 8
        and len(set(bits)) == 1
    )


def _by_libav(content: bytes, directory: Directory) -> NDArray[Any] | None:
    """Of strips of the two kinds that libav does not mistake for others."""
    formats, bits = set(directory.get(_FORMAT, (_UNSIGNED,))), directory[_BITS][0]
    is_known = (formats, bits) in (({_UNSIGNED}, 16), ({_FLOATING}, 32))
    if not is_known or not content.startswith(_CLASSIC) or _TILE_WIDTH in directory:
        return None
    starts, sizes = directory.get(_STRIPS, ()), directory.get(_STRIP_BYTES, ())
    # it would leave out what is not there
    if not starts or len(starts) != len(sizes):
        return None
    if any(start + size > len(content) for start, size in zip(starts, sizes, strict=True)):
        return None
    return deep.still(content, "tiff")


def _is_bounded(content: bytes, directory: Directory, pixels: int) -> bool:
    """Whether no strip or tile becomes much larger than the picture when it is decompressed."""
    tile = directory.get(_TILE_WIDTH, 0) * directory.get(_TILE_HEIGHT, 0)
    pixel_bytes = directory[_SAMPLES] * -(-directory[_BITS][0] // 8)
    most = pixel_bytes * max(_MOST_TILE_SHARE * pixels, _LEAST_PIXELS)
    if tile * pixel_bytes > most:
        return False
    if directory.get(_COMPRESSION) not in _DEFLATE:
        return True
    starts = directory.get(_TILE_STARTS) or directory.get(_STRIPS, ())
    sizes = directory.get(_TILE_BYTES) or directory.get(_STRIP_BYTES, ())
    for start, size in zip(starts, sizes, strict=False):
        try:
            inflated = zlib.decompressobj().decompress(content[start : start + size], most + 1)
        except zlib.error:
            continue  # it fails again where that is told
        if len(inflated) > most:
            return False
    return True


def _by_tifffile(content: bytes, name: str, directory: Directory) -> NDArray[Any] | None:
    import tifffile

    bits = directory[_BITS][0]
    unknown = SignalError(
        f"{name} has colours of {bits} bits, compressed in a way that is not read: save it without "
        "compression."
    )
    # Pillow reads eight of these
    has_other = bits == 16 and directory.get(_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED
    if directory.get(_COMPRESSION, 1) not in _KNOWN:
        if has_other:
            return None
        raise unknown
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages[0]
            if page.axes not in ("YXS", "SYX"):
                return None
            pixels = page.asarray()
            return np.moveaxis(pixels, 0, 2) if page.axes == "SYX" else pixels
    except Exception as error:  # as many kinds as there is damage
        if "requires" in str(error):  # a way of compression before the other
            if has_other:
                return None
            raise unknown from error
        raise SignalError(
            f"{name} is damaged or incomplete: its picture cannot be decoded."
        ) from error


def _picture(content: bytes, directory: Directory, pixels: NDArray[Any], name: str) -> Picture:
    colour, alpha = pixels[..., :3], None
    notes: tuple[str, ...] = ()
    if pixels.shape[2] > 3 and directory.get(_EXTRA, (_UNRELATED,))[0] != _UNRELATED:
        alpha = _sixteen_bits(pixels[..., 3])
    if colour.dtype != np.uint16:
        colour, notes = shares_of_white(colour, name, stretch_few=False)
    if alpha is not None and directory[_EXTRA][0] == _PREMULTIPLIED:
        colour = _unmixed(colour, alpha)
    said = exif.said_by(partial(_exif, content))
    names = {_XMP: "XMP", _IPTC: "IPTC", exif.DIRECTORY: "EXIF"}
    return Picture(
        colour,
        alpha,
        ColourTags(icc=directory.get(_PROFILE)),
        said.orientation,
        notes,
        said.about,
        tuple(name for tag, name in names.items() if tag in directory),
    )


def _exif(content: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load_from_fp(io.BytesIO(content))
    return exif


def _sixteen_bits(alpha: NDArray[Any]) -> NDArray[np.uint16]:
    if alpha.dtype == np.uint16:
        return alpha
    most = 1.0 if np.issubdtype(alpha.dtype, np.floating) else float(np.iinfo(alpha.dtype).max)
    shares = np.nan_to_num(alpha.astype(np.float64) / most).clip(0.0, 1.0)
    return np.rint(65535.0 * shares).astype(np.uint16)


def _unmixed(colour: NDArray[Any], alpha: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Colours of which a share was taken, as they were."""
    most = 65535.0 if colour.dtype == np.uint16 else 1.0
    shares = np.maximum(alpha[..., None] / np.float32(65535.0), np.float32(1e-6))
    return (colour / np.float32(most) / shares).clip(0.0, 1.0).astype(np.float32)
