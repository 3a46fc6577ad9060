"""One check of everything that encodes and decodes: whole messages, beginnings of them, noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = Sequence[NDArray[Any]]
Message = Any  # bytes, or an array of bits


@dataclass(frozen=True)
class RoundTrip:
    """A message, and what its receiver must make of it.

    Attributes:
        message: what the encoder wrote.
        sent: what the encoder says that its receiver gets, part by part.
        decode: the receiver; of the beginning of a message it gives the parts it can, of the next
            one perhaps a beginning, or raises one of `refusals`.
        defaults: what a receiver takes for values it did not get, if it always gives all.
        refusals: errors that are answers to a message cut short or damaged.
        cuts: about how many beginnings are tried.
        half_is_useful: half of the message gives a quarter of the values or more.
    """

    message: Message
    sent: Values
    decode: Callable[[Message], Values]
    defaults: Values | None = None
    refusals: tuple[type[Exception], ...] = ()
    cuts: int = 120
    half_is_useful: bool = False


def check_round_trip(trip: RoundTrip, seed: int = 0) -> None:
    """The receiver gets what was sent, of a beginning the beginning, and noise does no harm."""
    received = trip.decode(trip.message)
    assert len(received) == len(trip.sent)
    for got, expected in zip(received, trip.sent, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    total, known = len(trip.message), -1
    for length in sorted({round(total * cut / trip.cuts) for cut in range(trip.cuts)}):
        try:
            received = trip.decode(trip.message[:length])
        except trip.refusals:
            continue
        assert known <= (known := _known(trip, received))
        if trip.half_is_useful and 2 * length >= total:
            assert 4 * known >= sum(map(np.size, trip.sent))
    rng = np.random.default_rng(seed)
    for length in (0, 1, total // 3, total):
        for noise in _noise(trip.message, length, rng):
            try:
                trip.decode(noise)
            except trip.refusals:
                continue


def _known(trip: RoundTrip, received: Values) -> int:
    """How many values were received, all of which must be right, and none after one that is not."""
    known, cut = 0, False
    for number, got in enumerate(received):
        expected = trip.sent[number]
        if trip.defaults is None:
            assert not (cut and got.size)
            np.testing.assert_array_equal(got, expected[: len(got)])
            known, cut = known + got.size, cut or len(got) < len(expected)
        elif cut:
            np.testing.assert_array_equal(got, trip.defaults[number])
        else:
            assert ((got == expected) | (got == trip.defaults[number])).all()
            cut = not np.array_equal(got, expected)
            known += int((got != trip.defaults[number]).sum()) if cut else got.size
    return known


def _noise(message: Message, length: int, rng: np.random.Generator) -> list[Message]:
    """Messages that nobody wrote: random, constant, and the right one with a part changed."""
    if not isinstance(message, bytes):
        of_one_bit = [np.full(length, bit, np.uint8) for bit in (0, 1)]
        return [rng.integers(0, 2, length, np.uint8), *of_one_bit]
    damaged = bytearray(message[:length])
    for place in rng.integers(0, length, 3) if length else ():
        damaged[place] ^= 1 << rng.integers(8)
    constant = [bytes([byte]) * length for byte in (0, 1, 127, 128, 255)]
    return [rng.bytes(length), bytes(damaged), *constant]
