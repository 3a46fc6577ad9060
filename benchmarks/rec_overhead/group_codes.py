"""Codes of groups of weights that are compared on images: the codec's, others, and the ideal."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import NATS_PER_BIT, TargetPosterior, standard_target_posterior
from combiner_core.rec import Coder, EntropyTables, IntegerPrior, Key, encode, permutation
from combiner_core.rec.groups import GroupEncoder
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS

_RATE_UNITS = 1024
# weights that expect less stay at their means, and those that expect more are beyond such codes
_LEAST_RATE_BITS, _MOST_RATE_BITS = 0.39, 4.0
# sums of the rates of more weights would overflow the bit allocation
_STREAM_WEIGHTS = 1 << 18
# posterior means, in prior deviations, beyond which candidates do not reach anyway
_FAR = 64.0


class GroupCode(Protocol):
    """Codes groups one after the other."""

    @property
    def bits(self) -> float:
        """Spent so far."""

    def encode(self, prior: IntegerPrior, target: NDArray[np.float32]) -> NDArray[np.int32]:
        """What a group's weights decode to; arguments as of `GroupEncoder.encode`."""


class DependentCode:
    """The codec's own code, see `rec.groups`."""

    def __init__(self, tables: EntropyTables, states: int) -> None:
        self._encoder = GroupEncoder(tables, states)

    @property
    def bits(self) -> float:
        """Of the message."""
        return self._encoder.bits

    def encode(self, prior: IntegerPrior, target: NDArray[np.float32]) -> NDArray[np.int32]:
        """See `GroupCode`."""
        return self._encoder.encode(prior, target).values


class FixedRateCode:
    """A relative entropy coder, with as many bits for each weight as its prior foretells.

    Weights of 4 bits or more take what they would of the ideal code.
    """

    def __init__(self, coder: Coder, seed: int) -> None:
        self._coder, self._seed = coder, seed
        self._streams = 0
        self._generator = np.random.default_rng(seed)
        self.bits = 0.0

    def encode(self, prior: IntegerPrior, target: NDArray[np.float32]) -> NDArray[np.int32]:
        """See `GroupCode`."""
        variance, offset = _gaussians(prior, target)
        rates = np.rint(_RATE_UNITS * np.log2(1 + variance) / 2).astype(np.int32)
        changes = np.zeros(len(variance))
        many = rates >= _RATE_UNITS * _MOST_RATE_BITS
        ideal = TargetPosterior(offset[many], variance[many])
        changes[many] = _sample(ideal, self._generator)
        self.bits += float(ideal.kl_nats.sum()) / NATS_PER_BIT
        active = np.flatnonzero((rates >= _RATE_UNITS * _LEAST_RATE_BITS) & ~many)
        for begin in range(0, len(active), _STREAM_WEIGHTS):
            part = active[begin : begin + _STREAM_WEIGHTS]
            part = part[permutation(len(part), self._seed + self._streams)]
            changes[part] = self._coded(rates[part], offset[part], np.sqrt(variance[part]))
        return _values(prior, changes)

    def _coded(
        self,
        rates: NDArray[np.int32],
        offset: NDArray[np.float64],
        deviation: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        coder, key = self._coder, Key(self._seed, self._streams)
        self._streams += 1
        wanted = round(int(rates.sum(dtype=np.int64)) / _RATE_UNITS)
        total_bits = coder.round_bits(min(wanted, coder.max_total_bits(rates)))
        if not total_bits:
            return np.zeros(len(rates))
        mean, std = standard_target_posterior(offset, deviation)
        bits = encode(coder, np.clip(mean, -_FAR, _FAR), std, rates, total_bits, key)
        self.bits += total_bits
        return deviation * coder.decode(bits, rates, total_bits, key)


class IdealCode:
    """Exact samples of the Gaussian posteriors, for as many bits as their KL divergence."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self.bits = 0.0

    def encode(self, prior: IntegerPrior, target: NDArray[np.float32]) -> NDArray[np.int32]:
        """See `GroupCode`."""
        self.bits += prior.kl_bits(target)
        variance, offset = _gaussians(prior, target)
        return _values(prior, _sample(TargetPosterior(offset, variance), self._generator))


def _gaussians(
    prior: IntegerPrior, target: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prior variances of the coded weights, and how far targets are from means, (n,)."""
    variance = np.exp2(prior.log_variance[prior.coded] / LOG_VARIANCE_UNITS)
    return variance, prior.distances(target)[prior.coded] / np.float64(VALUE_UNITS)


def _values(prior: IntegerPrior, changes: NDArray[np.float64]) -> NDArray[np.int32]:
    values = prior.default
    values[prior.coded] += np.rint(VALUE_UNITS * changes).astype(np.int32)
    return values


def _sample(
    posterior: TargetPosterior[NDArray[np.float64]], generator: np.random.Generator
) -> NDArray[np.float64]:
    """What posteriors add to the means of their priors."""
    normal = generator.standard_normal(posterior.shift.shape)
    sample: NDArray[np.float64] = posterior.shift + posterior.std * normal
    return sample
