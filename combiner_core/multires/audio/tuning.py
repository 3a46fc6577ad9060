"""In which manner a clip's weights are treated for the tune perceptual."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from combiner_core.multires.audio.manner import Manner
from combiner_core.multires.audio.mdct import analyse, mid_side
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.model import AudioModel

# chosen on speakers, and on music, that no prior has learned from
SPEECH, WIDE = Manner(shaping=30, filling=8), Manner(shaping=32, filling=8)
# sample rate in Hz up to which a prior is one of speech
_SPEECH_HZ = 24_000
# filling without any bits, for a bit a sample more, and within which limits
_FILLING, _FILLING_RISE, _FILLINGS = 3.5, 4.5, (5, 8)
# noise scale by which arrangements of channels are compared, as a share of their loudness
_NOISE_SHARE, _LEAST_NOISE = 1 / 32, 1e-9


def manner_for(model: AudioModel, samples: Tensor, payload_bytes: int) -> Manner:
    """The manner for a clip.

    Args:
        model: it is coded with.
        samples: (channels, samples).
        payload_bytes: of its file.
    """
    is_speech = model.config.sample_rate <= _SPEECH_HZ
    least, most = _FILLINGS
    rate_bits = 8 * payload_bytes / samples.numel()
    return replace(
        SPEECH if is_speech else WIDE,
        filling=round(min(max(_FILLING + _FILLING_RISE * rate_bits, least), most)),
        apart=_better_apart(samples, model.config.prior.hop),
    )


def _better_apart(samples: Tensor, hop: int) -> bool:
    """Whether left and right tell less than middle and side."""
    if len(samples) != 2:
        return False
    noise = _NOISE_SHARE * float(samples.square().mean().sqrt().clamp_min(_LEAST_NOISE))
    apart, rotated = (
        Coefficients({1: analyse(channels, hop)}).information_bits(noise)
        for channels in (samples, mid_side(samples))
    )
    return apart < rotated
