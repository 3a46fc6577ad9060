"""JPEG XL files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from combiner_core.errors import SignalError
from combiner_core.signals.about import NOTHING_KNOWN
from combiner_core.signals.colour.tags import ColourTags
from combiner_core.signals.image_files import exif
from combiner_core.signals.image_files.boxes import boxes_in
from combiner_core.signals.image_files.picture import Picture
from combiner_core.signals.image_files.scaling import shares_of_white

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
# width over height by the code of the header
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDE_BITS = (9, 13, 18, 30)
_DEPTHS = (8, 10, 12)
_HEAD_BYTES, _LEAST_BYTES = 32, 8
_CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "F": 1, "F;16": 1}
_TYPES = {"I;16": np.uint16, "F": np.float32, "F;16": np.float16}


def read(
    content: bytes, name: str, check_size: Callable[[int, int], None]
) -> Picture | bytes | None:
    """The first frame of a file, upright; or the JPEG file that it was made of, bit for bit.

    Args:
        content: its bytes.
        name: for errors.
        check_size: refuses a width and a height.

    Returns:
        ``None`` of other files.

    Raises:
        SignalError: it is refused or damaged.
    """
    codestream = _codestream(content)
    if codestream is None:
        return None
    damaged = SignalError(f"{name} is damaged or incomplete: its picture cannot be decoded.")
    if len(codestream) < _LEAST_BYTES:
        raise damaged
    head = _Bits(codestream)
    check_size(*_size(head))
    bits = _depth(head)
    from pillow_jxl import Decoder

    try:
        is_jpeg, info, data, profile, extras = Decoder(num_threads=0)(content)
        if is_jpeg:
            return bytes(data)
        picture = _picture(info, data, profile, extras, name)
    except (SignalError, MemoryError):
        raise
    except Exception as error:  # libjxl meets hostile bytes with many kinds of exception
        raise damaged from error
    if bits > 8 and isinstance(picture.colour, Image.Image):
        note = f"Of its {bits} bits a colour eight were read."
        return replace(picture, notes=(*picture.notes, note))
    return picture


def _picture(info: Any, data: bytes, profile: bytes, extras: Any, name: str) -> Picture:
    channels = _CHANNELS[info.mode]
    pixels = np.frombuffer(data, _TYPES.get(info.mode, np.uint8))
    pixels = pixels.reshape(info.height, info.width, channels)
    alpha = None
    if channels in (2, 4):
        pixels, alpha = pixels[..., :-1], np.ascontiguousarray(pixels[..., -1])
    notes: tuple[str, ...] = ()
    colour: Any = pixels
    if pixels.dtype == np.uint8:
        colour = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if channels < 3 else pixels))
    elif pixels.dtype != np.uint16:
        colour, notes = shares_of_white(pixels, name, stretch_few=False)
    about, metadata = NOTHING_KNOWN, []
    for extra in extras:
        kind = bytes(extra.box_type)
        metadata += [word for box, word in ((b"Exif", "EXIF"), (b"xml ", "XMP")) if box == kind]
        if kind == b"Exif":
            box = bytes(extra.data)  # which may begin with an offset
            about = exif.said_in(box if box[:2] in (b"II", b"MM") else box[4:]).about
    return Picture(colour, alpha, ColourTags(icc=profile or None), 1, notes, about, tuple(metadata))


def _codestream(content: bytes) -> bytes | None:
    """The first bytes of the picture, ``None`` of other files."""
    if content.startswith(_CODESTREAM):
        return content[:_HEAD_BYTES]
    if not content.startswith(_CONTAINER):
        return None
    start = b""
    for kind, body in boxes_in(content):
        start += {b"jxlc": body, b"jxlp": body[4:]}.get(kind, b"")[:_HEAD_BYTES]
    return start


class _Bits:
    """Numbers of a header, whose bits come from the least significant on; zeros at its end."""

    def __init__(self, start: bytes) -> None:
        self._left = int.from_bytes(start[len(_CODESTREAM) : _HEAD_BYTES], "little")

    def take(self, count: int) -> int:
        """The next number of so many bits."""
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def _size(head: _Bits) -> tuple[int, int]:
    """Width and height."""
    is_small = head.take(1)

    def side() -> int:
        if is_small:
            return 8 * (head.take(5) + 1)
        return head.take(_SIDE_BITS[head.take(2)]) + 1

    height = side()
    ratio = head.take(3)
    if ratio == 0:
        return side(), height
    numerator, denominator = _RATIOS[ratio - 1]
    return height * numerator // denominator, height


def _depth(head: _Bits) -> int:
    """Bits of a colour as far as the header tells at once, else 8."""
    is_usual = head.take(1)
    if is_usual:
        return 8
    has_extras = head.take(1)
    if has_extras:
        head.take(3)  # how it is turned
        if head.take(3):  # an inner size, a preview, or an animation
            return 8
    if head.take(1):  # floating point
        return 32
    choice = head.take(2)
    return _DEPTHS[choice] if choice < len(_DEPTHS) else 1 + head.take(6)
