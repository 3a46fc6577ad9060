"""The container: exact bytes, and no input that makes its reader fail in another way."""

from __future__ import annotations

import binascii
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core import bitstream
from combiner_core.bitstream import Header
from combiner_core.errors import BitstreamError
from combiner_core.signals import AudioShape, ImageShape

IMAGE = Header(ImageShape(768, 512), 7, 0xA1B2C3D4, 5, b"\x00\x0e\x01\x01")
AUDIO = Header(AudioShape(132300, 2, 44100), 300, 1, (1 << 32) - 1, b"")

IMAGE_HEX = "434d4252 02 00 0700 d4c3b2a1 05000000 8006 8004 04 000e0101 03 e016 010203 ea2ce0ab"
AUDIO_HEX = "434d4252 02 01 2c01 01000000 ffffffff cc8908 02 c4d802 00 01 20e7 ff c779da17"


def varint(maximum: int) -> st.SearchStrategy[int]:
    """Numbers of every length a varint can have, and the largest."""
    powers = st.sampled_from([1 << shift for shift in range(0, maximum.bit_length(), 7)])
    return st.one_of(st.integers(1, maximum), powers, st.just(maximum)).filter(
        lambda number: number <= maximum
    )


U16, U32 = st.integers(0, (1 << 16) - 1), st.integers(0, (1 << 32) - 1)
SIDES = varint(bitstream.MAX_SIDE)
IMAGE_SHAPES = st.builds(ImageShape, SIDES, SIDES)
AUDIO_SHAPES = st.builds(
    AudioShape,
    varint(bitstream.MAX_SAMPLES),
    varint(bitstream.MAX_CHANNELS),
    st.integers(bitstream.MIN_SAMPLE_RATE, bitstream.MAX_SAMPLE_RATE),
)
HEADERS = st.builds(
    Header, IMAGE_SHAPES | AUDIO_SHAPES, U16, U32, U32, st.binary(max_size=bitstream.MAX_PARAMETERS)
)


@pytest.mark.parametrize(
    ("header", "payload", "golden"),
    [(IMAGE, b"\x01\x02\x03", IMAGE_HEX), (AUDIO, b"\xff", AUDIO_HEX)],
    ids=["image", "audio"],
)
def test_bytes_of_a_file_never_change(header: Header, payload: bytes, golden: str) -> None:
    assert bitstream.write(header, payload).hex() == golden.replace(" ", "")
    assert bitstream.read(bytes.fromhex(golden)).header == header


def test_checksums_are_the_documented_ones() -> None:
    data = bitstream.write(IMAGE, b"\x01\x02\x03")
    head = data[:-9]
    assert _crc16(b"123456789") == 0x29B1
    assert data[-9:-7] == _crc16(head).to_bytes(2, "little")
    assert data[-4:] == zlib.crc32(data[:-4]).to_bytes(4, "little")


@given(header=HEADERS, payload=st.binary(max_size=300))
def test_what_is_written_is_read_back(header: Header, payload: bytes) -> None:
    data = bitstream.write(header, payload)
    container = bitstream.read(data)
    assert (container.header, container.payload) == (header, payload)
    assert container.payload_bytes == len(payload)
    assert container.complete
    assert len(data) == bitstream.overhead_bytes(
        header.shape, len(header.parameters), len(payload)
    ) + len(payload)


def test_header_is_small() -> None:
    assert bitstream.overhead_bytes(IMAGE.shape, len(IMAGE.parameters), 3000) <= 33
    assert bitstream.overhead_bytes(AUDIO.shape, len(AUDIO.parameters), 3000) <= 32


@pytest.mark.parametrize("header", [IMAGE, AUDIO], ids=["image", "audio"])
def test_any_damaged_byte_is_noticed(header: Header) -> None:
    data = bitstream.write(header, bytes(range(7)))
    for place in range(len(data)):
        for flip in range(1, 256):
            damaged = bytearray(data)
            damaged[place] ^= flip
            with pytest.raises(BitstreamError):
                bitstream.read(bytes(damaged))


@pytest.mark.parametrize("header", [IMAGE, AUDIO], ids=["image", "audio"])
def test_a_file_cut_anywhere_is_noticed(header: Header) -> None:
    payload = bytes(range(40))
    data = bitstream.write(header, payload)
    start = len(data) - 4 - len(payload)
    for length in range(len(data)):
        with pytest.raises(BitstreamError) as caught:
            bitstream.read(data[:length])
        if length < start:
            expected = "This is not a .cmb file." if not length else "ends within its header."
            assert str(caught.value).endswith(expected)
            with pytest.raises(BitstreamError):
                bitstream.read(data[:length], allow_truncated=True)
        else:
            present = min(length - start, len(payload))
            assert f"cut short: {present} of {len(payload)} payload bytes" in str(caught.value)
            container = bitstream.read(data[:length], allow_truncated=True)
            assert container.header == header
            assert container.payload == payload[:present]
            assert container.payload_bytes == len(payload)
            if present < len(payload):
                assert not container.complete


def test_complete_promises_a_verified_checksum() -> None:
    data = bitstream.write(IMAGE, b"payload")
    damaged = data[:-6] + b"X" + data[-5:-1]
    assert not bitstream.read(damaged, allow_truncated=True).complete


def test_a_damaged_payload_is_refused_even_where_a_short_one_is_allowed() -> None:
    data = bytearray(bitstream.write(IMAGE, b"payload"))
    data[-8] ^= 1
    with pytest.raises(BitstreamError, match=r"^The file is damaged: its checksum"):
        bitstream.read(bytes(data), allow_truncated=True)


