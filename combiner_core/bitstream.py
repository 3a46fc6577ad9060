"""The `.cmb` container: a small checked header and a payload. See docs/bitstream.md."""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass

from combiner_core.errors import BitstreamError
from combiner_core.sections import MAX_SECTIONS, NO_SECTIONS, Sections, pack, parse
from combiner_core.signals.shape import AudioShape, ImageShape, Kind, Shape

MAGIC = b"CMBR"
VERSION = 2
VERSION_WITH_SECTIONS = 3
MAX_SIDE = 1 << 20
MAX_SAMPLES = 1 << 40
MIN_SAMPLE_RATE = 1000
MAX_SAMPLE_RATE = 1 << 20
MAX_CHANNELS = 255
MAX_PARAMETERS = 255
MAX_PAYLOAD = 1 << 31
_CHECKSUM_BYTES = 4

_FIXED = struct.Struct("<4sBBHII")  # magic, version, kind, model, prior, seed
_KINDS: tuple[Kind, ...] = ("image", "audio")


@dataclass(frozen=True)
class Header:
    """Everything a decoder must know before the payload.

    Attributes:
        shape: dimensions of what is coded; its type tells the kind.
        model_id: number of the preset, u16.
        prior_hash: first four bytes of the SHA-256 of the preset's tensors, as u32.
        seed: of the shared randomness, u32.
        parameters: at most 255 bytes whose meaning the model family defines.
        sections: what some files say besides.
    """

    shape: Shape
    model_id: int
    prior_hash: int
    seed: int
    parameters: bytes
    sections: Sections = NO_SECTIONS

    @property
    def signal_shape(self) -> Shape:
        """Dimensions of the signal."""
        return self.sections.output_shape(self.shape)


@dataclass(frozen=True)
class Container:
    """A parsed file.

    Attributes:
        header: the checked header.
        payload: the payload bytes present; fewer than `payload_bytes` in a truncated file.
        payload_bytes: the length the header states.
        complete: whether the whole file is here, and its checksum has been verified.
    """

    header: Header
    payload: bytes
    payload_bytes: int
    complete: bool


def write(header: Header, payload: bytes) -> bytes:
    """Serialise a file."""
    head = _header_bytes(header, len(payload))
    body = head + payload
    return body + struct.pack("<I", zlib.crc32(body))


def overhead_bytes(
    shape: Shape, parameters_bytes: int, payload_bytes: int, sections: Sections = NO_SECTIONS
) -> int:
    """Bytes of a file that are not payload, from the lengths of its parameters and its payload."""
    header = Header(shape, 0, 0, 0, bytes(parameters_bytes), sections)
    return len(_header_bytes(header, payload_bytes)) + _CHECKSUM_BYTES


def max_payload_bytes(
    shape: Shape, parameters_bytes: int, file_bytes: int, sections: Sections = NO_SECTIONS
) -> int:
    """The largest payload with which a file stays within `file_bytes`; negative if none does."""

    def overhead(payload_bytes: int) -> int:
        return overhead_bytes(shape, parameters_bytes, payload_bytes, sections)

    payload_bytes = file_bytes - overhead(max(file_bytes, 0))
    if payload_bytes < 0:
        return file_bytes - overhead(0)
    # a shorter payload can have a shorter length field, which leaves room for one byte more
    while payload_bytes + 1 + overhead(payload_bytes + 1) <= file_bytes:
        payload_bytes += 1
    return payload_bytes


