"""What every relative entropy coder does, and the pieces they share.

A coder turns the posterior of a stream of weights into bits, from which the receiver, who knows
the prior and the shared randomness, gets one value of each weight. All is in prior units: weight
w = mu_p + sigma_p z, where z is standard normal under the prior and N(mean, std^2) under the
posterior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec.bit_allocation import Rates

Bits = NDArray[np.uint8]
Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Key:
    """Selects shared randomness: `seed` and `stream` are unsigned 32-bit integers.

    A seed must not see the same stream number twice, or the two streams share their randomness.
    Raises ValueError for a number out of range.
    """

    seed: int
    stream: int

    def __post_init__(self) -> None:
        for name, value in (("seed", self.seed), ("stream", self.stream)):
            if not 0 <= value < 1 << 32:
                raise ValueError(f"{name} {value} is not an unsigned 32-bit integer")


class StreamEncoder(Protocol):
    """Codes one stream, stretch by stretch; the caller may refine posteriors in between."""

    @property
    def position(self) -> int:
        """Number of weights whose values are settled."""

    @property
    def committed_bits(self) -> int:
        """Number of bits chosen so far."""

    @property
    def done(self) -> bool:
        """Whether the whole stream is coded."""

    def commit(self, mean: Floats, std: Floats) -> NDArray[np.float32]:
        """Choose the next stretch of the code; return the weights it settles, in prior units.

        `mean` and `std` are the posteriors of all n weights of the stream in prior units: (n,);
        those before `position` are not read. Raises ValueError for a wrong shape, a posterior that
        is not finite or has no positive deviation, or when the stream is done.
        """

    def bits(self) -> Bits:
        """All bits chosen so far, zeros and ones: (committed_bits,)."""


class Coder(Protocol):
    """A relative entropy coder for streams of weights with given rates.

    `rates` are positive integers (n,) proportional to the information expected of each weight,
    equal on both sides (see `bit_allocation`). `past` are the bits of the streams coded before,
    which a coder with memory goes on from; others ignore it.
    """

    @property
    def name(self) -> str:
        """Name under which `make_coder` knows this coder."""

    def round_bits(self, bits: int) -> int:
        """Largest usable length of a stream that is at most `bits`."""

    def max_total_bits(self, rates: Rates) -> int:
        """Length up to which streams of these rates can certainly be coded."""

    def encoder(
        self, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> StreamEncoder:
        """Start a stream of exactly `total_bits`. Raises ValueError for an unusable length."""

    def decode(
        self, bits: Bits, rates: Rates, total_bits: int, key: Key, past: Bits | None = None
    ) -> NDArray[np.float32]:
        """Values, in prior units, of the longest prefix of weights that `bits` determine: (m,).

        `bits` are zeros and ones, the first of a stream of `total_bits`; all of them give all
        weights. Raises ValueError for more bits than that or an unusable length.
        """


def encode(
    coder: Coder,
    mean: Floats,
    std: Floats,
    rates: Rates,
    total_bits: int,
    key: Key,
    past: Bits | None = None,
) -> Bits:
    """Code a whole stream of n weights without refinement: (total_bits,) zeros and ones.

    `mean` and `std` are the posteriors in prior units: (n,). Raises ValueError like `Coder`.
    """
    encoder = coder.encoder(rates, total_bits, key, past)
    while not encoder.done:
        encoder.commit(mean, std)
    return encoder.bits()


def log_ratio_coefficients(
    mean: Floats, std: Floats, window: slice
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Coefficients (a, b) of log q(z)/p(z) = z (a z + b) + constant, in nats, for weights `window`.

    a = (1 - 1/std^2) / 2 and b = mean / std^2. Up to the constant this is minus the distortion
    g (z - x)^2 / 2 with g = 1/std^2 - 1 and x = mean / (1 - std^2), but stays regular as std
    reaches 1. Raises ValueError for a posterior that is not finite or has no positive deviation.
    """
    mean = np.asarray(mean[window], dtype=np.float64)
    std = np.asarray(std[window], dtype=np.float64)
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise ValueError("a posterior is not finite or has no positive standard deviation")
    precision = 1 / std**2
    return ((1 - precision) / 2).astype(np.float32), (mean * precision).astype(np.float32)


def to_bits(values: NDArray[np.int64], widths: NDArray[np.int64]) -> Bits:
    """Low `widths[i]` bits of each value, most significant first, end to end."""
    ends = np.cumsum(widths)
    total_bits = int(ends[-1]) if len(ends) else 0
    shifts = np.repeat(ends, widths) - 1 - np.arange(total_bits)
    return ((np.repeat(values, widths) >> shifts) & 1).astype(np.uint8)
