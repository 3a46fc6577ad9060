"""In which manner a clip's weights are treated for the tune perceptual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.audio.mdct import analyse, mid_side
from combiner_core.multires.coefficients import Coefficients
from combiner_core.options import TuneName

# bits a sample between which filling and shaping change with the rate
_FILLING_BITS, _SHAPING_BITS = (0.5, 1.0), (1.0, 1.5)
# sample rate in Hz up to which a prior is one of speech
_SPEECH_HZ = 24_000
# noise scale by which arrangements of channels are compared, as a share of their loudness
_NOISE_SHARE, _LEAST_NOISE = 1 / 32, 1e-9


@dataclass(frozen=True)
class AudioTuning:
    """How a clip's weights are treated, in the units of `AudioManner`.

    Attributes:
        shaping: of the noise, up to a bit a sample and from one and a half on.
        few: filling, and by how much it falls, up to half a bit a sample.
        many: the same from one bit a sample on.
        is_even: whether quiet moments are coded louder, see `gain_control`.
        is_divided: whether frames are divided where it pays, see `windows`.
    """

    shaping: tuple[int, int] = (0, 0)
    few: tuple[int, int] = (0, 0)
    many: tuple[int, int] = (0, 0)
    is_even: bool = False
    is_divided: bool = False


# chosen on speakers, and on music, that no prior has learned from
SPEECH_TUNING = AudioTuning((34, 30), (6, 3), (7, 0), is_even=True)
WIDE_TUNING = AudioTuning((44, 44), (9, 0), (5, 0), is_even=True, is_divided=True)


def tuning_for(sample_rate: int, tune: TuneName) -> AudioTuning:
    """That of a tune, for clips modelled at a sample rate in Hz."""
    if tune == "psnr":
        return AudioTuning(is_divided=True)
    return SPEECH_TUNING if sample_rate <= _SPEECH_HZ else WIDE_TUNING


def manner_for(
    tuning: AudioTuning, rate_bits: float, apart: bool, gain_bytes: int, window_bytes: int
) -> AudioManner:
    """The manner for a clip.

    Args:
        tuning: of it.
        rate_bits: of its file, for each sample of each channel.
        apart, gain_bytes, window_bytes: see `AudioManner`.
    """
    filling, falling = (
        round(float(np.interp(rate_bits, _FILLING_BITS, ends)))
        for ends in zip(tuning.few, tuning.many, strict=True)
    )
    shaping = round(float(np.interp(rate_bits, _SHAPING_BITS, tuning.shaping)))
    return AudioManner(shaping, filling, falling, apart, gain_bytes, window_bytes)


def rotation_cost(samples: Tensor, hop: int) -> float:
    """Information of middle and side, in that of left and right; 0 of clips that are not stereo.

    Args:
        samples: (channels, samples).
        hop: of the transform, in samples.
    """
    if len(samples) != 2:
        return 0.0
    noise = _NOISE_SHARE * float(samples.square().mean().sqrt().clamp_min(_LEAST_NOISE))
    apart, rotated = (
        Coefficients({1: analyse(channels, hop)}).information_bits(noise)
        for channels in (samples, mid_side(samples))
    )
    return rotated / apart if apart else 0.0
