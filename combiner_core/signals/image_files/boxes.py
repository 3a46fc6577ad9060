"""The boxes of AVIF and HEIF files, as far as Pillow does not tell what is in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_BOXES = 4096
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})


@dataclass(frozen=True)
class StillProperties:
    """What an AVIF file says of its picture.

    Attributes:
        nclx: code points of primaries and transfer function.
        bits: of each colour.
    """

    nclx: tuple[int, int] | None = None
    bits: int = 8


def is_heif(content: bytes) -> bool:
    """Whether this is a picture in HEVC, and no AVIF file."""
    brands = _brands(content)
    return bool(brands & _HEIF_BRANDS) and not brands & _AVIF_BRANDS


def properties(content: bytes) -> StillProperties:
    """Of the first picture of an AVIF file; the usual ones where it is damaged."""
    try:
        found = list(_properties(content))
    except (struct.error, IndexError):
        return StillProperties()
    nclx: tuple[int, int] | None = None
    bits = 8
    for name, body in found:
        if name == b"colr" and body[:4] == b"nclx" and nclx is None:
            nclx = struct.unpack_from(">HH", body, 4)
        if name == b"av1C":
            bits = max(bits, 12 if body[2] & 0x20 else 10 if body[2] & 0x40 else 8)
    return StillProperties(nclx, bits)


def _brands(content: bytes) -> set[bytes]:
    if content[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(content[:4], "big"), len(content), 256)
    return {content[8:12], *(content[at : at + 4] for at in range(16, end, 4))}


def _properties(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Properties of the primary item of a file."""
    primary = 0
    items: dict[int, list[int]] = {}
    shared: list[tuple[bytes, bytes]] = []
    for name, body in _within(content, b"meta"):
        if name == b"pitm":
            primary = int.from_bytes(body[4 : 6 if body[0] == 0 else 8], "big")
        if name != b"iprp":
            continue
        for inner, part in boxes_in(body):
            if inner == b"ipco":
                shared = list(boxes_in(part))
            if inner == b"ipma":
                items |= _associations(part)
    for number in items.get(primary, range(1, len(shared) + 1)):
        if 0 < number <= len(shared):
            yield shared[number - 1]


def _within(content: bytes, wanted: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, body in boxes_in(content):
        if name == wanted:
            yield from boxes_in(body[4:])
            return


def boxes_in(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the boxes that follow each other, as far as they are whole."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(content):
            return
        size, name = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = len(content) if size == 0 else at + size
        if not start <= end <= len(content):
            return
        yield name, content[start:end]
        at = end


def _associations(body: bytes) -> dict[int, list[int]]:
    """Numbers of the properties of each item, from 1."""
    version, flags = body[0], body[3]
    (count,) = struct.unpack_from(">I", body, 4)
    item_bytes, number_bytes = (2 if version == 0 else 4), (2 if flags & 1 else 1)
    at = 8
    items: dict[int, list[int]] = {}
    for _ in range(min(count, _MOST_BOXES)):
        item = int.from_bytes(body[at : at + item_bytes], "big")
        number_of = body[at + item_bytes]
        at += item_bytes + 1
        end = at + number_bytes * number_of
        mask = (1 << (8 * number_bytes - 1)) - 1  # the first bit says whether it is essential
        items[item] = [
            int.from_bytes(body[place : place + number_bytes], "big") & mask
            for place in range(at, end, number_bytes)
        ]
        at = end
    return items
