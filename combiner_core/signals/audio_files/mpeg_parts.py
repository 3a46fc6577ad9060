"""MPEG audio (MP3 and its elders) as the streams it is made of, each without tags and rubbish.

Files put one after the other are one file to their owner. Each part has frames of its own length,
and states what an encoder added at its start and end.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

_HEADER_BYTES = 4
_ID3V1_BYTES, _ID3V2_HEADER, _APE_HEADER = 128, 10, 32
_LYRICS_END = b"LYRICS200"
_CANDIDATE = re.compile(rb"\xff[\xe0-\xff]|ID3|TAG|APETAGEX|LYRICSBEGIN")
_MOST_BEFORE_START = 1 << 16
# of a frame header: version (of 2.5, 2, 1) and layer are two bits each
_SAMPLE_RATES: Mapping[int, tuple[int, int, int]] = MappingProxyType(
    {0: (11025, 12000, 8000), 2: (22050, 24000, 16000), 3: (44100, 48000, 32000)}
)
_MPEG_1 = 3
# kbit/s by (is MPEG 1, layer)
_BIT_RATES: Mapping[tuple[bool, int], tuple[int, ...]] = MappingProxyType(
    {
        (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
        (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
        (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
        (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
        (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
        (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    }
)
_SIDE_BYTES = MappingProxyType({(True, 2): 32, (True, 1): 17, (False, 2): 17, (False, 1): 9})


@dataclass(frozen=True)
class Frame:
    """What the header of a frame says.

    Attributes:
        size: in bytes, header and all.
        samples: of each channel.
        sample_rate: in Hz.
        channels: one or two.
        layer: 1 to 3.
        is_mpeg_1: whether its version is 1.
    """

    size: int
    samples: int
    sample_rate: int
    channels: int
    layer: int
    is_mpeg_1: bool

    @property
    def kind(self) -> tuple[int, int, int, bool]:
        """What does not change within a stream."""
        return self.sample_rate, self.channels, self.layer, self.is_mpeg_1


@dataclass
class Part:
    """A stream.

    Attributes:
        sample_rate: in Hz.
        content: whole frames, one after the other.
        stated_frames: how many it says it has, `None` if it does not.
        frames: how many there are, without the one that says so.
    """

    sample_rate: int
    content: bytearray = field(default_factory=bytearray)
    stated_frames: int | None = None
    frames: int = 0


@dataclass
class Streams:
    """A file.

    Attributes:
        parts: its streams.
        skipped: bytes that belong to none of them, nor to a tag.
        missing: bytes of the last frame that are not there.
        samples: over all channels.
    """

    parts: list[Part] = field(default_factory=list)
    skipped: int = 0
    missing: int = 0
    samples: int = 0


def split(content: bytes, max_samples: int) -> Streams | None:
    """The streams of a file, or so many of them as have more than `max_samples`.

    Returns:
        ``None`` if it is no MPEG audio, or of a free bit rate.
    """
    streams = Streams()
    position, kind, is_new = 0, None, True
    while position < len(content) and streams.samples <= max_samples:
        tag = _tag_bytes(content, position)
        if tag:
            position += tag
            is_new = is_new or content[position - tag : position - tag + 3] == b"ID3"
            continue
        frame = _frame(content, position, known=kind)
        if frame is None:
            found = _CANDIDATE.search(content, position + 1)
            after = found.start() if found else len(content)
            streams.skipped += after - position
            position = after
            if not streams.parts and streams.skipped > _MOST_BEFORE_START:
                return None
            continue
        body = content[position : position + frame.size]
        position += frame.size
        if len(body) < frame.size:
            streams.missing = frame.size - len(body)
            break
        stated = _stated_frames(body, frame)
        if is_new or stated is not None or frame.kind != kind:
            streams.parts.append(Part(frame.sample_rate, stated_frames=stated))
            kind, is_new = frame.kind, False
        part = streams.parts[-1]
        part.content += body
        part.frames += stated is None
        streams.samples += frame.samples * frame.channels
    return streams if any(part.frames for part in streams.parts) else None


def _frame(content: bytes, position: int, known: object) -> Frame | None:
    """The frame at a position: one like those before, or followed by one like it, or by the end."""
    frame = _header(content, position)
    if frame is None or frame.kind == known:
        return frame
    after = position + frame.size
    follower = _header(content, after)
    if follower is not None:
        return frame if follower.kind == frame.kind else None
    return frame if after == len(content) or _tag_bytes(content, after) else None


def _header(content: bytes, position: int) -> Frame | None:
    if position > len(content) - _HEADER_BYTES:
        return None
    first, second, third, fourth = content[position : position + _HEADER_BYTES]
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    rate_index, sample_rate_index = third >> 4, third >> 2 & 3
    if first != 0xFF or second < 0xE0 or version == 1 or layer == 4:
        return None
    if rate_index in (0, 15) or sample_rate_index == 3 or fourth & 3 == 2:
        return None
    is_mpeg_1 = version == _MPEG_1
    sample_rate = _SAMPLE_RATES[version][sample_rate_index]
    bits_per_s = 1000 * _BIT_RATES[is_mpeg_1, layer][rate_index]
    padding = third >> 1 & 1
    samples = 384 if layer == 1 else 576 if layer == 3 and not is_mpeg_1 else 1152
    if layer == 1:
        size = (12 * bits_per_s // sample_rate + padding) * 4
    else:
        size = samples // 8 * bits_per_s // sample_rate + padding
    channels = 1 if fourth >> 6 == 3 else 2
    return Frame(size, samples, sample_rate, channels, layer, is_mpeg_1)


def _stated_frames(body: bytes, frame: Frame) -> int | None:
    """Frames of the stream, of a frame that holds this in the place of sound; else ``None``."""
    if frame.layer != 3:
        return None
    for at in (_HEADER_BYTES, _HEADER_BYTES + 2):  # there may be a checksum
        start = at + _SIDE_BYTES[frame.is_mpeg_1, frame.channels]
        if body[start : start + 4] in (b"Xing", b"Info"):
            has_count = len(body) >= start + 12 and body[start + 7] & 1
            return struct.unpack_from(">I", body, start + 8)[0] if has_count else 0
    if body[36:40] == b"VBRI" and len(body) >= 54:
        return int.from_bytes(body[50:54], "big")
    return None


def _tag_bytes(content: bytes, position: int) -> int:
    """Length of the tag at a position, 0 if there is none."""
    head = content[position : position + _APE_HEADER]
    if head[:3] == b"ID3" and len(head) >= _ID3V2_HEADER and max(head[6:10]) < 0x80:
        size = sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        has_footer = head[5] >> 4 & 1
        return _ID3V2_HEADER * (1 + has_footer) + size
    if head[:3] == b"TAG" and len(content) - position >= _ID3V1_BYTES:
        return _ID3V1_BYTES
    if head[:8] == b"APETAGEX" and len(head) == _APE_HEADER:
        size, flags = struct.unpack_from("<I4xI", head, 12)
        is_header = flags >> 29 & 1
        return _APE_HEADER + size if is_header else _APE_HEADER
    if head[:11] == b"LYRICSBEGIN":
        end = content.find(_LYRICS_END, position)
        return end + len(_LYRICS_END) - position if end > 0 else 0
    return 0
