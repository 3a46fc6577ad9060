"""Groups of weights under a conditional Gaussian prior, coded into one payload.

A group is an array (C, h, w) of weights in units of the noise scale s; its prior N(mean, v) may
depend on the groups before. It becomes three sections of the message: exponents of its tiles
(`scales`), quotients of the weights with more than 4 bits (`scalar`), then the relative entropy
code of the others in a pseudo-random order. Weights with less than 0.39 bits stay at their mean.

Any prefix of the message decodes. A group whose exponents or quotients are not all received stays
at its mean, and so do all later groups and the weights that the bits received of a code do not
determine. The receiver of a payload gets what the sender's `encode` returned as long as the message
fits in the payload; otherwise the sender decodes the payload to learn it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.coder import Bits, Coder, Key
from combiner_core.rec.message import MessageEnded, MessageReader, MessageWriter
from combiner_core.rec.model import GroupModel
from combiner_core.rec.randomness import COLUMN_BITS, SCALE, permutation
from combiner_core.rec.scalar import ScalarQuantiser
from combiner_core.rec.scales import TileScales
from combiner_core.rec.selection import (
    ActiveWeights,
    differences,
    divergence_bits,
    means_of_prior,
)
from combiner_core.rec.tables import (
    DEVIATION_UNITS,
    RATE_UNITS,
    VALUE_UNITS,
    clamped,
    deviations,
    moved,
    rates,
)

# sums of the rates of more weights would overflow the schedules
_STREAM_WEIGHTS = 1 << 18
_DECODED_SHIFT = (SCALE * DEVIATION_UNITS // VALUE_UNITS).bit_length() - 1
# posterior means, in prior deviations, beyond which candidates do not reach anyway
_FAR = 64.0


class GroupEncoder:
    """Codes groups one after the other into a payload of a fixed length.

    Args:
        coder: of the weights of 0.39 to 4 bits.
        model: tiles and tables.
        seed: of the shared randomness, an unsigned 32-bit integer.
        payload_bytes: length of the payload.

    Attributes:
        side_bits: information of exponents and quotients so far.
        kl_bits: KL divergence of the posteriors from the priors, with the exponents' information:
            the length an ideal code would have.
        rates_bits: expected information of each weight of the last group (C, h, w).
    """

    def __init__(self, coder: Coder, model: GroupModel, seed: int, payload_bytes: int) -> None:
        self._payload_bytes = payload_bytes
        self._writer = MessageWriter()
        self._scales = TileScales(model.tile, model.exponents, model.exponent_counts)
        self._quantiser = ScalarQuantiser(model.scalar_counts)
        self._schedule = _Schedule(coder, seed)
        self.side_bits = self.kl_bits = 0.0
        self.rates_bits = np.zeros((0, 0, 0), dtype=np.float32)

    @property
    def bits(self) -> float:
        """Information in the message so far."""
        return self._writer.bits

    @property
    def full(self) -> bool:
        """Whether the payload has no room for any further group: `encode` then does nothing."""
        return self._writer.bits >= 8 * self._payload_bytes

    @property
    def fits(self) -> bool:
        """Whether the payload holds the whole message: its receiver gets what `encode` returned."""
        return self._writer.n_bytes <= self._payload_bytes

    def payload(self) -> bytes:
        """The message, cut or followed by zeros: payload_bytes long."""
        return self._writer.payload(self._payload_bytes)

    def encode(
        self,
        index: int,
        previous: int | None,
        target: NDArray[np.float32],
        mean: NDArray[np.int32],
        log_variance: NDArray[np.integer],
        coded: NDArray[np.bool_],
        all_scalar: bool = False,
    ) -> NDArray[np.int32]:
        """Code a group.

        Args:
            index: number of the group, by which later ones can refer to it.
            previous: number of an earlier group on the same grid, None if there is none.
            target: weights that would have no distortion (C, h, w), in noise scales.
            mean: of the prior (C, h, w), in 1/16 of the noise scale.
            log_variance: log2 of the prior's variance (C, h, w), in 1/8.
            coded: weights that exist (C, h, w).
            all_scalar: quantise all weights, which spends what an outlier needs where a random
                code of fixed rate would miss it.

        Returns:
            Weights in 1/16 of the noise scale (C, h, w), zero where not `coded`.

        Raises:
            ValueError: arrays of other shapes or types, a target that is not finite, or a previous
                group that is unknown or has another grid.
        """
        decoded = means_of_prior(mean, log_variance, coded)
        difference = differences(target, mean)
        self.rates_bits = np.zeros(mean.shape, dtype=np.float32)
        if self.full:
            return decoded
        start_bits = self._writer.bits
        log_variance = clamped(log_variance)
        costs = self._scales.likelihood_bits(difference, log_variance, coded, all_scalar)

        def code(tiles: NDArray[np.intp], contexts: NDArray[np.intp]) -> NDArray[np.intp]:
            places = self._scales.chosen(costs, tiles, contexts)
            self._scales.write(self._writer, places, contexts)
            return places

        corrected = self._scales.apply(index, previous, log_variance, coded, code)
        self.kl_bits += self._writer.bits - start_bits
        active = ActiveWeights.of(corrected, coded, all_scalar)
        for weights, log_variances in (
            (active.scalar, active.scalar_log_variance),
            (active.random, active.random_log_variance),
        ):
            self.rates_bits.flat[weights] = rates(log_variances) / RATE_UNITS
            self.kl_bits += divergence_bits(difference.flat[weights], log_variances)
        flat, at = decoded.reshape(-1), active.scalar
        quotients = self._quantiser.quotients(difference.ravel()[at], active.scalar_log_variance)
        self._quantiser.write(self._writer, quotients, active.scalar_log_variance)
        flat[at] = self._quantiser.values(mean.ravel()[at], quotients)
        self.side_bits += self._writer.bits - start_bits
        for stream in self._schedule.streams(active):
            at = stream.weights
            values = self._encode(stream, difference.ravel()[at])
            flat[at] = stream.decoded(mean.ravel()[at], values)
        return decoded

    def _encode(self, stream: _Stream, difference: NDArray[np.float32]) -> NDArray[np.float32]:
        """Code a stream of weights at given distances from the mean; values in prior units."""
        deviation = deviations(stream.log_variance) / DEVIATION_UNITS
        mean = difference * deviation / (1 + deviation**2)
        std = 1 / np.sqrt(1 + deviation**2)
        encoder = self._schedule.coder.encoder(
            stream.rates, stream.total_bits, stream.key, self._schedule.past
        )
        mean = np.clip(mean, -_FAR, _FAR)
        values = []
        while not encoder.done:
            values.append(encoder.commit(mean, std))
        bits = encoder.bits()
        self._writer.bit_string(bits)
        self._schedule.follow(bits)
        return np.concatenate(values)


class GroupDecoder:
    """Decodes the groups of a payload, or of a prefix of one, in the order they were coded.

    Any bytes decode to something: damage is for checksums to find.

    Args:
        coder: that of the encoder, as are the next two.
        model: tiles and tables.
        seed: of the shared randomness.
        payload: result of `GroupEncoder.payload`, or its first bytes.
    """

    def __init__(self, coder: Coder, model: GroupModel, seed: int, payload: bytes) -> None:
        self._reader = MessageReader(payload)
        self._scales = TileScales(model.tile, model.exponents, model.exponent_counts)
        self._quantiser = ScalarQuantiser(model.scalar_counts)
        self._schedule = _Schedule(coder, seed)
        self._ended = False

    def decode(
        self,
        index: int,
        previous: int | None,
        mean: NDArray[np.int32],
        log_variance: NDArray[np.integer],
        coded: NDArray[np.bool_],
        all_scalar: bool = False,
    ) -> NDArray[np.int32]:
        """Decode a group; arguments and result are those of `GroupEncoder.encode`.

        Raises:
            ValueError: like `GroupEncoder.encode`.
        """
        decoded = means_of_prior(mean, log_variance, coded)
        if self._ended:
            return decoded
        try:
            corrected = self._scales.apply(
                index,
                previous,
                clamped(log_variance),
                coded,
                lambda tiles, contexts: self._scales.read(self._reader, contexts),
            )
            active = ActiveWeights.of(corrected, coded, all_scalar)
            quotients = self._quantiser.read(self._reader, active.scalar_log_variance)
        except MessageEnded:
            self._ended = True
            return decoded
        flat, at = decoded.reshape(-1), active.scalar
        flat[at] = self._quantiser.values(mean.ravel()[at], quotients)
        for stream in self._schedule.streams(active):
            bits = self._reader.bit_string(stream.total_bits)
            values = self._schedule.coder.decode(
                bits, stream.rates, stream.total_bits, stream.key, self._schedule.past
            )
            self._schedule.follow(bits)
            at = stream.weights[: len(values)]
            flat[at] = stream.decoded(mean.ravel()[at], values)
            if len(bits) < stream.total_bits:
                self._ended = True
                break
        return decoded


@dataclass(frozen=True, eq=False)
class _Stream:
    """Weights of a group that share one relative entropy code, by their flat indices."""

    key: Key
    weights: NDArray[np.intp]
    log_variance: NDArray[np.int16]
    rates: NDArray[np.int32]
    total_bits: int

    def decoded(self, mean: NDArray[np.int32], values: NDArray[np.float32]) -> NDArray[np.int32]:
        """Weights in 1/16 from means in 1/16 and from the first values in prior units: (n,)."""
        # values are multiples of 1/4096, so everything is in integers
        normal = (values * np.float32(SCALE)).astype(np.int64)
        product = normal * deviations(self.log_variance[: len(values)])
        rounded = (product + (1 << (_DECODED_SHIFT - 1))) >> _DECODED_SHIFT
        return moved(mean, rounded)


class _Schedule:
    """Cuts groups into streams with numbers of their own, and keeps the end of the bits so far."""

    def __init__(self, coder: Coder, seed: int) -> None:
        self.coder, self._seed = coder, Key(seed, 0).seed
        self.past: Bits = np.zeros(0, dtype=np.uint8)
        self._n_streams = 0

    def streams(self, active: ActiveWeights) -> Iterator[_Stream]:
        """Streams with at least one bit."""
        count = len(active.random)
        order = permutation(count, (self._seed + self._n_streams) % (1 << 32))
        for begin in range(0, count, _STREAM_WEIGHTS):
            part = order[begin : begin + _STREAM_WEIGHTS]
            log_variance = active.random_log_variance[part]
            rate = rates(log_variance)
            total_bits = (2 * int(rate.sum(dtype=np.int64)) + RATE_UNITS) // (2 * RATE_UNITS)
            total_bits = min(total_bits, self.coder.largest_total_bits(rate))
            total_bits = self.coder.round_bits(total_bits)
            key = Key(self._seed, self._n_streams)
            self._n_streams += 1
            if total_bits:
                yield _Stream(key, active.random[part], log_variance, rate, total_bits)

    def follow(self, bits: Bits) -> None:
        """Remember the last bits of a stream."""
        self.past = np.concatenate([self.past, bits])[-COLUMN_BITS:]
