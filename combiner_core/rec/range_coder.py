"""One message of range-coded symbols, of which every prefix can be read as far as it goes.

A range coder (Martin 1979; `constriction`, Bamler 2022) narrows an interval of numbers; the message
is the digits of a number in the last one. The digits of a prefix leave an interval of numbers open:
the symbols that all of those numbers stand for are certain, the rest is not received. No length or
end mark is needed.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator

import numpy as np
from constriction import stream
from numpy.typing import NDArray

from combiner_core.rec.coder import Bits, to_bits

_WORD_BYTES = 4
_STATE_BYTES = 8
_CHUNK_BITS = 16
# widest number that one symbol of equal probabilities can hold
MAX_NUMBER_BITS = 23
# symbols whose probabilities are laid out together
_PART = 1 << 14

Symbols = NDArray[np.int32]
Counts = NDArray[np.integer]


class MessageEnded(Exception):  # noqa: N818 - not an error: prefixes end somewhere
    """The payload does not determine the symbols asked for."""


class RangeEncoder:
    """Encodes symbols one after the other."""

    def __init__(self) -> None:
        self._encoder = stream.queue.RangeEncoder()

    @property
    def bits(self) -> float:
        """Information written so far."""
        position, (_, width) = self._encoder.pos()
        return 8.0 * (_WORD_BYTES * int(position) + _STATE_BYTES) - math.log2(int(width) + 1)

    @property
    def n_bytes(self) -> int:
        """Length of the message if it ended here."""
        return _WORD_BYTES * int(self._encoder.num_words())

    def symbols(
        self, values: NDArray[np.integer], tables: NDArray[np.integer], counts: Counts
    ) -> None:
        """Write numbers from 0 on, those with probabilities from the same table together.

        Args:
            values: (n,).
            tables: the number of each one's table (n,).
            counts: positive, to which each table's probabilities are in proportion: (T, symbols).
        """
        for part in _parts(tables):
            probabilities = counts[tables[part]].astype(np.float64)
            self._encoder.encode(values[part].astype(np.int32), _categorical(), probabilities)

    def numbers(self, values: NDArray[np.integer], widths: NDArray[np.integer]) -> None:
        """Write non-negative numbers of given widths in bits, at most 23, as they are."""
        wide = widths > 0
        if wide.any():
            sizes = (1 << widths[wide]).astype(np.int32)
            self._encoder.encode(values[wide].astype(np.int32), stream.model.Uniform(), sizes)

    def bit_string(self, bits: Bits) -> None:
        """Write bits as they are."""
        widths = _chunks(len(bits))
        padded = np.append(bits, np.zeros(-len(bits) % _CHUNK_BITS, dtype=np.uint8))
        values = np.packbits(padded).reshape(-1, 2).astype(np.int64) @ np.array([256, 1])
        self.numbers(values >> (_CHUNK_BITS - widths), widths)

    def payload(self, n_bytes: int) -> bytes:
        """The message, cut or followed by zeros."""
        message: bytes = self._encoder.get_compressed().astype(">u4").tobytes()
        return message[:n_bytes].ljust(n_bytes, b"\0")


class RangeDecoder:
    """Decodes what a payload, the beginning of a message, determines.

    Any bytes are a payload. Work is bounded by the number of symbols asked for.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        padded = payload + bytes(-len(payload) % _WORD_BYTES)
        self._decoder = stream.queue.RangeDecoder(
            np.frombuffer(padded, dtype=">u4").astype(np.uint32)
        )
        # encodes again what was decoded: its interval tells which digits that depends on
        self._mirror = stream.queue.RangeEncoder()

    def symbols(self, tables: NDArray[np.integer], counts: Counts) -> Symbols:
        """Read what `RangeEncoder.symbols` wrote: (n,).

        Raises:
            MessageEnded: the payload does not determine all of them.
        """
        values = np.zeros(len(tables), dtype=np.int32)
        for part in _parts(tables):
            probabilities = counts[tables[part]].astype(np.float64)
            try:
                values[part] = self._decoder.decode(_categorical(), probabilities)
            except AssertionError:  # digits of no message
                raise MessageEnded from None
            self._mirror.encode(values[part], _categorical(), probabilities)
        if len(tables) and not self._determined(self._mirror):
            raise MessageEnded
        return values

    def numbers(self, widths: NDArray[np.integer]) -> NDArray[np.int64]:
        """Read what `RangeEncoder.numbers` wrote, of the same shape as `widths`.

        Raises:
            MessageEnded: the payload does not determine all of them.
        """
        values = np.zeros(widths.shape, dtype=np.int64)
        wide = widths > 0
        sizes = (1 << widths[wide]).astype(np.int32)
        read = self._uniform(self._decoder, self._mirror, sizes)
        if read is None:
            raise MessageEnded
        values[wide] = read
        return values

    def bit_string(self, count: int) -> Bits:
        """Read as many of `count` bits as the payload determines; nothing follows fewer."""
        widths = _chunks(count)
        sizes = (1 << widths).astype(np.int32)
        decoder, mirror = self._decoder.clone(), self._mirror.clone()
        values = self._uniform(self._decoder, self._mirror, sizes)
        if values is None:

            def beyond(n_values: int) -> bool:
                part = sizes[:n_values]
                return self._uniform(decoder.clone(), mirror.clone(), part) is None

            n_values = bisect.bisect_left(range(1, len(sizes) + 1), True, key=beyond)
            values = self._uniform(decoder, mirror, sizes[:n_values])
            assert values is not None
        return to_bits(values.astype(np.int64), widths[: len(values)])

    def _uniform(
        self, decoder: stream.queue.RangeDecoder, mirror: stream.queue.RangeEncoder, sizes: Symbols
    ) -> Symbols | None:
        """Numbers below `sizes`, or None where the payload does not determine them all."""
        if not len(sizes):
            return np.zeros(0, dtype=np.int32)
        try:
            values: Symbols = decoder.decode(stream.model.Uniform(), sizes)
        except AssertionError:
            return None
        mirror.encode(values, stream.model.Uniform(), sizes)
        return values if self._determined(mirror) else None

    def _determined(self, mirror: stream.queue.RangeEncoder) -> bool:
        """Whether all messages that begin with the payload lie in the interval of `mirror`."""
        position, (lower, width) = mirror.pos()
        begin = _WORD_BYTES * position
        known = self._payload[begin : begin + _STATE_BYTES]
        digits = int.from_bytes(known.ljust(_STATE_BYTES, b"\0"), "big")
        unknown = 1 << 8 * (_STATE_BYTES - len(known))
        offset = (digits - lower) % (1 << 8 * _STATE_BYTES)
        return bool(offset + unknown <= width)


def _categorical() -> stream.model.Categorical:
    # Sums of integers are exact in double precision, and the library's own rounding consists of one
    # division and one product for each symbol: the same on every machine.
    return stream.model.Categorical(perfect=False)


def _parts(tables: NDArray[np.integer]) -> Iterator[NDArray[np.intp]]:
    """Places in the order of their tables, so few at a time that a table for each is little."""
    order = np.argsort(tables, kind="stable")
    return (order[start : start + _PART] for start in range(0, len(order), _PART))


def _chunks(count: int) -> NDArray[np.int64]:
    """Widths of the numbers that `count` bits are cut into."""
    full, rest = divmod(count, _CHUNK_BITS)
    return np.array([_CHUNK_BITS] * full + [rest] * bool(rest), dtype=np.int64)
