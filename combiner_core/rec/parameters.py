"""The relative entropy coder of a file, as its header names it in two bytes."""

from __future__ import annotations

from combiner_core import rec
from combiner_core.errors import BitstreamError
from combiner_core.options import CoderName

FileCoder = rec.TrellisCoder | rec.BlockCoder

_NAMES: tuple[CoderName, ...] = ("trellis", "astar")
CODER_PARAMETERS = len(("name", "size"))


def coder_parameters(coder: FileCoder) -> bytes:
    """Number of the coder, and size of its state or of its blocks in bits."""
    if isinstance(coder, rec.TrellisCoder):
        return bytes([_NAMES.index("trellis"), coder.state_bits])
    return bytes([_NAMES.index("astar"), coder.block_bits])


def coder_from(parameters: bytes) -> FileCoder:
    """The coder of a file, with which it can be decoded.

    Raises:
        BitstreamError: there is no such coder.
    """
    number, size = parameters[:CODER_PARAMETERS]
    if number >= len(_NAMES):
        raise BitstreamError(f"The file's coder, number {number}, is unknown.")
    try:
        return rec.TrellisCoder(size) if _NAMES[number] == "trellis" else rec.BlockCoder(size)
    except ValueError as error:
        raise BitstreamError(f"The file's coder has an impossible size, {size}.") from error
