"""Where the code of groups goes: into a message, or into a count of what it would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import TargetPosterior, standard_target_posterior
from combiner_core.rec.coder import Bits, Coder, Key
from combiner_core.rec.coding_modes import ActiveWeights
from combiner_core.rec.randomness import permutation
from combiner_core.rec.range_coder import RangeEncoder
from combiner_core.rec.scalar_quantiser import ScalarQuantiser
from combiner_core.rec.scale_factors import ScaleFactors
from combiner_core.rec.variance_tables import deviations, rates, variances_of
from combiner_core.rec.wire import (
    CANDIDATE_UNITS,
    COLUMN_BITS,
    DEVIATION_UNITS,
    RATE_UNITS,
    VALUE_UNITS,
)

# sums of the rates of more weights would overflow the bit allocation
_STREAM_WEIGHTS = 1 << 18
_CHANGE_SHIFT = (CANDIDATE_UNITS * DEVIATION_UNITS // VALUE_UNITS).bit_length() - 1
# posterior means, in prior deviations, beyond which candidates do not reach anyway
_FAR = 64.0


class Sink(Protocol):
    """Takes the sections of each group's code; see `groups`."""

    @property
    def bits(self) -> float:
        """Information taken so far."""

    @property
    def full(self) -> bool:
        """Whether there is no room for any further group."""

    def scale_factors(
        self, scales: ScaleFactors, places: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> None:
        """Take the scale factors of one pass over a group's tiles, (n,) each."""

    def quotients(
        self,
        quantiser: ScalarQuantiser,
        quotients: NDArray[np.int64],
        log_variance: NDArray[np.int16],
    ) -> None:
        """Take the quotients of the weights that are quantised, (n,) each."""

    def random(
        self, active: ActiveWeights, difference: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
        """Take the weights that have a relative entropy code.

        Args:
            active: weights of the group.
            difference: of targets from means in noise scales, flat over the group.

        Yields:
            Flat indices of weights, and what they decode to less their means in 1/16: (n,) each.
        """


class MessageSink:
    """Writes a message.

    Args:
        coder: of the weights of 0.39 to 4 bits.
        seed: of the shared randomness, an unsigned 32-bit integer.
        payload_bytes: length of the payload that the message is to fill.
    """

    def __init__(self, coder: Coder, seed: int, payload_bytes: int) -> None:
        self._payload_bytes = payload_bytes
        self._encoder = RangeEncoder()
        self._allocation = StreamAllocation(coder, seed)

    @property
    def bits(self) -> float:
        """Information in the message so far."""
        return self._encoder.bits

    @property
    def full(self) -> bool:
        """Whether the payload has no room for any further group."""
        return self._encoder.bits >= 8 * self._payload_bytes

    @property
    def fits(self) -> bool:
        """Whether the payload holds the whole message: its receiver gets what was encoded."""
        return self._encoder.n_bytes <= self._payload_bytes

    def payload(self) -> bytes:
        """The message, cut or followed by zeros: payload_bytes long."""
        return self._encoder.payload(self._payload_bytes)

    def scale_factors(
        self, scales: ScaleFactors, places: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> None:
        """Write scale factors."""
        scales.write(self._encoder, places, contexts)

    def quotients(
        self,
        quantiser: ScalarQuantiser,
        quotients: NDArray[np.int64],
        log_variance: NDArray[np.int16],
    ) -> None:
        """Write quotients."""
        quantiser.write(self._encoder, quotients, log_variance)

    def random(
        self, active: ActiveWeights, difference: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
        """Code and write streams of weights."""
        for stream in self._allocation.streams(active):
            values = self._code(stream, difference[stream.weights])
            yield stream.weights, stream.changes(values)

    def _code(self, stream: _Stream, difference: NDArray[np.float32]) -> NDArray[np.float32]:
        """Code a stream of weights at given distances from the mean; values in prior units."""
        deviation = deviations(stream.log_variance) / DEVIATION_UNITS
        mean, std = standard_target_posterior(difference.astype(np.float64), deviation)
        mean = np.clip(mean, -_FAR, _FAR)
        encoder = self._allocation.coder.encoder(
            stream.rates, stream.total_bits, stream.key, self._allocation.past
        )
        values = []
        while not encoder.done:
            values.append(encoder.commit(mean, std))
        bits = encoder.bits()
        self._encoder.bit_string(bits)
        self._allocation.follow(bits)
        return np.concatenate(values)


class CountingSink:
    """Counts bits, and samples posteriors in the place of a random code.

    Args:
        generator: of the samples.
    """

    full = False

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._quotients_seen: NDArray[np.int64] | None = None
        self._bits = 0.0

    @property
    def bits(self) -> float:
        """Estimated length of the message so far."""
        return self._bits

    @property
    def quotient_counts(self) -> NDArray[np.int64]:
        """Symbols that quotients had under each table, for `EntropyTables.learned`.

        Raises:
            ValueError: nothing was encoded.
        """
        if self._quotients_seen is None:
            raise ValueError("nothing was encoded")
        return self._quotients_seen.copy()

    def scale_factors(
        self, scales: ScaleFactors, places: NDArray[np.intp], contexts: NDArray[np.intp]
    ) -> None:
        """Count scale factors."""
        self._bits += float(scales.costs_bits[contexts, places].sum())

    def quotients(
        self,
        quantiser: ScalarQuantiser,
        quotients: NDArray[np.int64],
        log_variance: NDArray[np.int16],
    ) -> None:
        """Count quotients."""
        seen = quantiser.seen(quotients, log_variance)
        before = self._quotients_seen
        self._quotients_seen = seen if before is None else before + seen
        self._bits += quantiser.bits(quotients, log_variance)

    def random(
        self, active: ActiveWeights, difference: NDArray[np.float32]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64]]]:
        """Sample posteriors."""
        log_variance = active.random_log_variance
        self._bits += int(rates(log_variance).sum(dtype=np.int64)) / RATE_UNITS
        variance = variances_of(log_variance).astype(np.float32)
        posterior = TargetPosterior(difference[active.random], variance)
        noise = self._generator.standard_normal(len(variance), dtype=np.float32)
        sample = posterior.shift + posterior.std * noise
        yield active.random, np.rint(VALUE_UNITS * sample).astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Stream:
    """Weights of a group that share one relative entropy code, by their flat indices."""

    key: Key
    weights: NDArray[np.intp]
    log_variance: NDArray[np.int16]
    rates: NDArray[np.int32]
    total_bits: int

    def changes(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """The first values, in prior units, as differences from the means in 1/16: (n,)."""
        # values are multiples of 1/4096, so everything is in integers
        normal = (values * np.float32(CANDIDATE_UNITS)).astype(np.int64)
        product = normal * deviations(self.log_variance[: len(values)])
        rounded: NDArray[np.int64] = (product + (1 << (_CHANGE_SHIFT - 1))) >> _CHANGE_SHIFT
        return rounded


class StreamAllocation:
    """Cuts groups into streams with numbers of their own, and keeps the end of the bits so far.

    Args:
        coder: of the streams.
        seed: of the shared randomness, an unsigned 32-bit integer.

    Attributes:
        past: the last bits of the streams so far.
    """

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
            total_bits = min(total_bits, self.coder.max_total_bits(rate))
            total_bits = self.coder.round_bits(total_bits)
            key = Key(self._seed, self._n_streams)
            self._n_streams += 1
            if total_bits:
                yield _Stream(key, active.random[part], log_variance, rate, total_bits)

    def follow(self, bits: Bits) -> None:
        """Remember the last bits of a stream."""
        self.past = np.concatenate([self.past, bits])[-COLUMN_BITS:]
