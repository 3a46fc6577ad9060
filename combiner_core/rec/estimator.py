"""What coding groups of weights would give and cost, found without coding them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.model import GroupModel
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


class GroupEstimator:
    """Stands in for a `GroupEncoder` without limit: chooses likewise, samples, counts bits.

    Args:
        model: tiles and tables.
        generator: of the posteriors' samples.

    Attributes:
        bits: estimated length of the message so far.
        kl_bits: KL divergence of the posteriors from the priors, with the exponents' information:
            the length an ideal code would have.
    """

    def __init__(self, model: GroupModel, generator: np.random.Generator) -> None:
        self._scales = TileScales(model.tile, model.exponents, model.exponent_counts)
        self._quantiser = ScalarQuantiser(model.scalar_counts)
        self._generator = generator
        self._quotients_seen = np.zeros_like(model.scalar_counts, np.int64)
        self.bits = 0.0
        self.kl_bits = 0.0

    @property
    def exponent_counts(self) -> NDArray[np.int64]:
        """Tiles that had each exponent in each context, for `GroupModel.learned`."""
        return self._scales.seen.copy()

    @property
    def quotient_counts(self) -> NDArray[np.int64]:
        """Symbols that quotients had under each table, likewise."""
        return self._quotients_seen.copy()

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
        """Like `GroupEncoder.encode`, with samples of the posterior in place of a random code."""
        decoded = means_of_prior(mean, log_variance, coded)
        difference = differences(target, mean)
        log_variance = clamped(log_variance)
        costs = self._scales.likelihood_bits(difference, log_variance, coded, all_scalar)
        scale_bits = 0.0

        def choose(tiles: NDArray[np.intp], contexts: NDArray[np.intp]) -> NDArray[np.intp]:
            nonlocal scale_bits
            places = self._scales.chosen(costs, tiles, contexts)
            scale_bits += float(self._scales.costs_bits[contexts, places].sum())
            return places

        corrected = self._scales.apply(index, previous, log_variance, coded, choose)
        active = ActiveWeights.of(corrected, coded, all_scalar)
        flat, at = decoded.reshape(-1), active.scalar
        quotients = self._quantiser.quotients(difference.ravel()[at], active.scalar_log_variance)
        flat[at] = self._quantiser.values(mean.ravel()[at], quotients)
        self._quotients_seen += self._quantiser.seen(quotients, active.scalar_log_variance)
        self.bits += scale_bits + self._quantiser.bits(quotients, active.scalar_log_variance)
        self.kl_bits += scale_bits + divergence_bits(
            difference.ravel()[at], active.scalar_log_variance
        )
        at = active.random
        sample = self._sample(difference.ravel()[at], active.random_log_variance)
        flat[at] = moved(mean.ravel()[at], sample)
        self.bits += int(rates(active.random_log_variance).sum(dtype=np.int64)) / RATE_UNITS
        self.kl_bits += divergence_bits(difference.ravel()[at], active.random_log_variance)
        return decoded

    def _sample(
        self, difference: NDArray[np.float32], log_variance: NDArray[np.int16]
    ) -> NDArray[np.int64]:
        """Samples of posteriors less their prior means, in 1/16: (n,)."""
        deviation = (deviations(log_variance) / DEVIATION_UNITS).astype(np.float32)
        shrink = 1 / (1 + deviation**2)
        noise = self._generator.standard_normal(len(difference), dtype=np.float32)
        sample = difference * (1 - shrink) + deviation * np.sqrt(shrink) * noise
        rounded: NDArray[np.int64] = np.rint(VALUE_UNITS * sample).astype(np.int64)
        return rounded
