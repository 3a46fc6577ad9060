"""Pictures that Pillow reads, and what it does not tell of them: depth, frames, colours."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combiner_core.errors import SignalError
from combiner_core.signals.about import About
from combiner_core.signals.colour.tags import ColourTags
from combiner_core.signals.image_files import boxes, deep, exif, jpeg2000, png
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.image_files.scaling import shares_of_white

# Only these decoders ever see the bytes: some of Pillow's others start outside programs.
DECODERS = ("PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "BMP", "TIFF", "GIF")
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
# modes without transparency that hold grey or RGB in another form
_PLAIN_MODES = MappingProxyType({"1": "L", "P": "RGB", "RGBX": "RGB", "YCbCr": "RGB"})
# names in `Image.info` of what is said, not shown
_SAID = MappingProxyType({"exif": "EXIF", "xmp": "XMP", "photoshop": "IPTC", "comment": "comment"})
_TEXTS = MappingProxyType({"copyright": "Copyright", "author": "Author", "date": "Creation Time"})
_XMP_TEXT = "XML:com.adobe.xmp"  # in `info` as "xmp"
_PAGES = MappingProxyType({"TIFF": "pages", "MPO": "pictures"})
# counting the frames of a longer file can take a while
_MOST_COUNTED_BYTES = 1 << 24
_MOST_FRAMES = 100_000
_TIFF_BITS = 258
_DEEPEST = 16


def read(image: Image.Image, content: bytes, name: str, frame_s: float | None) -> Picture:
    """The picture of a file that Pillow has opened, whose size has been checked.

    Args:
        image: not decoded yet.
        content: of the file.
        name: for errors.
        frame_s: when to take a frame of an animation; ``None`` for the first.

    Raises:
        SignalError: there is no such frame, or its pixels are not finite.
        Exception: whatever Pillow raises on damaged bytes.
    """
    notes = _choose_frame(image, content, name, frame_s)
    picture = of_image(image, name)
    still = boxes.properties(content) if image.format == "AVIF" else boxes.StillProperties()
    tags = replace(picture.tags, cicp=png.code_points(content), nclx=still.nclx)
    has_frames = getattr(image, "is_animated", False) and image.format not in _PAGES
    picture = replace(picture, tags=tags, notes=notes + picture.notes, has_frames=has_frames)
    is_first = image.tell() == 0
    return _deepened(picture, image, content, still.bits) if is_first else picture


def of_image(image: Image.Image, name: str) -> Picture:
    """A picture that Pillow holds, or has yet to decode.

    Raises:
        SignalError: its pixels are not finite.
        Exception: whatever Pillow raises on damaged bytes.
    """
    said = exif.said_by(image.getexif)  # of some files it is gone once they are decoded
    image.load()
    notes: tuple[str, ...] = ()
    colour: Any
    alpha: NDArray[Any] | None = None
    if image.mode.startswith(("I", "F")):
        colour, alpha, notes = _deep_grey(image, name)
    else:
        colour, opacity = _split_alpha(image)
        alpha = None if opacity is None else np.asarray(opacity)
    info = image.info
    tags = ColourTags(
        icc=info.get("icc_profile"),
        is_srgb="srgb" in info,
        gamma=info.get("gamma"),
        chromaticities=info.get("chromaticity"),
        is_adobe_rgb=said.is_adobe_rgb,
    )
    texts: dict[str, Any] = getattr(image, "text", None) or {}
    about = About.of({key: texts.get(text) for key, text in _TEXTS.items()} | said.about.known())
    metadata = [word for key, word in _SAID.items() if info.get(key)]
    if image.format == "JPEG2000":
        metadata = []  # the comment names a program
    metadata += [key for key in texts if key not in (*_TEXTS.values(), _XMP_TEXT)]
    return Picture(
        colour,
        alpha,
        tags,
        exif.said_by(image.getexif).orientation,  # TIFF is turned when it is decoded
        notes,
        about,
        tuple(dict.fromkeys(metadata)),
    )


def _choose_frame(
    image: Image.Image, content: bytes, name: str, frame_s: float | None
) -> tuple[str, ...]:
    if not getattr(image, "is_animated", False):
        if frame_s:
            raise SignalError(f"{name} is one picture: it has no frame at {frame_s:g} s.")
        return ()
    what = _PAGES.get(image.format or "", "frames")
    frames = image.n_frames if len(content) <= _MOST_COUNTED_BYTES else None  # type: ignore[attr-defined]
    place = _seek(image, name, frame_s) if frame_s else 0
    if frames is None:
        return (f"Of its {what} only number {place + 1} was used.",)
    return (f"1 of its {frames} {what} was used: number {place + 1}.",)


def _seek(image: Image.Image, name: str, frame_s: float) -> int:
    """Go to the frame that is shown at a time, and say which it is."""
    end_s = 0.0
    for place in range(_MOST_FRAMES):
        try:
            image.seek(place)
            image.load()  # some tell only then how long it is shown
        except EOFError:
            break
        end_s += image.info.get("duration", 0) / 1000
        if frame_s < end_s:
            return place
    raise SignalError(f"{name} lasts {end_s:.2f} s: it has no frame at {frame_s:g} s.")


def _deepened(picture: Picture, image: Image.Image, content: bytes, avif_bits: int) -> Picture:
    """The same picture to the full precision of its file, where Pillow cut it to eight bits."""
    pixels: NDArray[Any] | None = None
    bits = 8
    if image.format == "JPEG2000":
        bits, pixels = jpeg2000.depth(content), jpeg2000.pixels(content)
    elif not isinstance(picture.colour, Image.Image):
        return picture
    elif image.format == "PNG" and png.depth(content) == _DEEPEST:
        bits, pixels = _DEEPEST, deep.still(content, "png")
    elif image.format == "AVIF" and avif_bits > 8:
        bits, pixels = avif_bits, deep.avif(content, image.size)
    elif image.format == "TIFF":
        bits = max(image.tag_v2.get(_TIFF_BITS, (8,)))  # type: ignore[attr-defined]
    if bits <= 8:
        return picture
    channels = 1 if pixels is not None and pixels.shape[2] < 3 else 3
    if pixels is None or not deep.agree(pixels[..., :channels], _levels(picture.colour)):
        if not isinstance(picture.colour, Image.Image):
            return picture
        note = f"Of its {bits} bits a colour eight were read."
        return replace(picture, notes=(*picture.notes, note))
    alpha = picture.alpha
    if alpha is not None and pixels.shape[2] in (2, 4):
        alpha = pixels[..., -1]
    return replace(picture, colour=pixels[..., :channels], alpha=alpha)


def _levels(colour: Image.Image | NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels in eight bits (height, width, channels)."""
    if not isinstance(colour, Image.Image):
        return (colour >> 8).astype(np.uint8)
    levels = np.asarray(colour)
    return levels.reshape(*levels.shape[:2], -1)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour as L, RGB, CMYK or LAB, and the opacity as L where there is any transparency."""
    if image.has_transparency_data:
        mixed = image.convert("LA" if image.mode in _GREY_MODES else "RGBA")
        return mixed.convert(mixed.mode[:-1]), mixed.getchannel("A")
    return image.convert(_PLAIN_MODES.get(image.mode, image.mode)), None


def _deep_grey(
    image: Image.Image, name: str
) -> tuple[NDArray[Any], NDArray[np.uint8] | None, tuple[str, ...]]:
    """Grey of 16 bits or shares of white (height, width, 1), and its opacity."""
    values = np.asarray(image)
    transparent = image.info.get("transparency")
    alpha = None
    if isinstance(transparent, int):
        alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    notes: tuple[str, ...] = ()
    if image.mode.startswith("I;16"):
        grey: NDArray[Any] = values.astype(np.uint16)
    else:
        grey, notes = shares_of_white(values, name, stretch_few=True)
    return grey[..., None], alpha, notes
