"""What relative entropy coders cost over the ideal, on Gaussian weights of known rates."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from benchmarks import results_files
from benchmarks.rec_overhead.coders import CoderChoice
from combiner_core.rec import Coder, Key, encode

_RATE_UNITS_PER_BIT = 1024
_WARM_UP_WEIGHTS = 500


@dataclass(frozen=True)
class GaussianSource:
    """Weights to code, in prior units, and what the ideal code would spend on each.

    A weight of rate R = 1/2 log2(1 + g) has a target x, the prior's value plus noise of variance
    1/g, and a distortion g (z - x)^2 when z is received; its posterior is that of z given x.
    """

    rates_bits: NDArray[np.float64]
    targets: NDArray[np.float64]

    @property
    def precisions(self) -> NDArray[np.float64]:
        """Distortion weights g: (n,)."""
        return 4.0**self.rates_bits - 1

    @property
    def mean(self) -> NDArray[np.float64]:
        """Posterior means: (n,)."""
        precisions = self.precisions
        return precisions * self.targets / (1 + precisions)

    @property
    def std(self) -> NDArray[np.float64]:
        """Posterior standard deviations: (n,)."""
        return 2.0**-self.rates_bits

    @property
    def integer_rates(self) -> NDArray[np.int64]:
        """Rates as the coders take them: (n,)."""
        return np.maximum(1, np.rint(self.rates_bits * _RATE_UNITS_PER_BIT)).astype(np.int64)

    def distortion(self, values: NDArray[np.float32]) -> float:
        """Mean distortion of received values (n,); exact posterior samples expect 1."""
        return float(np.mean(self.precisions * (values - self.targets) ** 2))

    def ideal_bits(self, distortion: float) -> float:
        """Least bits for an expected mean distortion in (0, mean variance).

        Reverse water-filling (Cover & Thomas, "Elements of Information Theory", theorem 10.3.3)
        over independent Gaussians, whose variances are 4^R in units of the distortion.
        """
        variances = 4.0**self.rates_bits

        def excess(log_level: float) -> float:
            return float(np.minimum(np.exp(log_level), variances).mean()) - distortion

        level = np.exp(brentq(excess, -20.0, np.log(variances.max())))
        return float(np.maximum(0, np.log2(variances / level) / 2).sum())


def gaussian_source(
    count: int,
    rng: np.random.Generator,
    mean_bits: float = 0.8,
    log_spread: float = 0.9,
    cap_bits: float = 6.0,
) -> GaussianSource:
    """Draw `count` weights with log-normal rates about `mean_bits`, none above `cap_bits`.

    `log_spread` is the standard deviation of the logarithm of the rates.
    """
    rates = np.exp(log_spread * rng.standard_normal(count))
    rates = np.minimum(mean_bits * rates / rates.mean(), cap_bits)
    variances = 4.0**rates
    targets = rng.standard_normal(count) * np.sqrt(variances / (variances - 1))
    return GaussianSource(rates, targets)


@dataclass(frozen=True)
class Overhead:
    """One measurement.

    Attributes:
        total_bits: spent.
        ideal_bits: of the ideal code at the same mean distortion.
        distortion: its mean, as `GaussianSource.distortion`.
        encode_s, decode_s: wall-clock seconds.
    """

    total_bits: int
    ideal_bits: float
    distortion: float
    encode_s: float
    decode_s: float

    @property
    def percent(self) -> float:
        """Bits spent over the ideal, in per cent of the ideal."""
        return 100 * (self.total_bits / self.ideal_bits - 1)

    @property
    def encode_us_per_bit(self) -> float:
        """Microseconds to encode a bit."""
        return 1e6 * self.encode_s / self.total_bits


def measure_overhead(
    coder: Coder, source: GaussianSource, key: Key, expansion: float = 1.0
) -> Overhead:
    """Code `source` in one stream of `expansion` times its ideal bits, and decode it.

    Times are of one run; the caller runs a small source first where compilation must not count.
    """
    rates = source.integer_rates
    total_bits = coder.round_bits(int(expansion * source.rates_bits.sum()))
    begin = time.perf_counter()
    bits = encode(coder, source.mean, source.std, rates, total_bits, key)
    encoded = time.perf_counter()
    values = coder.decode(bits, rates, total_bits, key)
    decoded = time.perf_counter()
    distortion = source.distortion(values)
    return Overhead(
        total_bits,
        source.ideal_bits(distortion),
        distortion,
        encoded - begin,
        decoded - encoded,
    )


@dataclass(frozen=True)
class Job:
    """A coder on weights drawn at random.

    Attributes:
        coder, size: as in `CoderChoice`.
        mean_bits: of a weight.
        weights: how many.
        seed: of the weights and of the shared randomness.
    """

    coder: str
    size: int
    mean_bits: float
    weights: int
    seed: int


@dataclass(frozen=True)
class Row(Overhead):
    """What was measured for a job."""

    job: Job


BENCHMARK = results_files.Benchmark("rec", Job, Row, isolated=False)


def jobs_for(
    coders: Sequence[CoderChoice], mean_bits: Sequence[float], weights: int, seeds: int
) -> list[Job]:
    """All combinations."""
    return [
        Job(coder.name, coder.size, bits, weights, seed)
        for bits, coder, seed in itertools.product(mean_bits, coders, range(seeds))
    ]


def run(job: Job) -> Row:
    """Measure one job, in this process."""
    coder = CoderChoice(job.coder, job.size).make()
    for weights in (_WARM_UP_WEIGHTS, job.weights):
        source = gaussian_source(weights, np.random.default_rng(job.seed), job.mean_bits)
        found = measure_overhead(coder, source, Key(job.seed, 0))
    return Row(**vars(found), job=job)
