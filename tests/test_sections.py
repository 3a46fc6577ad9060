"""Optional sections of the container: exact bytes, and nothing hostile that gets through."""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core import bitstream
from combiner_core.bitstream import Header
from combiner_core.errors import BitstreamError
from combiner_core.sections import MAX_ROUTES, MAX_SECTIONS, NO_SECTIONS, Sections, pack
from combiner_core.signals import About, AudioShape, ImageShape, Shape

IMAGE = Header(ImageShape(768, 512), 7, 0xA1B2C3D4, 5, b"\x00\x0e\x01\x01")
MONO = Header(AudioShape(132300, 1, 44100), 300, 1, (1 << 32) - 1, b"\x00\x0e")
SURROUND = Header(AudioShape(132300, 6, 44100), 300, 1, 1, b"\x00\x0e")

GREY_HEX = (
    "434d4252 03 00 0700 d4c3b2a1 05000000 8006 8004 04 000e0101"
    " 04 01010003 03 c729 010203 e352fc24"
)


def texts() -> st.SearchStrategy[About]:
    names = ("copyright", "author", "date")
    return st.dictionaries(st.sampled_from(names), st.text(max_size=60)).map(About.of)


@pytest.mark.parametrize(
    ("header", "sections"),
    [
        (IMAGE, Sections(equal=3)),
        (IMAGE, Sections(constant=(0, 257, 65535))),
        (IMAGE, Sections(about=About("© Ann", "Ann", "2020"))),
        (MONO, Sections(equal=2)),
        (MONO, Sections(equal=6, channel_mask=0x60F)),
        (MONO, Sections(constant=())),
        (MONO, Sections(routes=(1, 0))),
        (MONO, Sections(routes=(0, 0, 1, 1, 0, 1), channel_mask=0x60F)),
        (SURROUND, Sections(routes=(1, 2, 0, 3, 4, 2, 5, 6))),
        (SURROUND, Sections(channel_mask=0x60F)),
        (SURROUND, Sections(constant=(), channel_mask=0x60F, about=About(date="2020"))),
    ],
)
def test_sections_are_read_back(header: Header, sections: Sections) -> None:
    given_header = replace(header, sections=sections)
    payload = b"" if sections.constant is not None else b"payload"
    data = bitstream.write(given_header, payload)
    assert data[4] == 3
    assert bitstream.read(data).header == given_header
    overhead = bitstream.overhead_bytes(
        header.shape, len(header.parameters), len(payload), sections
    )
    assert len(data) == overhead + len(payload)


def test_bytes_of_a_file_with_a_section_never_change() -> None:
    data = bitstream.write(replace(IMAGE, sections=Sections(equal=3)), b"\x01\x02\x03")
    assert data.hex() == GREY_HEX.replace(" ", "")


def test_a_file_without_sections_is_of_the_version_before() -> None:
    assert bitstream.write(IMAGE, b"x")[4] == 2
    assert pack(NO_SECTIONS) == b""


@given(about=texts())
def test_words_come_back(about: About) -> None:
    data = bitstream.write(replace(IMAGE, sections=Sections(about=about)), b"x")
    assert bitstream.read(data).header.sections.about == about


def test_the_longest_words_fit() -> None:
    about = About("x" * 255, "ü" * 127, "2" * 255)
    packed = pack(Sections(channel_mask=0x60F, routes=(1,) * MAX_ROUTES, about=about))
    assert len(packed) <= MAX_SECTIONS
    data = bitstream.write(replace(SURROUND, sections=Sections(about=about)), b"x")
    assert bitstream.read(data).header.sections.about == about


@pytest.mark.parametrize("header", [IMAGE, MONO], ids=["image", "audio"])
def test_any_damaged_byte_is_noticed(header: Header) -> None:
    count = 3 if header is IMAGE else 2
    sections = Sections(equal=count, about=About("© Ann", "Ann", "2020"))
    data = bitstream.write(replace(header, sections=sections), bytes(range(7)))
    for place in range(len(data)):
        for flip in range(1, 256):
            damaged = bytearray(data)
            damaged[place] ^= flip
            with pytest.raises(BitstreamError):
                bitstream.read(bytes(damaged))


def test_a_file_cut_in_its_sections_is_noticed() -> None:
    data = bitstream.write(replace(IMAGE, sections=Sections(about=About(author="Ann"))), b"abc")
    for length in range(len(data) - 7):
        for allow_truncated in (False, True):
            with pytest.raises(BitstreamError):
                bitstream.read(data[:length], allow_truncated=allow_truncated)
    assert bitstream.read(data[:-6], allow_truncated=True).header.sections.about.author == "Ann"


def section(number: int, part: bytes) -> bytes:
    return bytes([number]) + struct.pack("<H", len(part)) + part


EQUAL, CONSTANT, MASK, ROUTES, ABOUT = 1, 2, 3, 4, 128


