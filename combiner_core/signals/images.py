"""Image files: every colour mode becomes upright 8-bit sRGB on white."""

from __future__ import annotations

import io
import warnings
from contextlib import suppress
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from combiner_core.errors import SignalError
from combiner_core.limits import DEFAULT_LIMITS
from combiner_core.signals.signal import Signal
from combiner_core.signals.storage import read_content

MAX_PIXELS = DEFAULT_LIMITS.pixels
MIN_SIDE = 8
IMAGE_FORMATS = "PNG, JPEG, WebP, AVIF, JPEG 2000, BMP, TIFF, GIF"

# Only these decoders ever see the bytes: some of Pillow's others start outside programs.
_DECODERS = ("PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "BMP", "TIFF", "GIF")
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
# Modes without transparency that hold grey or RGB in another form.
_PLAIN_MODES = MappingProxyType({"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB"})
_MODE_OF_PROFILE = MappingProxyType({"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB"})


def load_image(path: str | PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Signal:
    """Read a PNG, JPEG, WebP, AVIF, JPEG 2000, BMP, TIFF or GIF file, whatever its suffix.

    The first frame or page is read, turned upright by its EXIF orientation, brought to sRGB by
    its ICC profile (an unusable profile is ignored) and laid on white where it is transparent.
    16-bit grey is scaled from [0, 65535]; 32-bit integers too where they fit in that range, and
    floating-point grey is scaled from [0, 1]; other ranges are stretched from least to greatest,
    and a single value outside becomes black or white.

    Args:
        path: the file.
        max_pixels: most pixels accepted, checked before anything is decoded. Pillow's own
            ceiling, twice ``PIL.Image.MAX_IMAGE_PIXELS``, holds as well.

    Raises:
        SignalError: the file is missing, not an image, damaged, incomplete, larger than
            `max_pixels`, or has a side shorter than 8 pixels.
    """
    signal = decode_image(read_content(path), Path(path).name, max_pixels=max_pixels)
    if signal is None:
        raise SignalError(
            f"{Path(path).name} cannot be read: it is damaged, or not an image ({IMAGE_FORMATS})."
        )
    return signal


def decode_image(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Signal | None:
    """`load_image` for bytes: `name` stands for them in errors, ``None`` means not an image."""
    with warnings.catch_warnings():
        # Warnings about doubtful files show paths of the installation.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            with Image.open(io.BytesIO(content), formats=_DECODERS) as image:
                _check_size(image, name, max_pixels)
                return Signal.image(np.asarray(_on_white(_upright(image), name)))
        except UnidentifiedImageError:
            return None
        except (SignalError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            ceiling = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
            raise SignalError(
                f"{name} is larger than {ceiling:,} pixels, the most that is accepted."
            ) from error
        except Exception as error:  # The decoders meet hostile bytes with many kinds of exception.
            raise SignalError(
                f"{name} is damaged or incomplete: its picture cannot be decoded."
            ) from error


def from_pil(image: Image.Image, name: str) -> Signal:
    """The signal of a picture that Pillow holds; `name` stands for it in errors.

    Raises:
        SignalError: it cannot be decoded, or its pixels are not finite.
    """
    try:
        return Signal.image(np.asarray(_on_white(_upright(image), name)))
    except (SignalError, MemoryError):
        raise
    except Exception as error:  # it may be a file that Pillow has yet to decode
        raise SignalError(f"The pixels of {name} cannot be read.") from error


def encode_png(signal: Signal) -> bytes:
    """Lossless PNG file of an image."""
    stream = io.BytesIO()
    Image.fromarray(signal.values).save(stream, format="PNG")
    return stream.getvalue()


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise SignalError(
            f"{name} is {width:,} x {height:,} = {width * height:,} pixels: "
            f"at most {max_pixels:,} are accepted."
        )
    if min(width, height) < MIN_SIDE:
        raise SignalError(
            f"{name} is {width} x {height} pixels: "
            f"an image needs at least {MIN_SIDE} pixels on each side."
        )


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # First, so that what fails below is the EXIF block and not the picture.
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Damaged in as many ways as the picture can be.
        return image


def _on_white(image: Image.Image, name: str) -> Image.Image:
    """RGB picture of any picture."""
    colour, alpha = _split_alpha(image, name)
    picture = _to_srgb(colour, image.info.get("icc_profile"))
    if alpha is None:
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, "white"), alpha)


def _split_alpha(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """Colour as L, RGB, CMYK or LAB, and the opacity as L where there is any transparency."""
    if image.mode.startswith(("I", "F")):
        return _deep_grey(image, name)
    if image.has_transparency_data:
        mixed = image.convert("LA" if image.mode in _GREY_MODES else "RGBA")
        return mixed.convert(mixed.mode[:-1]), mixed.getchannel("A")
    return image.convert(_PLAIN_MODES.get(image.mode, image.mode)), None


def _deep_grey(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """8-bit grey of 16-bit, 32-bit or floating-point grey, and its opacity."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise SignalError(f"{name} has pixels that are not finite numbers.")
    low, high = 0.0, 1.0 if image.mode == "F" else 65535.0
    shown = values
    least, greatest = float(values.min()), float(values.max())
    if least == greatest:  # there is no range to stretch
        shown = values.clip(low, high)
    elif least < low or greatest > high:
        low, high = least, greatest
    grey = np.rint((shown - low) * (255.0 / (high - low)))
    transparent = image.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.fromarray(grey.astype(np.uint8)), alpha


def _to_srgb(colour: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """sRGB by the profile if it can be used with this picture, by Pillow's formulas otherwise."""
    if colour.mode == "LAB" and not icc_profile:
        icc_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    if icc_profile:
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            mode = _MODE_OF_PROFILE.get(profile.profile.xcolor_space.strip())
            if mode == "RGB" and colour.mode == "L":
                colour = colour.convert("RGB")
            if mode == colour.mode:
                srgb = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(colour, profile, srgb, outputMode="RGB")
                assert converted is not None
                return converted
    return colour.convert("RGB")
