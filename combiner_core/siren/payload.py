"""The payload of several fields: how many bits each gets, under which scales, where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core import rec
from combiner_core.errors import BudgetError
from combiner_core.siren import hierarchical_prior
from combiner_core.siren.hierarchical_prior import Steps
from combiner_core.siren.prior import RATE_UNITS_PER_BIT, FactorisedPrior

MAX_SHARE = 255
_LENGTH_BYTES = 3
_MOST_FOR_SCALES = 0.1
_KEY_BITS = 24
_MAX_OVER_MEAN = 1.6
_MAX_WEIGHT_BITS = 4.0
_ALLOCATION_ROUNDS = 20
# bits that are mixed together: their order takes some fifty bytes each
_WINDOW_BITS = 1 << 21


def allocate(kl_bits: Sequence[float], weights: int) -> list[int]:
    """Shares from 1 to 255 in proportion to what every field would spend.

    A field gets at most 4 bits a coded weight, which is what they take well, or 1.6 times the mean
    if that is more.

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


@dataclass(frozen=True, eq=False)
class Division:
    """What a payload says of its fields before their weights.

    Attributes:
        shares: of the bits, from 1 to 255, one for each field.
        steps: of the scales of all parts of the prior, (M, P); see `hierarchical_prior`.
    """

    shares: Sequence[int]
    steps: Steps


