"""Groups of weights under a conditional Gaussian prior, coded into one message.

A group is an array (C, h, w) of weights in units of the noise scale s; its prior N(mean, v) may
depend on the groups before. It becomes three sections of the message: side information, which is
the scale factors of its tiles (`scale_factors`) and the quotients of the weights with more than 4
bits (`scalar_quantiser`), then the relative entropy code of the others in a pseudo-random order.
Weights with less than 0.39 bits stay at their mean.

An encoder hands all that to a sink: `MessageSink` writes it, `CountingSink` counts what it would
cost. Any prefix of the message decodes: a group whose side information is not all received stays at
its mean, and so do all later groups and the weights that the bits received of a code do not
determine. The receiver of a payload gets what the sender's `encode` returned as long as the message
fits in the payload; otherwise the sender decodes the payload to learn it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import NATS_PER_BIT, TargetPosterior
from combiner_core.rec.coder import Coder
from combiner_core.rec.coding_modes import ActiveWeights
from combiner_core.rec.entropy_tables import EntropyTables
from combiner_core.rec.range_coder import MessageEnded, RangeDecoder
from combiner_core.rec.scalar_quantiser import ScalarQuantiser
from combiner_core.rec.scale_factors import ScaleFactors
from combiner_core.rec.sinks import Sink, StreamAllocation
from combiner_core.rec.variance_tables import clamped, moved, rates, variances_of
from combiner_core.rec.wire import RATE_UNITS, VALUE_UNITS

# noise scales; squares of larger differences would tell nothing more
_MAX_DIFFERENCE = float(1 << 21)


@dataclass(frozen=True, eq=False)
class IntegerPrior:
    """The prior of a group in the integers that both sides of a code compute with.

    Attributes:
        index: number of the group, by which later ones can refer to it.
        previous: number of an earlier group on the same grid, None if there is none.
        mean: in 1/16 of the noise scale, int32 (C, h, w).
        log_variance: log2 of the variance in 1/8, integers (C, h, w).
        coded: weights that exist, bool (C, h, w).
        all_scalar: quantise all weights one by one, which spends what an outlier needs where a
            random code of fixed rate would miss it.

    Raises:
        ValueError: arrays of other shapes or types.
    """

    index: int
    previous: int | None
    mean: NDArray[np.int32]
    log_variance: NDArray[np.integer]
    coded: NDArray[np.bool_]
    all_scalar: bool = False

    def __post_init__(self) -> None:
        mean, log_variance, coded = self.mean, self.log_variance, self.coded
        if coded.ndim != 3 or not coded.size or not mean.shape == log_variance.shape == coded.shape:
            shapes = f"{mean.shape}, {log_variance.shape} and {coded.shape}"
            raise ValueError(f"a group's arrays must have one shape (C, h, w), not {shapes}")
        if mean.dtype != np.int32 or coded.dtype != np.bool_:
            raise ValueError(f"means are {mean.dtype} and masks {coded.dtype}, not int32 and bool")
        if not np.issubdtype(log_variance.dtype, np.integer):
            raise ValueError(f"log-variances are {log_variance.dtype}, not integers")

    @property
    def default(self) -> NDArray[np.int32]:
        """Weights before any is decoded: a fresh array of the means, zero where not `coded`."""
        decoded: NDArray[np.int32] = np.multiply(self.mean, self.coded, order="C")
        return decoded

    def differences(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Targets less means, in noise scales: (C, h, w), contiguous.

        Raises:
            ValueError: another shape or type, or a target that is not finite.
        """
        if target.shape != self.mean.shape or target.dtype != np.float32:
            raise ValueError(
                f"targets are {target.dtype} {target.shape}, not float32 {self.mean.shape}"
            )
        difference = self.mean.astype(np.float32, order="C")
        difference *= -1 / VALUE_UNITS
        difference += target
        if not np.isfinite(difference).all():
            raise ValueError("a target is not finite")
        np.clip(difference, -_MAX_DIFFERENCE, _MAX_DIFFERENCE, out=difference)
        return difference


@dataclass(frozen=True, eq=False)
class CodedGroup:
    """What came of encoding a group.

    Attributes:
        values: weights in 1/16 of the noise scale, int32 (C, h, w), zero where not coded.
        rates_bits: expected information of each weight, float32 (C, h, w).
        bits: length that the group adds to the message.
        side_bits: of these the information of exponents and quotients.
        kl_bits: KL divergence of the posteriors from the priors, with the exponents' information:
            the length an ideal code would have.
    """

    values: NDArray[np.int32]
    rates_bits: NDArray[np.float32]
    bits: float = 0.0
    side_bits: float = 0.0
    kl_bits: float = 0.0