@pytest.mark.parametrize("allow_truncated", [False, True])
def test_trailing_bytes_are_refused(allow_truncated: bool) -> None:
    data = bitstream.write(IMAGE, b"payload") + b"\x00\x00"
    with pytest.raises(BitstreamError, match=r"^The file has 2 bytes after its end\.$"):
        bitstream.read(data, allow_truncated=allow_truncated)


def test_another_version_is_named() -> None:
    data = bytearray(bitstream.write(IMAGE, b"payload"))
    data[4] = 1
    with pytest.raises(
        BitstreamError, match=r"format version 1; this program reads versions 2 and 3\.$"
    ):
        bitstream.read(bytes(data))


def test_another_kind_is_named() -> None:
    data = bytearray(bitstream.write(IMAGE, b"payload"))
    data[5] = 2
    with pytest.raises(BitstreamError, match=r"^The file holds an unknown kind of signal, number"):
        bitstream.read(bytes(data))


@pytest.mark.parametrize("data", [b"", b"x", b"CMBX", b"hello world", b"\x89PNG\r\n\x1a\n" * 9])
def test_another_file_is_recognised(data: bytes) -> None:
    with pytest.raises(BitstreamError, match=r"^This is not a \.cmb file\.$"):
        bitstream.read(data)


@pytest.mark.parametrize(
    ("width", "why"),
    [
        (b"\x00", "out of range"),
        (b"\x81\x80\x40", "out of range"),  # 2^20 + 1
        (b"\x80\x80\x80\x80\x10", "out of range"),  # 2^32
        (b"\xff" * 40, "too large"),
        (b"\x80" * 40 + b"\x01", "too large"),
        (b"\x80\x00", "out of range"),  # zero in two bytes
        (b"\x88\x00", "out of range"),  # eight in two bytes
        (b"\x88\x80\x00", "out of range"),  # eight in three
    ],
)
def test_hostile_numbers_are_refused(width: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why):
        bitstream.read(_image_file(width, b"\x08", b"\x00", b"\x00"))


@pytest.mark.parametrize(
    "numbers",
    [
        (b"\x08", b"\x08", b"\x80\x02", b"\x00"),  # 256 parameters
        (b"\x08", b"\x08", b"\x00", b"\x81\x80\x80\x80\x08"),  # a payload of 2^31 + 1 bytes
        (b"\x08", b"\x08", b"\x81\x00", b"\x00"),  # one parameter, written in two bytes
        (b"\x08", b"\x08", b"\x00", b"\x80\x00"),  # an empty payload, written in two bytes
    ],
)
def test_hostile_lengths_are_refused(numbers: tuple[bytes, ...]) -> None:
    with pytest.raises(BitstreamError, match="a number is out of range"):
        bitstream.read(_image_file(*numbers))


def test_a_huge_stated_payload_costs_nothing() -> None:
    data = _image_file(b"\x08", b"\x08", b"\x00", b"\x80\x80\x80\x80\x08")
    with pytest.raises(BitstreamError, match=f"cut short: 4 of {1 << 31} payload bytes"):
        bitstream.read(data)


@given(header=HEADERS, file_bytes=st.integers(0, 40_000) | st.sampled_from([1 << 21, 1 << 28]))
def test_max_payload_fills_the_budget(header: Header, file_bytes: int) -> None:
    payload_bytes = bitstream.max_payload_bytes(header.shape, len(header.parameters), file_bytes)
    if payload_bytes < 0:
        assert bitstream.overhead_bytes(header.shape, len(header.parameters), 0) > file_bytes
    else:
        total = payload_bytes + bitstream.overhead_bytes(
            header.shape, len(header.parameters), payload_bytes
        )
        assert file_bytes - 1 <= total <= file_bytes


@pytest.mark.parametrize("around", [128, 16384])
def test_max_payload_where_its_length_grows_a_byte(around: int) -> None:
    for file_bytes in range(around, around + 80):
        payload_bytes = bitstream.max_payload_bytes(IMAGE.shape, len(IMAGE.parameters), file_bytes)
        size = len(bitstream.write(IMAGE, bytes(payload_bytes)))
        assert file_bytes - 1 <= size <= file_bytes
        assert len(bitstream.write(IMAGE, bytes(payload_bytes + 1))) > file_bytes


@given(data=st.binary(max_size=80), allow_truncated=st.booleans())
def test_random_bytes_are_refused(data: bytes, allow_truncated: bool) -> None:
    with pytest.raises(BitstreamError):
        bitstream.read(data, allow_truncated=allow_truncated)


@given(rest=st.binary(max_size=80), kind=st.integers(0, 1), allow_truncated=st.booleans())
def test_random_bytes_after_a_good_start(rest: bytes, kind: int, allow_truncated: bool) -> None:
    data = bytes([*bitstream.MAGIC, bitstream.VERSION, kind]) + rest
    with pytest.raises(BitstreamError):
        bitstream.read(data, allow_truncated=allow_truncated)


def _image_file(width: bytes, height: bytes, parameters: bytes, payload_length: bytes) -> bytes:
    """A file with right checksums and these encoded numbers."""
    head = struct.pack("<4sBBHII", b"CMBR", 2, 0, 7, 1, 0)
    head += width + height + parameters + payload_length
    head += binascii.crc_hqx(head, 0xFFFF).to_bytes(2, "little")
    return head + zlib.crc32(head).to_bytes(4, "little")


def _crc16(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021, started at 0xFFFF, most significant bit first."""
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x1021 if remainder & 0x8000 else 0)
            remainder &= 0xFFFF
    return remainder
