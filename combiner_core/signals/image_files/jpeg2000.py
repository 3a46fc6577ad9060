"""JPEG 2000 files of more than eight bits."""

from __future__ import annotations

import numpy as np

from combiner_core.signals.colour.encoding import Pixels
from combiner_core.signals.image_files import deep

_SIZE_MARKER = b"\xff\x4f\xff\x51"
_COMPONENTS_AT, _PRECISIONS_AT, _COMPONENT_BYTES = 40, 42, 3
_BITS = 16


def depth(content: bytes) -> int:
    """Bits of a colour, 0 if they differ."""
    start = content.find(_SIZE_MARKER)
    if start < 0:
        return 0
    count = int.from_bytes(content[start + _COMPONENTS_AT : start + _PRECISIONS_AT], "big")
    precisions = content[start + _PRECISIONS_AT :][: _COMPONENT_BYTES * count : _COMPONENT_BYTES]
    depths = {(precision & 0x7F) + 1 for precision in precisions}
    return depths.pop() if len(depths) == 1 else 0


def pixels(content: bytes) -> Pixels | None:
    """Pixels of 9 to 16 bits up to 65535, as `deep.still`."""
    bits = depth(content)
    found = deep.still(content, "jpeg2000") if 8 < bits <= _BITS else None
    if found is None or found.dtype != np.uint16:
        return None
    # libav puts them into the upper bits
    most = (1 << bits) - 1
    levels: Pixels = np.rint((found >> (_BITS - bits)) * (65535.0 / most)).astype(np.uint16)
    return levels
