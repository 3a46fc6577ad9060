"""Optional sections of a `.cmb` header: what some files say besides; see docs/bitstream.md."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from combiner_core.errors import BitstreamError
from combiner_core.signals.about import NOTHING_KNOWN, About
from combiner_core.signals.audio_files.channels import is_mask
from combiner_core.signals.shape import AudioShape, ImageShape, Shape

MAX_SECTIONS = 1023
_EQUAL, _CONSTANT, _MASK, _ROUTES, _ABOUT = 1, 2, 3, 4, 128
# sections from this number on may be skipped by those who do not know them
_FIRST_OPTIONAL = 128
_COLOURS = 3
_MAX_CHANNELS = 255
MAX_ROUTES = 32
_PIXEL, _CHANNEL_MASK = struct.Struct("<3H"), struct.Struct("<I")


@dataclass(frozen=True)
class Sections:
    """What a file says besides the usual.

    Attributes:
        equal: channels of the signal that are all the same: the three colours of grey, or the
            channels of a clip, of which one is coded; 0 if that is not so.
        constant: nothing is coded, for all pixels are this one, as 16-bit RGB, or, with no numbers,
            all samples are zero; ``None`` of other signals.
        channel_mask: loudspeakers of the channels as in WAVE files, if they are not the usual ones.
        routes: of a clip whose channels are in part silent or equal, for each channel which of
            the coded ones it is, from 1 on, or 0 for silence; empty of other signals.
        about: who made the signal.
    """

    equal: int = 0
    constant: tuple[int, ...] | None = None
    channel_mask: int | None = None
    routes: tuple[int, ...] = ()
    about: About = NOTHING_KNOWN

    def output_shape(self, shape: Shape) -> Shape:
        """Dimensions of the signal, from those of what is coded."""
        channels = self.equal or len(self.routes)
        if channels and isinstance(shape, AudioShape):
            return AudioShape(shape.samples, channels, shape.sample_rate)
        return shape


NO_SECTIONS = Sections()


def pack(sections: Sections) -> bytes:
    """The bytes of all sections that say something, none if nothing does."""
    parts: dict[int, bytes] = {}
    if sections.equal:
        parts[_EQUAL] = bytes([sections.equal])
    if sections.constant is not None:
        parts[_CONSTANT] = _PIXEL.pack(*sections.constant) if sections.constant else b""
    if sections.channel_mask is not None:
        parts[_MASK] = _CHANNEL_MASK.pack(sections.channel_mask)
    if sections.routes:
        parts[_ROUTES] = bytes(sections.routes)
    about = b"".join(
        bytes([number, len(text)]) + text
        for number, text in enumerate(_texts(sections.about))
        if text
    )
    if about:
        parts[_ABOUT] = about
    return b"".join(
        bytes([number]) + struct.pack("<H", len(part)) + part for number, part in parts.items()
    )


def parse(data: bytes, shape: Shape) -> Sections:
    """The sections of a header, from anywhere.

    Args:
        data: their bytes.
        shape: of what is coded.

    Raises:
        BitstreamError: they are none that a writer makes, or need a later version.
    """
    found: dict[int, bytes] = {}
    for number, part in _split(data):
        if number <= max(found, default=0):
            raise _damaged("its sections are not in order")
        found[number] = part
    known = {_EQUAL, _CONSTANT, _MASK, _ROUTES}
    if any(number < _FIRST_OPTIONAL for number in found.keys() - known):
        raise BitstreamError("The file says something that this version does not understand.")
    equal = _equal(found[_EQUAL], shape) if _EQUAL in found else 0
    constant = _constant(found[_CONSTANT], shape) if _CONSTANT in found else None
    routes = _routes(found[_ROUTES], shape) if _ROUTES in found else ()
    if bool(equal) + (constant is not None) + bool(routes) > 1:
        raise _damaged("one of its sections contradicts another")
    about = _about(found.get(_ABOUT, b""))
    sections = Sections(equal, constant, routes=routes, about=about)
    if _MASK not in found:
        return sections
    return replace(sections, channel_mask=_mask(found[_MASK], sections.output_shape(shape)))


def _split(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(data):
        head = data[position : position + 3]
        end = position + 3 + int.from_bytes(head[1:], "little")
        if len(head) < 3 or end > len(data):
            raise _damaged("a section is longer than it")
        yield head[0], data[position + 3 : end]
        position = end


def _equal(part: bytes, shape: Shape) -> int:
    count = part[0] if len(part) == 1 else 0
    if isinstance(shape, ImageShape):
        is_right = count == _COLOURS
    else:
        is_right = 2 <= count <= _MAX_CHANNELS and shape.channels == 1
    if not is_right:
        raise _damaged("it has no such equal channels")
    return count


def _constant(part: bytes, shape: Shape) -> tuple[int, ...]:
    if isinstance(shape, AudioShape) and not part:
        return ()
    if isinstance(shape, ImageShape) and len(part) == _PIXEL.size:
        return _PIXEL.unpack(part)
    raise _damaged("it has no such constant")


def _routes(part: bytes, shape: Shape) -> tuple[int, ...]:
    routes, coded = tuple(part), 0
    for route in routes:
        # coded channels are told in their order
        if route > coded + 1:
            raise _damaged("its channels are not as they are written")
        coded = max(coded, route)
    is_right = isinstance(shape, AudioShape) and coded == shape.channels
    is_needed = len(routes) > coded > 0 and not coded == min(routes) == 1
    if not is_right or not is_needed or len(routes) > MAX_ROUTES:
        raise _damaged("its channels are not as they are written")
    return routes


def _mask(part: bytes, shape: Shape) -> int:
    if isinstance(shape, AudioShape) and len(part) == _CHANNEL_MASK.size:
        (mask,) = _CHANNEL_MASK.unpack(part)
        if is_mask(mask, shape.channels):
            return int(mask)
    raise _damaged("its loudspeakers are not those of its channels")


def _texts(about: About) -> list[bytes]:
    return [getattr(about, field.name).encode() for field in fields(About)]


def _about(part: bytes) -> About:
    names = [field.name for field in fields(About)]
    texts: dict[str, str] = {}
    position = 0
    while position < len(part):
        number, length = part[position], part[position + 1 : position + 2]
        end = position + 2 + (length[0] if length else 0)
        if not length or end > len(part) or number >= len(names) or names[number] in texts:
            raise _damaged("its words are not as they are written")
        try:
            texts[names[number]] = part[position + 2 : end].decode("utf-8")
        except UnicodeDecodeError as error:
            raise _damaged("its words are not text") from error
        position = end
    # whatever they are, they are for people to read
    return About.of(texts)


def _damaged(why: str) -> BitstreamError:
    return BitstreamError(f"The header of the file is damaged: {why}.")