class GroupEncoder:
    """Codes groups one after the other.

    Args:
        tables: sizes of tiles and probabilities.
        sink: where the code goes.
    """

    def __init__(self, tables: EntropyTables, sink: Sink) -> None:
        self._sink = sink
        self._scales = ScaleFactors(tables.tile, tables.exponents, tables.exponent_counts)
        self._quantiser = ScalarQuantiser(tables.scalar_counts)

    @property
    def exponent_counts(self) -> NDArray[np.int64]:
        """Tiles that had each exponent in each context so far, for `EntropyTables.learned`."""
        return self._scales.seen.copy()

    def encode(self, prior: IntegerPrior, target: NDArray[np.float32]) -> CodedGroup:
        """Code a group; nothing is done, and the weights stay at their means, if the sink is full.

        Args:
            prior: of the group.
            target: weights that would have no distortion, in noise scales, float32 (C, h, w).

        Raises:
            ValueError: targets of another shape or type or not finite, or a previous group that is
                unknown or has another grid.
        """
        decoded = prior.default
        difference = prior.differences(target)
        rates_bits = np.zeros(decoded.shape, dtype=np.float32)
        if self._sink.full:
            return CodedGroup(decoded, rates_bits)
        sink, start_bits = self._sink, self._sink.bits
        log_variance = clamped(prior.log_variance)
        costs = self._scales.likelihood_bits(
            difference, log_variance, prior.coded, prior.all_scalar
        )

        def code(tiles: NDArray[np.intp], contexts: NDArray[np.intp]) -> NDArray[np.intp]:
            places = self._scales.chosen(costs, tiles, contexts)
            sink.scale_factors(self._scales, places, contexts)
            return places

        corrected = self._scales.apply(prior.index, prior.previous, log_variance, prior.coded, code)
        kl_bits = sink.bits - start_bits
        active = ActiveWeights.of(corrected, prior.coded, prior.all_scalar)
        for weights, log_variances in (
            (active.scalar, active.scalar_log_variance),
            (active.random, active.random_log_variance),
        ):
            rates_bits.flat[weights] = rates(log_variances) / RATE_UNITS
            offset = difference.ravel()[weights].astype(np.float64)
            posterior = TargetPosterior(offset, variances_of(log_variances))
            kl_bits += float(posterior.kl_nats.sum()) / NATS_PER_BIT
        flat, at = decoded.reshape(-1), active.scalar
        quotients = self._quantiser.quotients(difference.ravel()[at], active.scalar_log_variance)
        sink.quotients(self._quantiser, quotients, active.scalar_log_variance)
        flat[at] = self._quantiser.values(prior.mean.ravel()[at], quotients)
        side_bits = sink.bits - start_bits
        for at, changes in sink.random(active, difference.ravel()):
            flat[at] = moved(prior.mean.ravel()[at], changes)
        return CodedGroup(decoded, rates_bits, sink.bits - start_bits, side_bits, kl_bits)


class GroupDecoder:
    """Decodes the groups of a payload, or of a prefix of one, in the order they were coded.

    Any bytes decode to something: damage is for checksums to find.

    Args:
        coder: that of the encoder's sink, as is the seed.
        tables: those of the encoder.
        seed: of the shared randomness.
        payload: result of `MessageSink.payload`, or its first bytes.
    """

    def __init__(self, coder: Coder, tables: EntropyTables, seed: int, payload: bytes) -> None:
        self._decoder = RangeDecoder(payload)
        self._scales = ScaleFactors(tables.tile, tables.exponents, tables.exponent_counts)
        self._quantiser = ScalarQuantiser(tables.scalar_counts)
        self._allocation = StreamAllocation(coder, seed)
        self._ended = False

    def decode(self, prior: IntegerPrior) -> NDArray[np.int32]:
        """Decode a group; the result is that of `GroupEncoder.encode`.

        Raises:
            ValueError: a previous group that is unknown or has another grid.
        """
        decoded = prior.default
        if self._ended:
            return decoded
        try:
            corrected = self._scales.apply(
                prior.index,
                prior.previous,
                clamped(prior.log_variance),
                prior.coded,
                lambda tiles, contexts: self._scales.read(self._decoder, contexts),
            )
            active = ActiveWeights.of(corrected, prior.coded, prior.all_scalar)
            quotients = self._quantiser.read(self._decoder, active.scalar_log_variance)
        except MessageEnded:
            self._ended = True
            return decoded
        flat, at = decoded.reshape(-1), active.scalar
        flat[at] = self._quantiser.values(prior.mean.ravel()[at], quotients)
        for stream in self._allocation.streams(active):
            bits = self._decoder.bit_string(stream.total_bits)
            values = self._allocation.coder.decode(
                bits, stream.rates, stream.total_bits, stream.key, self._allocation.past
            )
            self._allocation.follow(bits)
            at = stream.weights[: len(values)]
            flat[at] = moved(prior.mean.ravel()[at], stream.changes(values))
            if len(bits) < stream.total_bits:
                self._ended = True
                break
        return decoded
