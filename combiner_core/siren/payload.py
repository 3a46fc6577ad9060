"""The payload of several fields: how many bits each gets, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from combiner_core import rec
from combiner_core.errors import BudgetError
from combiner_core.siren.prior import FactorisedPrior

MAX_SHARE = 255
_KEY_BITS = 24
_MAX_OVER_MEAN = 1.6
_MAX_WEIGHT_BITS = 4.0
_ALLOCATION_ROUNDS = 20
# bits that are mixed together: their order takes some fifty bytes each
_WINDOW_BITS = 1 << 21


def allocate(kl_bits: Sequence[float], weights: int) -> list[int]:
    """Shares from 1 to 255 in proportion to what every field would spend.

    No field of so many coded weights gets more than they can take well, 4 bits each, unless that is
    less than 1.6 times the mean.

    Args:
        kl_bits: of every field under one beta, in bits.
        weights: coded of a field.
    """
    bits = np.maximum(np.asarray(kl_bits, np.float64), 1.0)
    mean = bits.mean()
    most = max(_MAX_OVER_MEAN * mean, _MAX_WEIGHT_BITS * weights)
    for _ in range(_ALLOCATION_ROUNDS):
        bits = np.minimum(bits * (mean / bits.mean()), most)
    shares = np.rint(MAX_SHARE * bits / bits.max()).astype(int)
    return np.maximum(shares, 1).tolist()  # type: ignore[no-any-return]


class Streams:
    """One code stream per field, mixed so that a prefix of the payload is one of every stream.

    With more than one field the payload begins with a byte for each: its share of the bits.

    Args:
        prior: gives the rates.
        coder: codes the streams.
        seed: of the shared randomness.
        count: number of fields.
    """

    def __init__(self, prior: FactorisedPrior, coder: rec.Coder, seed: int, count: int) -> None:
        coded = prior.coded
        self.order = coded[rec.permutation(len(coded), seed)]
        self._rates = prior.rates[self.order]
        self._weight_count = len(prior.mean)
        self._coder, self._seed, self._count = coder, seed, count

    @property
    def equal_shares(self) -> list[int]:
        """The same share for every field."""
        return [MAX_SHARE] * self._count

    def lengths(self, payload_bytes: int, shares: Sequence[int]) -> list[int]:
        """Bits of each stream; more than a stream can hold is left unused.

        Raises:
            BudgetError: a stream would be empty, or most of the payload would be left unused.
        """
        total = (payload_bytes - self._side_bytes) * 8
        ends = np.cumsum([0, *shares]).tolist()
        asked = np.diff([max(total, 0) * end // ends[-1] for end in ends]).tolist()
        most = self._coder.max_total_bits(self._flat_rates())
        lengths = [self._coder.round_bits(min(bits, most)) for bits in asked]
        if min(lengths) < 1:
            raise BudgetError("The budget leaves no bits for the signal itself.")
        if sum(asked) > self._count * most:
            raise BudgetError(
                f"The model can use at most about {most * self._count // 8} bytes on this signal."
            )
        return lengths

    def bits_of_weights(self, lengths: Sequence[int]) -> NDArray[np.float32]:
        """How many bits, fractions included, each weight of each field gets: (M, D)."""
        bits = np.zeros((self._count, self._weight_count), np.float32)
        for row, length in zip(bits, lengths, strict=True):
            rates = self._rates_for(length)
            row[self.order] = rates * (length / rates.sum(dtype=np.int64))
        return bits

    def blocks(self, length: int, block_bits: int) -> NDArray[np.int64]:
        """The block of each weight, stretches of the coding order of about `block_bits`: (D,)."""
        count = max(1, length // block_bits)
        bounds = rec.blocks(self._rates, count)
        blocks = np.zeros(self._weight_count, np.int64)
        blocks[self.order] = np.repeat(np.arange(count), np.diff(bounds))
        return blocks

    def encoders(self, lengths: Sequence[int]) -> list[rec.StreamEncoder]:
        """A fresh encoder for every stream."""
        return [
            self._coder.encoder(self._rates_for(length), length, rec.Key(self._seed, stream))
            for stream, length in enumerate(lengths)
        ]

    def pack(self, streams: Sequence[rec.Bits], shares: Sequence[int], payload_bytes: int) -> bytes:
        """The payload; bits that no stream could use are zero."""
        bits = np.zeros((payload_bytes - self._side_bytes) * 8, np.uint8)
        flat, start = np.concatenate(streams), 0
        for order in _mixing_order([len(stream) for stream in streams]):
            bits[start : start + len(order)] = flat[order]
            start += len(order)
        return bytes(shares[: self._side_bytes]) + np.packbits(bits).tobytes()

    def unpack(self, payload: bytes, payload_bytes: int) -> list[NDArray[np.float32]]:
        """Values of the weights received of each stream, from a prefix of the payload.

        Raises:
            BudgetError: the length or the shares are none that `pack` writes.
        """
        shares = list(payload[: self._side_bytes])
        if len(shares) < self._side_bytes:
            return [np.zeros(0, np.float32)] * self._count
        if 0 in shares:
            raise BudgetError("A field has no share of the payload.")
        lengths = self.lengths(payload_bytes, shares or self.equal_shares)
        present = np.unpackbits(np.frombuffer(payload[self._side_bytes :], np.uint8))
        ends = np.cumsum(lengths)
        flat, counts = np.zeros(ends[-1], np.uint8), np.zeros(self._count, np.int64)
        for order in _mixing_order(lengths):
            order = order[: len(present)]
            flat[order], present = present[: len(order)], present[len(order) :]
            counts += np.bincount(np.searchsorted(ends, order, "right"), minlength=self._count)
            if not len(present):
                break
        return [
            self._coder.decode(
                # of every stream a prefix is received
                flat[end - length :][:count],
                self._rates_for(length),
                length,
                rec.Key(self._seed, stream),
            )
            for stream, (length, end, count) in enumerate(
                zip(lengths, ends.tolist(), counts.tolist(), strict=True)
            )
        ]

    @property
    def _side_bytes(self) -> int:
        return self._count if self._count > 1 else 0

    def _rates_for(self, length: int) -> rec.Rates:
        """The rates with the greatest ones cut so that no weight gets more bits than it can."""
        low, high = 1, int(self._rates.max())
        while low < high:
            middle = (low + high + 1) // 2
            cut = np.minimum(self._rates, middle)
            if self._coder.max_total_bits(cut) >= length:
                low = middle
            else:
                high = middle - 1
        return np.minimum(self._rates, low)

    def _flat_rates(self) -> rec.Rates:
        return np.minimum(self._rates, 1)


def _mixing_order(lengths: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    """Where payload bits lie in the streams laid end to end: all streams advance evenly.

    Yields:
        Of the payload's bits, in turn, some millions: what is sorted together stays bounded.
    """
    counts = np.asarray(lengths, np.int64)
    starts = np.cumsum(counts) - counts
    windows = max(1, -(-int(counts.sum()) // _WINDOW_BITS))
    first = np.zeros_like(counts)
    for window in range(1, windows + 1):
        # of every stream the bits whose keys lie below that of the window's end
        stop = counts
        if window < windows:
            key = (window << _KEY_BITS) // windows
            stop = -(-(counts * key) >> (_KEY_BITS - 1)) // 2
        present = stop - first
        streams = np.repeat(np.arange(len(counts)), present)
        bit = np.arange(len(streams)) - np.repeat(np.cumsum(present) - present - first, present)
        keys = ((2 * bit + 1) << _KEY_BITS) // (2 * counts[streams])
        yield (starts[streams] + bit)[np.argsort(keys, kind="stable")]
        first = stop
