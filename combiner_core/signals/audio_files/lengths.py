"""Lengths that headers of uncompressed sound state, and what is really there.

Programs that write to a pipe, and those that end too early, leave lengths that mean nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# what programs state that cannot know: zero, or nearly the most that fits
_UNKNOWN_FROM = 0x7FFF0000
_RIFF_HEADER, _CHUNK_HEADER, _SSND_HEADER = 12, 8, 8
_EXTENSIBLE, _MIN_EXTENSIBLE_BYTES = 0xFFFE, 40
_AU_HEADER, _AU_UNKNOWN = 24, 0xFFFFFFFF
_CAF_HEADER, _CAF_CHUNK = 8, 12
# sound that goes on after its stated end for at least so long is no appendix
_LEAST_S = 0.25


@dataclass(frozen=True)
class Uncompressed:
    """A file whose header tells the truth.

    Attributes:
        content: its bytes.
        notes: sentences on what was not as the header says.
        is_cut_short: whether sound is missing at the end.
        channel_mask: loudspeakers of a WAVE file, if it says any.
        following: another file that was put after it.
    """

    content: bytes
    notes: tuple[str, ...] = ()
    is_cut_short: bool = False
    channel_mask: int | None = None
    following: bytes = b""


def mended(content: bytes) -> Uncompressed:
    """A WAVE, AIFF or AU file with the length of the sound that is there; others as they are."""
    if content[:4] in (b"RIFF", b"RF64", b"BW64") and content[8:12] == b"WAVE":
        return _mended_wave(content)
    if content[:4] == b"FORM" and content[8:12] in (b"AIFF", b"AIFC"):
        return _mended_aiff(content)
    if content[:4] == b".snd" and len(content) > _AU_HEADER and content[8:12] == bytes(4):
        return Uncompressed(content[:8] + _AU_UNKNOWN.to_bytes(4, "big") + content[12:])
    return Uncompressed(content)


def is_cut_short(content: bytes) -> bool:
    """Whether an AVI, W64 or CAF file states more bytes than there are; others do not say."""
    if content[:4] == b"RIFF" and content[8:12] == b"AVI ":
        stated = int.from_bytes(content[4:8], "little") + _CHUNK_HEADER
        return len(content) < stated < _UNKNOWN_FROM
    if content[:4] == b"riff" and content[24:28] == b"wave":
        return len(content) < int.from_bytes(content[16:24], "little") < _UNKNOWN_FROM
    position = _CAF_HEADER
    while content[:4] == b"caff" and position + _CAF_CHUNK <= len(content):
        size = int.from_bytes(content[position + 4 : position + _CAF_CHUNK], "big", signed=True)
        if size < 0:  # of sound whose length was not known
            return False
        position += _CAF_CHUNK + size
    return content[:4] == b"caff" and position > len(content)


def _mended_wave(content: bytes) -> Uncompressed:
    position, mask, bytes_per_s, size_at, stated = _RIFF_HEADER, None, 0, -1, 0
    while True:
        header = _chunk(content, position, "<")
        if header is None:
            return Uncompressed(content, channel_mask=mask)
        name, size = header
        body = position + _CHUNK_HEADER
        if name == b"data":
            break
        if name == b"fmt ":
            mask = _mask(content[body : body + size])
            bytes_per_s = int.from_bytes(content[body + 8 : body + 12], "little")
        if name == b"ds64" and len(content) >= body + 16:
            size_at, stated = body + 8, int.from_bytes(content[body + 8 : body + 16], "little")
        position = body + size + size % 2
    is_long = size_at >= 0 and size == 0xFFFFFFFF
    if not is_long:
        size_at, stated = position + 4, size
    present = len(content) - body
    is_unknown = _is_unknown(stated, present) and not (
        stated == 0 and _is_chunks(content, body, "<")
    )
    goes_on = not is_unknown and _goes_on(content, body + stated, bytes_per_s)
    if is_unknown or goes_on:
        patched = bytearray(content)
        patched[4:8] = min(len(content) - 8, 0xFFFFFFFF).to_bytes(4, "little")
        if is_long:
            patched[size_at - 8 : size_at] = (len(content) - 8).to_bytes(8, "little")
        patched[size_at : size_at + (8 if is_long else 4)] = present.to_bytes(
            8 if is_long else 4, "little"
        )
        return Uncompressed(bytes(patched), _note(goes_on, stated, present), False, mask)
    return _bounded(content, body + stated + stated % 2, "<", stated > present, mask)


def _mended_aiff(content: bytes) -> Uncompressed:
    position, common = _RIFF_HEADER, -1
    while True:
        header = _chunk(content, position, ">")
        if header is None:
            return Uncompressed(content)
        name, stated = header
        body = position + _CHUNK_HEADER
        if name == b"SSND":
            break
        if name == b"COMM" and stated >= 18 and len(content) >= body + 18:
            common = body
        position = body + stated + stated % 2
    present = len(content) - body
    is_unknown = _is_unknown(stated, present) or stated == _SSND_HEADER < present
    is_unknown = is_unknown and not (stated <= _SSND_HEADER and _is_chunks(content, body, ">"))
    if not is_unknown or common < 0:
        return _bounded(content, body + stated + stated % 2, ">", stated > present)
    channels, _, bits = struct.unpack_from(">hIh", content, common)
    frame_bytes = channels * -(-bits // 8)
    patched = bytearray(content)
    patched[4:8] = (len(content) - 8).to_bytes(4, "big")
    patched[position + 4 : body] = present.to_bytes(4, "big")
    if frame_bytes > 0 and present > _SSND_HEADER:
        frames = (present - _SSND_HEADER) // frame_bytes
        patched[common + 2 : common + 6] = frames.to_bytes(4, "big")
    return Uncompressed(bytes(patched))


def _chunk(content: bytes, position: int, order: str) -> tuple[bytes, int] | None:
    """Name and stated size of the chunk at a position, if there is one."""
    if not 0 <= position <= len(content) - _CHUNK_HEADER:
        return None
    name, size = struct.unpack_from(f"{order}4sI", content, position)
    return name, size


def _mask(format_chunk: bytes) -> int | None:
    if len(format_chunk) < _MIN_EXTENSIBLE_BYTES:
        return None
    tag, mask = struct.unpack_from("<H18xI", format_chunk)
    return mask if tag == _EXTENSIBLE else None


def _is_unknown(stated: int, present: int) -> bool:
    return present > 0 and (stated == 0 or (stated >= _UNKNOWN_FROM and stated > present))


def _is_chunks(content: bytes, position: int, order: str) -> bool:
    """Whether the rest of a file is whole chunks, as far as their names and sizes tell."""
    while position < len(content):
        header = _chunk(content, position, order)
        if header is None or not all(0x20 <= byte < 0x7F for byte in header[0]):
            return False
        position += _CHUNK_HEADER + header[1] + header[1] % 2
        if position > len(content) + 1:
            return False
    return True


def _goes_on(content: bytes, end: int, bytes_per_s: int) -> bool:
    """Whether sound goes on after its stated end, which was written before it was finished.

    That is so if what follows has no name, and is of the length of sound.
    """
    header = _chunk(content, end + end % 2, "<")
    is_named = header is None or all(0x20 <= byte < 0x7F for byte in header[0])
    least = max(_LEAST_S * bytes_per_s, _CHUNK_HEADER)
    return not is_named and len(content) - end >= least and any(content[end:])


def _note(goes_on: bool, stated: int, present: int) -> tuple[str, ...]:
    if not goes_on:
        return ()
    return (
        f"Its header states {stated:,} bytes of sound, but there are {present:,}: all were read.",
    )


def _bounded(
    content: bytes, end: int, order: str, is_short: bool, mask: int | None = None
) -> Uncompressed:
    """A file whose sound ends where it says; what follows is chunks of it, or no part of it."""
    if end >= len(content) or _is_chunks(content, end, order):
        if content[end : end + 4] != content[:4]:
            return Uncompressed(content, (), is_short, mask)
        # another file was put after it
        return Uncompressed(_ended(content, end, order), (), False, mask, content[end:])
    rest = len(content) - end
    notes = (f"{rest:,} bytes after the end of its sound were left out.",)
    return Uncompressed(
        _ended(content, end, order), notes if any(content[end:]) else (), False, mask
    )


def _ended(content: bytes, end: int, order: str) -> bytes:
    """A file that ends at `end`, and says so."""
    size = struct.pack(f"{order}I", end - _CHUNK_HEADER)
    return content[:4] + size + content[_CHUNK_HEADER:end]
