"""Arrays of small integers that are smooth in places, coded without loss.

Each is foreseen from its neighbours; how far it is from that is written with adaptive
probabilities. Values as foreseen at the end take no bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec._array_kernels import CONTEXTS, FIRST_NODE, NODES, read, simplify, write
from combiner_core.rec._range_coder import PROBABILITY_BITS
from combiner_core.rec.range_writer import RangeWriter, adaptation_rates, reading

# the greatest size of a value: twice that is the greatest distance that can be written
MAX_VALUE = (NODES - FIRST_NODE) // 2
_LIMIT = 60
# a probability seen so often at the beginning
_CONFIDENCE = 1
_DECISION_BYTES = 3


def to_bytes(values: NDArray[np.int8]) -> bytes:
    """Code an array (h, w) of integers from -31 to 31.

    Raises:
        ValueError: another type or number of axes, or a value out of range.
    """
    if values.dtype != np.int8 or values.ndim != 2:
        raise ValueError(f"an array is {values.dtype} {values.shape}, not bytes in rows")
    if values.size and int(np.abs(values.astype(np.int64)).max()) > MAX_VALUE:
        raise ValueError(f"an array has values beyond {MAX_VALUE}")
    writer = RangeWriter()
    writer.make_room(_DECISION_BYTES * NODES * values.size)
    write(writer.out, writer.coder, writer.mark, *_models(), np.ascontiguousarray(values))
    return writer.message()


def simplified(values: NDArray[np.int8], tolerance: int) -> NDArray[np.int8]:
    """An array that takes fewer bytes: no value is further away than that (as in JPEG-LS)."""
    result = np.array(values, np.int8, order="C")
    simplify(result, tolerance)
    return result


def from_bytes(content: bytes, shape: tuple[int, int], most: int = MAX_VALUE) -> NDArray[np.int8]:
    """The inverse. What a message cut short does not tell is as foreseen.

    Raises:
        ValueError: a value is beyond `most`.
    """
    values = np.zeros(shape, np.int8)
    data = np.frombuffer(content, np.uint8)
    if not read(data, reading(data), *_models(), most, values):
        raise ValueError(f"an array has values beyond {most}")
    return values


def _models() -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.int32], int]:
    """Probabilities of ones, how often each was seen, how fast they move, and to what count."""
    probability = np.full((CONTEXTS, NODES), 1 << (PROBABILITY_BITS - 1), np.int32)
    # most are as foreseen, or next to that
    probability[:, 0] = (1 << PROBABILITY_BITS) * np.array([1, 3, 4, 5]) // 10
    probability[:, FIRST_NODE:] = (1 << PROBABILITY_BITS) // 10
    seen = np.full(probability.shape, _CONFIDENCE, np.int16)
    return probability, seen, adaptation_rates(_LIMIT), _LIMIT
