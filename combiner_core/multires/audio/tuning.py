"""In which manner a clip's weights are treated for the tune perceptual."""

from __future__ import annotations

from torch import Tensor

from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.audio.mdct import analyse, mid_side
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.model import AudioModel

# chosen on speakers, and on music, that no prior has learned from: shaping, filling, falling at few
# and at many bits a sample
_SPEECH = (30, (6, 3), (7, 0))
_WIDE = (44, (5, 0), (5, 0))
_FEW_BITS, _MANY_BITS = 0.5, 1.0
# sample rate in Hz up to which a prior is one of speech
_SPEECH_HZ = 24_000
# noise scale by which arrangements of channels are compared, as a share of their loudness
_NOISE_SHARE, _LEAST_NOISE = 1 / 32, 1e-9


def manner_for(model: AudioModel, samples: Tensor, payload_bytes: int) -> AudioManner:
    """The manner for a clip.

    Args:
        model: it is coded with.
        samples: (channels, samples).
        payload_bytes: of its file.
    """
    is_speech = model.config.sample_rate <= _SPEECH_HZ
    shaping, few, many = _SPEECH if is_speech else _WIDE
    rate_bits = 8 * payload_bytes / samples.numel()
    share = min(max((rate_bits - _FEW_BITS) / (_MANY_BITS - _FEW_BITS), 0), 1)
    filling, falling = (round(a + share * (b - a)) for a, b in zip(few, many, strict=True))
    return AudioManner(shaping, filling, falling, is_better_apart(samples, model.config.prior.hop))


def is_better_apart(samples: Tensor, hop: int, least_gain: float = 1.0) -> bool:
    """Whether left and right tell less than middle and side, these by a factor at least."""
    if len(samples) != 2:
        return False
    noise = _NOISE_SHARE * float(samples.square().mean().sqrt().clamp_min(_LEAST_NOISE))
    apart, rotated = (
        Coefficients({1: analyse(channels, hop)}).information_bits(noise)
        for channels in (samples, mid_side(samples))
    )
    return least_gain * apart < rotated
