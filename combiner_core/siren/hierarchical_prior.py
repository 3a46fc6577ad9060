"""A level above the prior of weights: scales of a field's parts, which are sent before its weights.

    p(w | a) = N(mu_p, (a sigma_p)^2), a = 2^(step / 2), one for each part of a field

He et al. 2024 (RECOMBINER), section 3.3, put means and deviations of patches above those of
weights; here a part is a layer, or some nodes and some frequencies of positional encodings, whose
weights are as loud as the signal is there. A code gives each weight about the bits that its prior
foresees, so what varies much is to be foreseen: without scales a weight far out finds no candidate
near it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import BitstreamError
from combiner_core.rec import small_integers
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.prior import RATE_UNITS_PER_BIT

_LEAST_STEP = -8
_STEPS = np.arange(_LEAST_STEP, -_LEAST_STEP)
_SCALES = np.exp2(_STEPS / 2).astype(np.float32)
_PART_NODES = 4
# the least cycles between two nodes of a part, but for those of the first
_BANDS = (4, 16, 32)

Steps = NDArray[np.int64]


def parts_of(field: SirenConfig) -> NDArray[np.int64]:
    """The part of each weight, (D,), from 1; 0, which has no scale, without encodings."""
    siren = Siren(field)
    parts = np.zeros(siren.weight_count, np.int64)
    if field.encodings is not None:
        for number, group in enumerate(siren.groups.values(), 1):
            parts[group] = number
        cycles = np.tile(np.arange(1, field.encodings.frequencies + 1), 2)
        bands = np.searchsorted(_BANDS, cycles, side="right")
        blocks = np.arange(field.encodings.nodes) // _PART_NODES
        by_node = blocks[:, None] * (len(_BANDS) + 1) + bands
        # numbered without gaps, whatever bands there are
        parts[siren.groups["encodings"]] += np.unique(by_node, return_inverse=True)[1].ravel()
    return parts


def octaves(
    squares: NDArray[np.float64], parts: NDArray[np.int64], rates: NDArray[np.floating]
) -> NDArray[np.float64]:
    """log2 a^2 of all parts but part 0 that minimise the mean KL, (M, P).

    The root of the mean square does, as in the update of a prior. Weights with less than a bit
    count by their rates, since what has none hardly tells.

    Args:
        squares: expected ones of the weights in units of their prior, (M, N).
        parts: that the weights are of, (N,).
        rates: of the weights in bits, (N,).
    """
    count = int(parts.max()) + 1
    shares = np.minimum(rates, 1.0)
    weight = np.bincount(parts, shares, count)
    sums = np.stack([np.bincount(parts, row * shares, count) for row in squares])
    return np.log2(np.maximum(sums, 1e-30) / np.maximum(weight, 1e-30))[:, 1:]


def nearest_steps(octaves: NDArray[np.float64]) -> Steps:
    """Of scales whose log2 a^2 is given."""
    return np.rint(octaves).clip(_STEPS[0], _STEPS[-1]).astype(np.int64)


def of_weights(steps: Steps, parts: NDArray[np.int64]) -> Steps:
    """The step of each weight, (..., N), by those of parts from 1 on, (..., P); 0 in part 0."""
    before = [(0, 0)] * (steps.ndim - 1)
    spread: Steps = np.pad(steps, [*before, (1, 0)])[..., parts]
    return spread


def scales(steps: Steps) -> NDArray[np.float32]:
    """a, of the same shape."""
    return _SCALES[steps - _LEAST_STEP]


def scaled_rates(rates: NDArray[np.int32], steps: Steps) -> NDArray[np.int32]:
    """The rates of weights whose prior is a times as wide, for the same precision, at least 1.

    A weight of rate R is known to a 4^R-th of its variance: 1/2 log2(1 + a^2 (4^R - 1)). No value
    is near the middle between two integers, so it is the same on every machine.
    """
    precision = np.exp2(2.0 * rates / RATE_UNITS_PER_BIT) - 1
    bits = 0.5 * np.log2(1 + np.exp2(steps.astype(np.float64)) * precision)
    units: NDArray[np.int32] = np.rint(RATE_UNITS_PER_BIT * bits).astype(np.int32)
    return np.maximum(units, np.int32(1))


def within(steps: Steps, most_bytes: int) -> Steps:
    """The same, or simpler ones nearby, whose message has at most so many bytes."""
    values, tolerance = steps.astype(np.int8), 0
    while len(small_integers.to_bytes(values)) > most_bytes:
        tolerance += 1
        values = small_integers.simplified(steps.astype(np.int8), tolerance)
    return values.astype(np.int64)


def to_bytes(steps: Steps) -> bytes:
    """A message of all fields' steps, (M, P)."""
    return small_integers.to_bytes(steps.astype(np.int8))


def from_bytes(message: bytes, shape: tuple[int, int]) -> Steps:
    """The inverse.

    Raises:
        BitstreamError: no encoder writes it.
    """
    try:
        steps = small_integers.from_bytes(message, shape, -_LEAST_STEP).astype(np.int64)
        if steps.max(initial=0) > _STEPS[-1]:
            raise ValueError("a step is too large")
    except ValueError as error:
        raise BitstreamError("The file's scales are damaged.") from error
    return steps
