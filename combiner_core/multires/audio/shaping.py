"""Noise shaping: where the prior expects more energy, the noise scale is larger. It takes no bits.

Errors are heard the less, the louder the sound around them is in time and frequency (masking:
Johnston 1988). The noise scale of a weight is s w with w = (E / 0.01^2)^(gamma / 2), where
E = s^2 (m^2 + v) is the energy that the prior N(m, v) expects there, smoothed in time and
frequency. All of it is integer arithmetic: both sides compute the same.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.noise_scale import NOISE_STEPS_PER_OCTAVE
from combiner_core.rec.wire import NOISE_UNITS, VALUE_UNITS

# log2 of energies in 1/16
_LOG_UNITS = 16
_MAX_OCTAVES = 40
# log-variances are multiples of 1/8 from -8 to 20
_VARIANCE_STEPS, _LEAST, _GREATEST = 8, -64, 160
# smoothing adds up sixteen times as much
_SMOOTHED_OCTAVES = 4
# s is 2^(i / 256 - 15)
_UNIT_OCTAVES = 15
# 2 log2 0.01 in 1/16
_USUAL = -213
# w is within 1/32 to 32
_MAX_STEPS = 20
_SHIFT = 9
_NEVER = np.iinfo(np.int64).max


def noise_steps(mean: Tensor, log_variance: Tensor, noise_index: int, shaping: int) -> Tensor:
    """k for each weight of a group: its noise scale is 2^(k/4) s.

    Args:
        mean: of the prior in units of s, multiples of 1/16, (B, channels, frames, places).
        log_variance: log2 of its variances, multiples of 1/8, same shape.
        noise_index: of s.
        shaping: gamma in 1/64.

    Returns:
        Integers from -20 to 20, int8 of the same shape.
    """
    energy = (mean * VALUE_UNITS).to(torch.int64).square()
    energy += _variances(mean.device)[(log_variance * _VARIANCE_STEPS).to(torch.int64) - _LEAST]
    for axis in (2, 3):
        energy = _smoothed(energy, axis)
    steps = torch.bucketize(energy, _bounds(noise_index, shaping, mean.device), right=True)
    return (steps - _MAX_STEPS).to(torch.int8)


def weigh(mean: Tensor, log_variance: Tensor, noise: Tensor, exponents: Tensor) -> Tensor:
    """w itself, real and not in steps, as networks are trained with.

    Args:
        mean, log_variance: see `noise_steps`; any numbers.
        noise: s of each signal (B,).
        exponents: gamma of each signal (B,).
    """
    energy = (mean.square() + torch.exp2(log_variance)) * noise.square()[:, None, None, None]
    for axis in (2, 3):
        energy = _smoothed(energy, axis) / 4
    octaves = torch.log2(energy) - _USUAL / _LOG_UNITS
    octaves = exponents[:, None, None, None] / 2 * octaves
    limit = _MAX_STEPS / NOISE_UNITS
    return torch.exp2(octaves.clamp(-limit, limit))


def _smoothed(values: Tensor, axis: int) -> Tensor:
    """Sums with weights 1, 2, 1 along an axis, whose ends are repeated."""
    last = values.shape[axis] - 1
    sums = 2 * values
    sums.narrow(axis, 0, 1).add_(values.narrow(axis, 0, 1))
    sums.narrow(axis, last, 1).add_(values.narrow(axis, last, 1))
    if last:
        sums.narrow(axis, 1, last).add_(values.narrow(axis, 0, last))
        sums.narrow(axis, 0, last).add_(values.narrow(axis, 1, last))
    return sums


@functools.lru_cache(maxsize=64)
def _bounds(noise_index: int, shaping: int, device: torch.device) -> Tensor:
    """Energies, smoothed, in 1/4096 of s^2, at which k becomes -19, -18 and so on to 20."""
    offset = noise_index * 2 * _LOG_UNITS // NOISE_STEPS_PER_OCTAVE
    offset -= _LOG_UNITS * (2 * _UNIT_OCTAVES + _SMOOTHED_OCTAVES) + _USUAL
    offset -= 2 * _LOG_UNITS * (VALUE_UNITS.bit_length() - 1)
    log_energy = np.arange(_MAX_OCTAVES * _LOG_UNITS, dtype=np.int64)
    steps = (shaping * (log_energy + offset) + (1 << (_SHIFT - 1))) >> _SHIFT
    first = np.searchsorted(steps, np.arange(1 - _MAX_STEPS, _MAX_STEPS + 1))
    return torch.from_numpy(np.append(_thresholds(), _NEVER)[first]).to(device)


@functools.cache
def _variances(device: torch.device) -> Tensor:
    """Variances of every log-variance in 1/256."""
    octaves = np.arange(_LEAST, _GREATEST + 1) / _VARIANCE_STEPS
    units = VALUE_UNITS * VALUE_UNITS
    return torch.from_numpy(np.floor(units * np.exp2(octaves) + 0.5).astype(np.int64)).to(device)


@functools.cache
def _thresholds() -> NDArray[np.int64]:
    """Integers at which the log2 of energies has its steps."""
    octave, step = np.divmod(np.arange(_MAX_OCTAVES * _LOG_UNITS), _LOG_UNITS)
    mantissa = np.floor(np.exp2(16 + step / _LOG_UNITS) + 0.5).astype(np.int64)
    thresholds: NDArray[np.int64] = (mantissa << octave) >> 16
    return thresholds
