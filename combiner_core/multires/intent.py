"""What a file is made for: read from its parameters without what decoding takes."""

from __future__ import annotations

from typing import get_args

from combiner_core.errors import BitstreamError
from combiner_core.families import Intent
from combiner_core.options import TuneName

# parameters: log2 of the trellis' states and the noise scale; in longer ones also the tune, the
# length of the side message and the manner, whose last byte is the detail of an image
PLAIN_BYTES, TUNE_BYTES, SIDE_BYTES = 3, 1, 3
TUNED_BYTES = PLAIN_BYTES + TUNE_BYTES + SIDE_BYTES
TUNES: tuple[TuneName, ...] = get_args(TuneName)
DETAIL_UNITS = 255


def intent_of(parameters: bytes, *, is_image: bool) -> Intent:
    """Of the parameters of a file.

    Raises:
        BitstreamError: no encoder writes these.
    """
    if len(parameters) == PLAIN_BYTES:
        return Intent(detail=0.0 if is_image else None)
    if len(parameters) < TUNED_BYTES or parameters[PLAIN_BYTES] >= len(TUNES):
        raise BitstreamError("The file's parameters are not those of this model.")
    tune = TUNES[parameters[PLAIN_BYTES]]
    if not is_image:
        return Intent(tune)
    has_manner = len(parameters) > TUNED_BYTES
    return Intent(tune, parameters[-1] / DETAIL_UNITS if has_manner else 0.0)
