"""Gain control: a clip is coded louder where it is quiet beside what sounds just before or after.

The error of a weight spreads over the two hops that its atom reaches, so what sets in suddenly is
heard before it does. Therefore a clip is multiplied by a gain before anything else and divided by
it after everything: errors become smaller where it is quiet (gain control of MPEG-2 AAC, Bosi et
al. 1997, here over the whole spectrum). So they do at the ends of a clip that begins or breaks off
loudly, where its first and last frames are known from one side only. The gain is 2^(g / 2) in the
middle of each half hop, with whole numbers g that the file tells, and between them its logarithm
goes along lines.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.errors import BitstreamError
from combiner_core.rec import small_integers

# g of each half hop, from 0 to 6
Gains = NDArray[np.int8]

MAX_GAIN, GAINS_PER_HOP = 6, 2
_STEPS_PER_OCTAVE = 2
# half hops on either side with which the loudness of one is compared, and the least loudness
_REACH, _SILENCE = 3, 1e-7
# of the loudness that a half hop lacks, so much is made up for
_SHARE = 0.5
# the same of the loudness that an end has more than the clip, at most so much, and its half hops
_END_SHARE, _MAX_END_GAIN, _END = 1.0, 4, GAINS_PER_HOP
# half hops, and points, that are looked at together, so that memory stays bounded
_HOPS_TOGETHER, _POINTS_TOGETHER = 1 << 10, 1 << 18
# what a message cut short may seem to tell
_ANY = 127


def gain_count(samples: int, hop: int) -> int:
    """How many gains a clip has."""
    return -(-samples * GAINS_PER_HOP // hop)


def gains_of(samples: Tensor, hop: int) -> Gains:
    """The gains that make a clip even.

    Args:
        samples: (channels, samples), with a peak about that of usual sound.
        hop: of the transform, in samples.
    """
    width = hop // GAINS_PER_HOP
    parts = samples.split(_HOPS_TOGETHER * width, 1)
    energy = np.concatenate([_energies(part, width) for part in parts]) + _SILENCE
    wide = np.pad(energy, _REACH, mode="edge")
    around = np.convolve(wide, np.full(2 * _REACH + 1, 1 / (2 * _REACH + 1)), "valid")
    lacking_octaves = 0.5 * np.log2(around / energy)
    steps = np.rint(_SHARE * lacking_octaves * _STEPS_PER_OCTAVE).clip(0, MAX_GAIN)
    for end in (slice(None, _END), slice(-_END, None)):
        steps[end] += _end_gain(energy[end], energy)
    gains: Gains = steps.clip(0, MAX_GAIN).astype(np.int8)
    return gains


def curve(gains: Gains, hop: int, points: int) -> Tensor:
    """What the samples of a clip are multiplied by: float32 (points,).

    Args:
        gains: of the clip.
        hop: of the transform, in points.
        points: of the result.
    """
    result = np.empty(points, np.float32)
    middles, octaves = np.arange(len(gains)), gains / _STEPS_PER_OCTAVE
    for first in range(0, points, _POINTS_TOGETHER):
        part = result[first : first + _POINTS_TOGETHER]
        places = np.arange(first, first + len(part)) + 0.5
        places = places * (GAINS_PER_HOP / hop) - 0.5
        part[:] = np.exp2(np.interp(places, middles, octaves))
    return torch.from_numpy(result)


def to_bytes(gains: Gains, most_bytes: int) -> bytes:
    """A message of the gains, or none if it would be longer than that or all are zero."""
    if not gains.any():
        return b""
    message = small_integers.to_bytes(gains[None])
    return message if len(message) <= most_bytes else b""


def from_bytes(message: bytes, count: int, is_cut: bool = False) -> Gains:
    """Gains from a message, or from the beginning of one that is cut short.

    Raises:
        BitstreamError: no encoder writes it.
    """
    try:
        gains = small_integers.from_bytes(message, (1, count), _ANY if is_cut else MAX_GAIN)[0]
        if not is_cut and gains.min(initial=0) < 0:
            raise ValueError("a gain is negative")
    except ValueError as error:
        raise BitstreamError("The file's gains are damaged.") from error
    held: Gains = gains.clip(0, MAX_GAIN)
    return held


def _end_gain(end: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    """By how many steps an end is made louder, of the energies there and of the clip's."""
    more_octaves = 0.5 * np.log2(end.mean() / whole.mean())
    steps = np.rint(_END_SHARE * more_octaves * _STEPS_PER_OCTAVE)
    return float(steps.clip(0, _MAX_END_GAIN))


def _energies(samples: Tensor, width: int) -> NDArray[np.float64]:
    """Mean squares of so many samples each, the last of them fewer."""
    squares = samples.double().square().mean(0).cpu().numpy()
    starts = np.arange(0, len(squares), width)
    sums: NDArray[np.float64] = np.add.reduceat(squares, starts)
    return sums / np.minimum(len(squares) - starts, width)