class Streams:
    """One code stream per field, mixed so that a prefix of the payload is one of every stream.

    With more than one field the payload begins with a byte for each: its share of the bits. Where
    the prior has parts, the steps of their scales follow, in a message whose length is said.

    Args:
        prior: gives the rates.
        coder: codes the streams.
        seed: of the shared randomness.
        count: number of fields.
        parts: of the prior, for each weight, (D,); see `hierarchical_prior.parts_of`.
    """

    def __init__(
        self,
        prior: FactorisedPrior,
        coder: rec.Coder,
        seed: int,
        count: int,
        parts: NDArray[np.int64] | None = None,
    ) -> None:
        coded = prior.coded
        self.order = coded[rec.permutation(len(coded), seed)]
        self._rates = prior.rates[self.order]
        self._weight_count = len(prior.mean)
        self._parts = np.zeros_like(self.order) if parts is None else parts[self.order]
        self._part_count = 0 if parts is None else int(parts.max())
        self._coder, self._seed, self._count = coder, seed, count

    @property
    def equal_division(self) -> Division:
        """The same share for every field, and the prior as it is."""
        steps = np.zeros((self._count, self._part_count), np.int64)
        return Division([MAX_SHARE] * self._count, steps)

    @property
    def has_parts(self) -> bool:
        """Whether there are scales to choose."""
        return self._part_count > 0

    def best_steps(self, squares: NDArray[np.float64], payload_bytes: int) -> Steps:
        """Steps that take a small share of the payload.

        Args:
            squares: expected ones of all weights in units of the prior as it is, (M, D).
            payload_bytes: length of the payload.
        """
        # a part none of whose weights is coded has a scale as well, of no meaning
        steps = np.zeros((self._count, self._part_count), np.int64)
        rates_bits = self._rates / RATE_UNITS_PER_BIT
        octaves = hierarchical_prior.octaves(squares[:, self.order], self._parts, rates_bits)
        steps[:, : octaves.shape[1]] = hierarchical_prior.nearest_steps(octaves)
        return hierarchical_prior.within(steps, int(_MOST_FOR_SCALES * payload_bytes))

    def scales(self, division: Division) -> NDArray[np.float32]:
        """How much wider each weight's prior is, (M, D)."""
        scales = np.ones((self._count, self._weight_count), np.float32)
        for row, steps in zip(scales, division.steps, strict=True):
            row[self.order] = hierarchical_prior.scales(self._steps_of_weights(steps))
        return scales

    def lengths(self, payload_bytes: int, division: Division) -> list[int]:
        """Bits of each stream; more than a stream can hold is left unused.

        Raises:
            BudgetError: a stream would be empty, or most of the payload would be left unused.
        """
        return self._lengths(payload_bytes - len(self.side(division)), division.shares)

    def _lengths(self, stream_bytes: int, shares: Sequence[int]) -> list[int]:
        total = stream_bytes * 8
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

    def bits_of_weights(self, lengths: Sequence[int], division: Division) -> NDArray[np.float32]:
        """How many bits, fractions included, each weight of each field gets: (M, D)."""
        bits = np.zeros((self._count, self._weight_count), np.float32)
        for row, rates, length in zip(
            bits, self._all_rates(division, lengths), lengths, strict=True
        ):
            row[self.order] = rates * (length / rates.sum(dtype=np.int64))
        return bits

    def blocks(self, length: int, block_bits: int) -> NDArray[np.int64]:
        """The block of each weight, stretches of the coding order of about `block_bits`: (D,)."""
        count = max(1, length // block_bits)
        bounds = rec.blocks(self._rates, count)
        blocks = np.zeros(self._weight_count, np.int64)
        blocks[self.order] = np.repeat(np.arange(count), np.diff(bounds))
        return blocks

    def encoders(self, lengths: Sequence[int], division: Division) -> list[rec.StreamEncoder]:
        """A fresh encoder for every stream."""
        all_rates = self._all_rates(division, lengths)
        return [
            self._coder.encoder(rates, length, rec.Key(self._seed, stream))
            for stream, (rates, length) in enumerate(zip(all_rates, lengths, strict=True))
        ]

    def pack(self, streams: Sequence[rec.Bits], division: Division, payload_bytes: int) -> bytes:
        """The payload; bits that no stream could use are zero."""
        side = self.side(division)
        bits = np.zeros((payload_bytes - len(side)) * 8, np.uint8)
        flat, start = np.concatenate(streams), 0
        for order in _mixing_order([len(stream) for stream in streams]):
            bits[start : start + len(order)] = flat[order]
            start += len(order)
        return side + np.packbits(bits).tobytes()

    def unpack(self, payload: bytes, payload_bytes: int) -> list[NDArray[np.float32]]:
        """Values of the weights received of each stream, in units of the prior as it is.

        Args:
            payload: a prefix of one.
            payload_bytes: length of the whole.

        Raises:
            BudgetError: the lengths or the shares are none that `pack` writes.
            BitstreamError: the scales are none.
        """
        side_bytes = self._received_side_bytes(payload)
        if side_bytes > payload_bytes:
            raise BudgetError("The scales are longer than the payload.")
        if len(payload) < side_bytes:
            return [np.zeros(0, np.float32)] * self._count
        division = self._received_division(payload[:side_bytes])
        lengths = self._lengths(payload_bytes - side_bytes, division.shares)
        present = np.unpackbits(np.frombuffer(payload[side_bytes:], np.uint8))
        ends = np.cumsum(lengths)
        flat, counts = np.zeros(ends[-1], np.uint8), np.zeros(self._count, np.int64)
        for order in _mixing_order(lengths):
            order = order[: len(present)]
            flat[order], present = present[: len(order)], present[len(order) :]
            counts += np.bincount(np.searchsorted(ends, order, "right"), minlength=self._count)
            if not len(present):
                break
        values = []
        all_rates = self._all_rates(division, lengths)
        for stream, (rates, length, end, count) in enumerate(
            zip(all_rates, lengths, ends.tolist(), counts.tolist(), strict=True)
        ):
            decoded = self._coder.decode(
                # of every stream a prefix is received
                flat[end - length :][:count],
                rates,
                length,
                rec.Key(self._seed, stream),
            )
            scales = hierarchical_prior.scales(self._steps_of_weights(division.steps[stream]))
            values.append(decoded * scales[: len(decoded)])
        return values

    @property
    def _share_bytes(self) -> int:
        return self._count if self._count > 1 else 0

    @property
    def _head_bytes(self) -> int:
        return self._share_bytes + (_LENGTH_BYTES if self.has_parts else 0)

    def side(self, division: Division) -> bytes:
        """Shares and scales, before any bit of the streams."""
        shares = bytes(division.shares[: self._share_bytes])
        if not self.has_parts:
            return shares
        message = hierarchical_prior.to_bytes(division.steps)
        return shares + len(message).to_bytes(_LENGTH_BYTES, "little") + message

    def _received_side_bytes(self, payload: bytes) -> int:
        """Length of the side of a payload, as far as the payload tells it."""
        length = payload[self._share_bytes : self._head_bytes]
        return self._head_bytes + int.from_bytes(length, "little")

    def _received_division(self, side: bytes) -> Division:
        shares = list(side[: self._share_bytes]) or self.equal_division.shares
        if 0 in shares:
            raise BudgetError("A field has no share of the payload.")
        message = side[self._head_bytes :]
        shape = self._count, self._part_count
        return Division(shares, hierarchical_prior.from_bytes(message, shape))

    def _steps_of_weights(self, steps: Steps) -> Steps:
        """Those of one field's parts, (P,), for all coded weights in their order: (N,)."""
        return hierarchical_prior.of_weights(steps, self._parts)

    def _all_rates(self, division: Division, lengths: Sequence[int]) -> Iterator[rec.Rates]:
        """The rates of every field's weights, in their order."""
        for steps, length in zip(division.steps, lengths, strict=True):
            rates = self._rates
            if self.has_parts:
                own = self._steps_of_weights(steps)
                rates = hierarchical_prior.scaled_rates(rates, own)
            yield self._cut(rates, length)

    def _cut(self, rates: rec.Rates, length: int) -> rec.Rates:
        """The rates with the greatest ones cut so that no weight gets more bits than it can."""
        low, high = 1, int(rates.max())
        while low < high:
            middle = (low + high + 1) // 2
            cut = np.minimum(rates, middle)
            if self._coder.max_total_bits(cut) >= length:
                low = middle
            else:
                high = middle - 1
        return np.minimum(rates, low)

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