@pytest.mark.parametrize(
    ("header", "packed", "sentence"),
    [
        (IMAGE, section(EQUAL, b"\x02"), "no such equal channels"),
        *(
            (header, section(ROUTES, bytes(routes)), "channels are not as they are written")
            for header, routes in (
                (IMAGE, (1, 0)),
                (MONO, ()),
                (MONO, (1,)),
                (MONO, (0, 0)),
                (MONO, (1, 1)),
                (MONO, (1, 2)),
                (MONO, (2, 0)),
                (MONO, (1, 0, 3)),
                (MONO, (1, *(0,) * MAX_ROUTES)),
                (SURROUND, (1, 2, 3, 4, 5, 6)),
                (SURROUND, (1, 2, 4, 3, 5, 6, 0)),
            )
        ),
        (MONO, section(EQUAL, b"\x02") + section(ROUTES, b"\x01\x00"), "contradicts"),
        (IMAGE, section(EQUAL, b""), "no such equal channels"),
        (IMAGE, section(EQUAL, b"\x03\x00"), "no such equal channels"),
        (MONO, section(EQUAL, b"\x01"), "no such equal channels"),
        (SURROUND, section(EQUAL, b"\x02"), "no such equal channels"),
        (IMAGE, section(CONSTANT, b""), "no such constant"),
        (MONO, section(CONSTANT, bytes(6)), "no such constant"),
        (IMAGE, section(CONSTANT, bytes(6)), "it codes what is constant"),
        (IMAGE, section(EQUAL, b"\x03") + section(CONSTANT, bytes(6)), "contradicts"),
        (IMAGE, section(MASK, b"\x3f\0\0\0"), "its loudspeakers"),
        (SURROUND, section(MASK, b"\x1f\0\0\0"), "its loudspeakers"),
        (SURROUND, section(MASK, b"\x3f\0\0\x80"), "its loudspeakers"),
        (SURROUND, section(MASK, b"\x3f"), "its loudspeakers"),
        (IMAGE, section(ABOUT, b"\x00"), "its words"),
        (IMAGE, section(ABOUT, b"\x00\x05abc"), "its words"),
        (IMAGE, section(ABOUT, b"\x03\x01a"), "its words"),
        (IMAGE, section(ABOUT, b"\x00\x01a\x00\x01b"), "its words"),
        (IMAGE, section(ABOUT, b"\x00\x02\xff\xfe"), "its words are not text"),
        (IMAGE, section(7, b""), "this version does not understand"),
        (IMAGE, section(0, b""), "not in order"),
        (IMAGE, section(ABOUT, b"") + section(EQUAL, b"\x03"), "not in order"),
        (IMAGE, section(EQUAL, b"\x03") * 2, "not in order"),
        (IMAGE, b"\x01\x09\x00a", "longer than it"),
        (IMAGE, b"\x01", "longer than it"),
        (IMAGE, b"", "out of range"),
        (IMAGE, bytes(MAX_SECTIONS + 1), "out of range"),
    ],
)
def test_hostile_sections_are_refused(header: Header, packed: bytes, sentence: str) -> None:
    with pytest.raises(BitstreamError, match=sentence) as caught:
        bitstream.read(with_sections(header, packed))
    assert str(caught.value).endswith(".")


def test_sections_of_the_future_that_may_be_skipped_are() -> None:
    packed = section(EQUAL, b"\x03") + section(200, b"whatever")
    assert bitstream.read(with_sections(IMAGE, packed)).header.sections == Sections(equal=3)


def test_words_that_steer_terminals_are_made_readable() -> None:
    evil = "\x1b[2J\u202eAnn\nmore".encode()
    packed = section(ABOUT, bytes([1, len(evil)]) + evil)
    about = bitstream.read(with_sections(IMAGE, packed)).header.sections.about
    assert about.author == "[2J Ann more"


@given(packed=st.binary(max_size=60), kind=st.sampled_from([IMAGE, MONO, SURROUND]))
def test_random_sections_are_read_or_refused(packed: bytes, kind: Header) -> None:
    try:
        header = bitstream.read(with_sections(kind, packed)).header
    except BitstreamError:
        return
    assert isinstance(header.sections, Sections)


@pytest.mark.parametrize(
    ("shape", "count", "expected"),
    [
        (ImageShape(9, 8), 3, ImageShape(9, 8)),
        (AudioShape(99, 1, 8000), 5, AudioShape(99, 5, 8000)),
        (AudioShape(99, 2, 8000), 0, AudioShape(99, 2, 8000)),
    ],
)
def test_the_shape_of_the_signal(shape: Shape, count: int, expected: Shape) -> None:
    header = Header(shape, 1, 2, 3, b"", Sections(equal=count))
    assert header.signal_shape == expected


def with_sections(header: Header, packed: bytes) -> bytes:
    """A file with right checksums, three bytes of payload, and these sections."""
    plain = bitstream.write(header, b"abc")
    head = bytearray(plain[:-10])  # without the length of the payload and all that follows
    head[4] = 3
    head += varint(len(packed)) + packed + b"\x03"
    head += struct.pack("<H", binascii.crc_hqx(bytes(head), 0xFFFF)) + b"abc"
    return bytes(head) + struct.pack("<I", zlib.crc32(bytes(head)))


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])
