"""PNG files: the chunks that Pillow does not tell of, and pictures of 16 bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH_AT = 24


def code_points(content: bytes) -> tuple[int, int] | None:
    """Primaries and transfer function of the chunk cICP, if it is there and of full-range RGB."""
    for name, body in _chunks(content):
        if name == b"cICP" and len(body) == 4 and body[2] == 0 and body[3] == 1:
            return body[0], body[1]
        if name == b"IDAT":
            break
    return None


def depth(content: bytes) -> int:
    """Bits of a colour."""
    return content[_DEPTH_AT] if content.startswith(_SIGNATURE) else 0


def encode_16_bits(pixels: NDArray[np.uint16]) -> bytes:
    """A file of uint16 (height, width, 3), without loss."""
    from fractions import Fraction

    import av

    height, width, _ = pixels.shape
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "rgb48be"
    encoder.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb48le")
    packets = [*encoder.encode(frame.reformat(format="rgb48be")), *encoder.encode(None)]
    return b"".join(map(bytes, packets))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE) if content.startswith(_SIGNATURE) else len(content)
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        at += 12 + size
