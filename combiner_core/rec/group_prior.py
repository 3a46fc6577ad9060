"""The prior of a group of weights in the integers that both sides of a code compute with."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.gaussians import NATS_PER_BIT, TargetPosterior
from combiner_core.rec.entropy_tables import MAX_REACH
from combiner_core.rec.level_grids import Grid, Plane
from combiner_core.rec.variance_bins import clamped, octaves
from combiner_core.rec.wire import (
    LOG_VARIANCE_UNITS,
    MAX_NOISE_STEPS,
    MIN_LOG_VARIANCE,
    NOISE_UNITS,
    VALUE_UNITS,
)

_MAX_VALUE = (1 << 31) - 1
# noise scales; squares of larger differences would tell nothing more
_MAX_DIFFERENCE = float(1 << 22)
_MULTIPLIER_BITS = 12


@dataclass(frozen=True, eq=False)
class IntegerPrior:
    """The prior of a group, and where its weights lie.

    Attributes:
        grid: of the level.
        planes: of the grid, one for each first index of the arrays.
        table: class of the group, whose probabilities it is coded with.
        mean: in 1/16 of the noise scale, int32 (P, h, w).
        log_variance: log2 of the variance in units of the squared noise scale, in 1/16, integers
            (P, h, w).
        coded: weights that exist and belong to the group, bool (P, h, w). Others may be outside
            the grid. No two groups on a grid may have a weight in common.
        noise: k where the noise scale of a weight is 2^(k/4) times the common one, integers
            (P, h, w) from -32 to 32; None if there is only the common one.

    Raises:
        ValueError: arrays of other shapes or types, or coded weights outside the grid or farther
            from each other than neighbours reach.
    """

    grid: Grid
    planes: tuple[Plane, ...]
    table: int
    mean: NDArray[np.int32]
    log_variance: NDArray[np.integer]
    coded: NDArray[np.bool_]
    noise: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        mean, log_variance, coded = self.mean, self.log_variance, self.coded
        if coded.ndim != 3 or not coded.size or not mean.shape == log_variance.shape == coded.shape:
            shapes = f"{mean.shape}, {log_variance.shape} and {coded.shape}"
            raise ValueError(f"a group's arrays must have one shape (P, h, w), not {shapes}")
        if mean.dtype != np.int32 or coded.dtype != np.bool_:
            raise ValueError(f"means are {mean.dtype} and masks {coded.dtype}, not int32 and bool")
        if not np.issubdtype(log_variance.dtype, np.integer):
            raise ValueError(f"log-variances are {log_variance.dtype}, not integers")
        if self.noise is not None:
            self._check_noise(self.noise)
        if len(self.planes) != len(coded):
            raise ValueError(f"there are {len(self.planes)} planes for {len(coded)} arrays")
        for plane, part in zip(self.planes, coded, strict=True):
            self._check_plane(plane, part)

    @property
    def indices(self) -> NDArray[np.uint16]:
        """Log-variances in units of each weight's own noise scale, counted from the least."""
        values = self.log_variance
        if self.noise is not None:
            # twice, as variances are squares
            values = values - 2 * LOG_VARIANCE_UNITS // NOISE_UNITS * self.noise.astype(np.int32)
        return np.subtract(clamped(values), MIN_LOG_VARIANCE, order="C", dtype=np.int16).view(
            np.uint16
        )

    @property
    def default(self) -> NDArray[np.int32]:
        """Weights before any is decoded: a fresh array of the means, zero where not `coded`."""
        decoded: NDArray[np.int32] = np.multiply(self.mean, self.coded, order="C")
        return decoded

    def distances(self, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """Targets less means in 1/16 of each weight's own noise scale: (P, h, w), contiguous.

        Args:
            target: in noise scales, float32 (P, h, w).

        Raises:
            ValueError: another shape or type, or a target that is not finite.
        """
        if target.shape != self.mean.shape or target.dtype != np.float32:
            raise ValueError(
                f"targets are {target.dtype} {target.shape}, not float32 {self.mean.shape}"
            )
        distance = np.subtract(VALUE_UNITS * target, self.mean, order="C", dtype=np.float32)
        if not np.isfinite(distance).all():
            raise ValueError("a target is not finite")
        if self.noise is not None:
            distance *= np.exp2(-self.noise.astype(np.float32) / NOISE_UNITS)
        reach = VALUE_UNITS * _MAX_DIFFERENCE
        np.clip(distance, -reach, reach, out=distance)
        return distance

    def moved(self, changes: NDArray[np.int64]) -> NDArray[np.int32]:
        """What weights decode to that are so many 1/16 of their noise scales from their means.

        Args:
            changes: zero where not coded (P, h, w).
        """
        if self.noise is not None:
            where = np.nonzero(changes)
            moving = changes[where]
            factor = _multipliers()[self.noise[where].astype(np.int64) + MAX_NOISE_STEPS]
            size = (np.abs(moving) * factor + (1 << (_MULTIPLIER_BITS - 1))) >> _MULTIPLIER_BITS
            changes = changes.copy()
            changes[where] = np.sign(moving) * size
        values = np.clip(self.default + changes, -_MAX_VALUE, _MAX_VALUE)
        moved: NDArray[np.int32] = values.astype(np.int32)
        return moved

    def kl_bits(self, target: NDArray[np.float32]) -> float:
        """KL divergence of the best Gaussian posterior from the prior, over all weights."""
        indices, distance = self.indices[self.coded], self.distances(target)[self.coded]
        constant, slope = _kl_coefficients()
        squares = np.square(distance, dtype=np.float64) / VALUE_UNITS**2
        kl_nats = constant[indices].sum() + (slope[indices] * squares).sum()
        return float(kl_nats) / NATS_PER_BIT

    def _check_noise(self, noise: NDArray[np.integer]) -> None:
        if noise.shape != self.coded.shape or not np.issubdtype(noise.dtype, np.integer):
            raise ValueError(f"noise scales are {noise.dtype} {noise.shape}")
        if max(int(noise.max()), -int(noise.min())) > MAX_NOISE_STEPS:
            raise ValueError(f"noise scales are beyond 2^({MAX_NOISE_STEPS}/{NOISE_UNITS})")

    def _check_plane(self, plane: Plane, coded: NDArray[np.bool_]) -> None:
        grid = self.grid
        rows, columns = (np.flatnonzero(coded.any(axis)) for axis in (1, 0))
        if not len(rows):
            return
        last_row = plane.row + int(rows[-1]) * plane.row_step
        last_column = plane.column + int(columns[-1]) * plane.column_step
        inside = last_row < grid.height and last_column < grid.width
        if max(plane.row_step, plane.column_step) > MAX_REACH:
            raise ValueError(f"weights of {plane} are too far apart")
        if min(plane) < 0 or not inside or plane.channel >= grid.channels:
            raise ValueError(f"weights of {plane} are outside their grid")


@functools.cache
def _multipliers() -> NDArray[np.int64]:
    """2^(k/4) in 1/4096 for every k."""
    exponents = np.arange(-MAX_NOISE_STEPS, MAX_NOISE_STEPS + 1) / NOISE_UNITS
    table = np.floor(np.exp2(exponents + _MULTIPLIER_BITS) + 0.5).astype(np.int64)
    table.setflags(write=False)
    return table


@functools.cache
def _kl_coefficients() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(a, b) of every log-variance: the KL divergence is a + b (c - m)^2 nats."""
    variance: NDArray[np.float64] = np.exp2(octaves())
    constant = TargetPosterior(np.zeros_like(variance), variance).kl_nats
    slope = TargetPosterior(np.ones_like(variance), variance).kl_nats - constant
    return constant, slope