def read(data: bytes, *, allow_truncated: bool = False) -> Container:
    """Parse and check a file.

    Args:
        data: the bytes, from anywhere.
        allow_truncated: accept a payload cut short; its checksum can then not be verified.

    Raises:
        BitstreamError: not a `.cmb` file, another version, damaged, or cut short.
    """
    cursor = _Cursor(data)
    magic, version, kind, model_id, prior_hash, seed = _FIXED.unpack(cursor.take(_FIXED.size))
    if magic != MAGIC:
        raise BitstreamError("This is not a .cmb file.")
    if version not in (VERSION, VERSION_WITH_SECTIONS):
        raise BitstreamError(
            f"The file has format version {version}; this program reads versions {VERSION} and "
            f"{VERSION_WITH_SECTIONS}."
        )
    if kind >= len(_KINDS):
        raise BitstreamError(f"The file holds an unknown kind of signal, number {kind}.")
    shape: Shape
    if _KINDS[kind] == "image":
        shape = ImageShape(cursor.number(MAX_SIDE), cursor.number(MAX_SIDE))
    else:
        shape = AudioShape(
            cursor.number(MAX_SAMPLES),
            cursor.number(MAX_CHANNELS),
            cursor.number(MAX_SAMPLE_RATE, least=MIN_SAMPLE_RATE),
        )
    parameters = cursor.take(cursor.number(MAX_PARAMETERS, least=0))
    packed = b""
    if version == VERSION_WITH_SECTIONS:
        packed = cursor.take(cursor.number(MAX_SECTIONS))
    payload_bytes = cursor.number(MAX_PAYLOAD, least=0)
    checked = data[: cursor.position]
    if binascii.crc_hqx(checked, 0xFFFF) != int.from_bytes(cursor.take(2), "little"):
        raise BitstreamError("The header of the file is damaged: its checksum does not match.")
    sections = parse(packed, shape)
    if sections.constant is not None and payload_bytes > 0:
        raise BitstreamError("The header of the file is damaged: it codes what is constant.")
    header = Header(shape, model_id, prior_hash, seed, parameters, sections)
    present = len(data) - cursor.position
    if present > payload_bytes + _CHECKSUM_BYTES:
        raise BitstreamError(
            f"The file has {present - payload_bytes - _CHECKSUM_BYTES} bytes after its end."
        )
    if present < payload_bytes + _CHECKSUM_BYTES:
        if not allow_truncated:
            raise BitstreamError(
                f"The file is cut short: {min(present, payload_bytes)} of {payload_bytes} payload "
                "bytes are there; a fraction of it can still be decoded on request."
            )
        return Container(header, data[cursor.position :][:payload_bytes], payload_bytes, False)
    payload = cursor.take(payload_bytes)
    if zlib.crc32(data[:-_CHECKSUM_BYTES]) != int.from_bytes(data[-_CHECKSUM_BYTES:], "little"):
        raise BitstreamError("The file is damaged: its checksum does not match.")
    return Container(header, payload, payload_bytes, True)


def _header_bytes(header: Header, payload_bytes: int) -> bytes:
    packed = pack(header.sections)
    fixed = _FIXED.pack(
        MAGIC,
        VERSION_WITH_SECTIONS if packed else VERSION,
        _KINDS.index(header.shape.kind),
        header.model_id,
        header.prior_hash,
        header.seed,
    )
    shape = header.shape
    if isinstance(shape, ImageShape):
        numbers: tuple[int, ...] = (shape.width, shape.height)
    else:
        numbers = (shape.samples, shape.channels, shape.sample_rate)
    head = fixed + b"".join(map(_varint, numbers))
    head += _varint(len(header.parameters)) + header.parameters
    if packed:
        head += _varint(len(packed)) + packed
    head += _varint(payload_bytes)
    return head + struct.pack("<H", binascii.crc_hqx(head, 0xFFFF))


def _varint(number: int) -> bytes:
    """LEB128: seven bits a byte, least significant first, the top bit set on all but the last."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Cursor:
    """Reads forward through bytes and never past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        chunk = self._data[self.position : self.position + count]
        if len(chunk) < count:
            if not MAGIC.startswith(self._data[:4]) or not self._data:
                raise BitstreamError("This is not a .cmb file.")
            raise BitstreamError("The file ends within its header.")
        self.position += count
        return chunk

    def number(self, most: int, least: int = 1) -> int:
        """The next varint, which must lie in [least, most] and be written in its shortest form."""
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if value > most or shift > 63:
                raise BitstreamError("The header of the file is damaged: a number is too large.")
        if not least <= value <= most or (byte == 0 and shift > 7):
            raise BitstreamError("The header of the file is damaged: a number is out of range.")
        return value
