"""Noise filling: noise in the place of weights whose difference from their mean is not coded.

Where nothing is coded a clip would sound hollow, and whistle where bits come and go. What is not
coded is about as strong as the noise scale of its weights; by how much more or less, in bands and
stretches of time, a message says in steps of 3 dB. The noise itself is computed from where it lies.
It comes after every decision: values may differ by rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.errors import BitstreamError
from combiner_core.multires.audio import bands
from combiner_core.multires.coding_order import GroupPrior
from combiner_core.rec import small_integers
from combiner_core.rec.randomness import mix32
from combiner_core.rec.wire import NOISE_UNITS, VALUE_UNITS

Levels = NDArray[np.int8]

_CELL_FRAMES = 8
# frames that get noise together: cells do not reach further
_BLOCK_FRAMES = 512
# levels are in 3 dB; at the least there is no noise
_MAX_LEVEL = 15
_ANY = 127
# a message of the levels has this share of the payload, but no more than so many bits a cell, at
# which most are right within 6 dB, and makes use of twice as much again, at which all are exact
_SHARE, _CELL_BITS, _USED = 1 / 32, 0.8, 2


def expected(prior: GroupPrior, weights: Tensor) -> Tensor:
    """Usual deviation of what is not coded: the noise scale, whatever the prior's variance.

    Args:
        prior: of a group, with noise steps.
        weights: as decoded, int32 in 1/16 of s.

    Returns:
        In units of s, float32 of the weights' shape, zero where something is coded.
    """
    steps = prior.noise_steps
    assert steps is not None
    means = (prior.mean * VALUE_UNITS).to(torch.int32)
    left = prior.group.coded & (weights == means)
    return torch.exp2(steps.float() / NOISE_UNITS) * left


def levels_shape(channels: int, frames: int, hop: int) -> tuple[int, int]:
    """Rows and columns of the levels of a clip."""
    return channels * -(-frames // _CELL_FRAMES), len(bands.spans(hop))


def levels_of(residual: Tensor, deviation: Tensor) -> Levels:
    """The levels at which noise is as strong as what is not coded.

    Args:
        residual: targets less weights, in units of s (B, frames, hop).
        deviation: see `expected`, same shape.
    """
    left = deviation > 0
    found = _cells(torch.where(left, residual, 0).square())
    usual = _cells(deviation.square())
    octaves = torch.log2(found.clamp_min(1e-30) / usual.clamp_min(1e-30))
    levels = octaves.round().clamp(-_MAX_LEVEL, _MAX_LEVEL)
    return torch.where(usual > 0, levels, 0).to(torch.int8).flatten(0, 1).cpu().numpy()


def to_bytes(levels: Levels, most_bytes: int) -> bytes:
    """A message of the levels, or of simpler ones nearby, within so many bytes."""
    for tolerance in range(_MAX_LEVEL):
        message = small_integers.to_bytes(small_integers.simplified(levels, tolerance))
        if len(message) <= most_bytes:
            return message
    return b""


def from_bytes(message: bytes, shape: tuple[int, int], is_cut: bool = False) -> Levels:
    """Levels from a message, or from the beginning of one that is cut short.

    Raises:
        BitstreamError: no encoder writes it.
    """
    try:
        levels = small_integers.from_bytes(message, shape, _ANY if is_cut else _MAX_LEVEL)
        return np.clip(levels, -_MAX_LEVEL, _MAX_LEVEL)
    except ValueError as error:
        raise BitstreamError("The file's levels of noise are damaged.") from error


def usual_bytes(shape: tuple[int, int], payload_bytes: int) -> tuple[int, int]:
    """What a message of the levels has of a payload, and what more it makes use of."""
    rows, columns = shape
    usual = min(int(_SHARE * payload_bytes), int(_CELL_BITS * rows * columns / 8) + 1)
    return usual, _USED * usual


def noise(deviation: Tensor, levels: Levels) -> Tensor:
    """Noise in units of s, (B, frames, hop) as the deviation: the same for all channels.

    Args:
        deviation: see `expected`.
        levels: of the cells.
    """
    channels, frames, hop = deviation.shape
    device = deviation.device
    cells = _gains(levels, channels, device)
    widths = bands.widths(hop, device)
    result = torch.empty_like(deviation)
    for first in range(0, frames, _BLOCK_FRAMES):
        stop = min(frames, first + _BLOCK_FRAMES)
        rows = cells[:, first // _CELL_FRAMES : -(-stop // _CELL_FRAMES)]
        rows = rows.repeat_interleave(_CELL_FRAMES, 1)[:, : stop - first]
        places = torch.arange(first * hop, stop * hop, device=device, dtype=torch.int64)
        signs = 1 - 2 * (mix32(places) & 1).reshape(-1, hop)
        result[:, first:stop] = deviation[:, first:stop] * signs
        result[:, first:stop] *= rows.repeat_interleave(widths, 2)
    return result


def gains(levels: Levels, channels: int, frames: int) -> Tensor:
    """What the levels multiply expected deviations by: (channels, frames, bands)."""
    found = _gains(levels, channels, torch.device("cpu"))
    return found.repeat_interleave(_CELL_FRAMES, 1)[:, :frames]


def over_cells(values: Tensor) -> Tensor:
    """Sums over the frames of each cell, at each of them: (channels, frames, bands)."""
    cells = _over_frames(values).repeat_interleave(_CELL_FRAMES, 1)
    return cells[:, : values.shape[1]]


def _gains(levels: Levels, channels: int, device: torch.device) -> Tensor:
    cells = torch.from_numpy(levels).to(device).float().unflatten(0, (channels, -1))
    return torch.where(cells > -_MAX_LEVEL, torch.exp2(cells / 2), 0)


def _cells(energy: Tensor) -> Tensor:
    """Sums over cells: (B, ceil(frames / 8), bands)."""
    return bands.sums(_over_frames(energy))


def _over_frames(values: Tensor) -> Tensor:
    """Sums over the frames of cells: (B, frames, n) to (B, ceil(frames / 8), n)."""
    padded = torch.nn.functional.pad(values, (0, 0, 0, -values.shape[1] % _CELL_FRAMES))
    sums: Tensor = padded.unflatten(1, (-1, _CELL_FRAMES)).sum(2)
    return sums
