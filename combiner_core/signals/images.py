"""Pictures as signals: sRGB, upright, opaque, on white."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from combiner_core.errors import SignalError
from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.signals.colour.conversion import to_srgb
from combiner_core.signals.colour.encoding import Pixels
from combiner_core.signals.image_files import pillow_files, png
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.image_files.reading import MIN_SIDE, read_picture
from combiner_core.signals.reading import Reading
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import read_content

__all__ = ["IMAGE_FORMATS", "MAX_PIXELS", "MIN_SIDE", "from_pil", "load_image", "read_image"]

MAX_PIXELS = DEFAULT_LIMITS.pixels
IMAGE_FORMATS = "PNG, JPEG, WebP, AVIF, HEIC, JPEG XL, JPEG 2000, BMP, TIFF, GIF"

_STRIP_PIXELS = 1 << 20
_DEEP_STEP = 257


def load_image(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Signal:
    """Read a PNG, JPEG, WebP, AVIF, HEIC, JPEG XL, JPEG 2000, BMP, TIFF or GIF file.

    The content decides which it is, not the suffix. The first frame or page is read to its full
    precision, brought to sRGB by whatever its file says of its colours (`colour.tags`), laid on
    white where it is transparent, and turned upright. Numbers in ranges of their own are scaled,
    see `image_files.scaling`.

    Args:
        path: the file.
        max_pixels: most pixels accepted, checked before anything is decoded. Pillow's own
            ceiling, twice ``PIL.Image.MAX_IMAGE_PIXELS``, holds as well.

    Raises:
        SignalError: the file is missing, not an image, damaged, incomplete, larger than
            `max_pixels`, or has a side shorter than 8 pixels.
    """
    reading = read_image(read_content(path), Path(path).name, max_pixels=max_pixels)
    if reading is None:
        raise SignalError(
            f"{Path(path).name} cannot be read: it is damaged, or not an image ({IMAGE_FORMATS})."
        )
    return reading.signal


def read_image(
    content: bytes, name: str, *, max_pixels: int = MAX_PIXELS, frame_s: float | None = None
) -> Reading | None:
    """`load_image` for bytes, with what was left out.

    Args:
        content: of the file.
        name: stands for it in errors.
        max_pixels: as for `load_image`.
        frame_s: when to take a frame of an animation; ``None`` for the first.

    Returns:
        ``None`` if it is not an image.

    Raises:
        SignalError: as `load_image`, or there is no such frame.
    """
    picture = read_picture(content, name, max_pixels, frame_s)
    return None if picture is None else finished(picture)


def from_pil(image: Image.Image, name: str) -> Reading:
    """What a picture that Pillow holds is; `name` stands for it in errors.

    Raises:
        SignalError: it cannot be decoded, or its pixels are not finite.
    """
    try:
        return finished(pillow_files.of_image(image, name))
    except (SignalError, MemoryError):
        raise
    except Exception as error:  # it may be a file that Pillow has yet to decode
        raise SignalError(f"The pixels of {name} cannot be read.") from error


def finished(picture: Picture) -> Reading:
    """The signal of a picture: in sRGB, on white, upright."""
    converted = to_srgb(picture.colour, picture.tags)
    pixels, notes = _shallow(converted.pixels), picture.notes + converted.notes
    alpha = picture.alpha
    if alpha is not None and alpha.min() < np.iinfo(alpha.dtype).max:
        pixels = _on_white(pixels, alpha)
        notes += ("Its transparency was laid on white.",)
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    signal = Signal.image(_upright(pixels, picture.orientation))
    return Reading(signal, notes, picture.about, picture.metadata, picture.has_frames)


def encode_png(signal: Signal) -> bytes:
    """Lossless PNG file of an image, of 16 bits if it has more than eight."""
    if signal.deep is not None:
        return png.encode_16_bits(signal.deep)
    stream = io.BytesIO()
    Image.fromarray(signal.values).save(stream, format="PNG")
    return stream.getvalue()


def _shallow(pixels: Pixels) -> Pixels:
    """Eight bits of pixels of 16 that have no more."""
    if pixels.dtype == np.uint16 and not any((row % _DEEP_STEP).any() for row in pixels):
        return (pixels // _DEEP_STEP).astype(np.uint8)
    return pixels


def _on_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Opaque pixels of the same type."""
    if pixels.dtype == np.uint8 and alpha.dtype == np.uint8:
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        white = Image.new(picture.mode, picture.size, "white")
        opaque = np.asarray(Image.composite(picture, white, Image.fromarray(alpha)))
        return opaque[..., None] if opaque.ndim == 2 else opaque
    most, most_alpha = (np.iinfo(values.dtype).max for values in (pixels, alpha))
    result = np.empty_like(pixels)
    rows = max(1, _STRIP_PIXELS // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        part = slice(start, start + rows)
        opacity = alpha[part, :, None] * (1.0 / most_alpha)
        result[part] = np.rint(most - (most - pixels[part].astype(np.float64)) * opacity)
    return result


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels of a picture that was stored in one of the eight ways of EXIF."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # the ways to turn what is left, of those with sides exchanged and of the others
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    if across:
        pixels = pixels[:, ::-1]
    if down:
        pixels = pixels[::-1]
    return pixels
