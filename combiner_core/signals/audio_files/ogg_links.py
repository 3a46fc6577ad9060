"""Ogg files as the links of a chain: streams that follow each other, as radio sends them."""

from __future__ import annotations

from dataclasses import dataclass, field

_HEADER_BYTES = 27
_CAPTURE = b"OggS"
_FIRST, _LAST = 2, 4


@dataclass
class Link:
    """Streams that begin together.

    Attributes:
        content: their pages.
        heads: the first packet of each stream, which says what it is.
        open_streams: of those that did not end.
    """

    content: bytearray = field(default_factory=bytearray)
    heads: list[bytes] = field(default_factory=list)
    open_streams: set[int] = field(default_factory=set)


@dataclass
class Chain:
    """A file.

    Attributes:
        links: one after the other.
        skipped: bytes that are in no page.
        is_cut_short: whether the last page is not whole.
    """

    links: list[Link] = field(default_factory=list)
    skipped: int = 0
    is_cut_short: bool = False


def split(content: bytes) -> Chain:
    """The links of a file that begins with a page of Ogg."""
    chain, position, has_begun = Chain(), 0, False
    while position < len(content):
        if content[position : position + 4] != _CAPTURE:
            found = content.find(_CAPTURE, position)
            end = len(content) if found < 0 else found
            chain.skipped += end - position
            position = end
            continue
        page = _page(content, position)
        if page is None:
            chain.is_cut_short = True
            break
        position += len(page)
        flags, serial = page[5], int.from_bytes(page[14:18], "little")
        if not chain.links or (flags & _FIRST and has_begun):
            chain.links.append(Link())
        has_begun = not flags & _FIRST
        link = chain.links[-1]
        link.content += page
        if flags & _FIRST:
            link.heads.append(page[_HEADER_BYTES + page[_HEADER_BYTES - 1] :])
        if flags & _LAST:
            link.open_streams.discard(serial)
        elif flags & _FIRST:
            link.open_streams.add(serial)
    return chain


def _page(content: bytes, position: int) -> bytes | None:
    """The page at a position, ``None`` if it is not whole."""
    segments_at = position + _HEADER_BYTES
    if segments_at > len(content):
        return None
    body_at = segments_at + content[segments_at - 1]
    end = body_at + sum(content[segments_at:body_at])
    return content[position:end] if end <= len(content) else None
