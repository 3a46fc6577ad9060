"""The postfilter of sound: a network that corrects a decoded clip, after every decision.

It works on a short-time spectrum, where it is told what a decoder knows besides: the clip without
the noise that fills it, and by how much each band of each frame is likely to be off. It weighs what
was coded and the noise anew, and adds a correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.audio import bands

# magnitudes are compressed by this power, as in loudness
_POWER = 0.3
# root mean square to which clips are brought for the network, and the least that they have
_USUAL_LOUDNESS, _LEAST_LOUDNESS = 0.05, 1e-4
_LEAST_MAGNITUDE, _LEAST_DEVIATION = 1e-7, 1e-7
# middles and widths of logarithms, so that the network sees numbers about one
_MAGNITUDE, _DEVIATION, _NOISE = (-3.0, 4.0), (-9.0, 4.0), (-7.5, 2.0)
_TRUE_MAGNITUDE = 1e-4
# log of the greatest gain; what a correction is measured in
_MOST_GAIN, _CORRECTION, _SPREAD = 4.0, 0.3, 16.0
_INPUTS, _OUTPUTS = 8, 4

# samples that go through the network together, about, and more frames of them than it reaches
_BLOCK, _MARGIN_FRAMES = 589_824, 24


@dataclass(frozen=True)
class SoundPostfilterConfig:
    """Size of a postfilter, and the transforms that it knows.

    Attributes:
        widths: channels at a half, a quarter and an eighth of the bins.
        window: of the short-time spectrum in samples, whose steps are a quarter of it.
        hop: frames of the transform whose errors are expected, in samples.
    """

    widths: tuple[int, int, int] = (32, 32, 48)
    window: int = 512
    hop: int = 384

    def __post_init__(self) -> None:
        if self.window < 16 or self.window % 16 or self.hop < 1:
            raise ValueError("a window must be of sixteen samples or a multiple of it")

    @property
    def bins(self) -> int:
        """Of the spectrum, less the last, which is left alone."""
        return self.window // 2


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=(1, dilation), dilation=(1, dilation))
        self.second = _zero(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, hidden: Tensor) -> Tensor:
        inner: Tensor = self.second(functional.relu(self.first(functional.relu(hidden))))
        return hidden + inner


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class FilterInputs(NamedTuple):
    """What a decoder gives the postfilter, see `SoundPostfilter.forward`."""

    sound: Tensor
    unfilled: Tensor
    deviations: Tensor
    log_noise: Tensor


class SoundPostfilter(nn.Module):
    """A U-shaped network (Ronneberger, Fischer & Brox 2015) over frequency and time."""

    def __init__(self, config: SoundPostfilterConfig) -> None:
        super().__init__()
        top, middle, bottom = config.widths
        self.config = config
        self.enter = nn.Conv2d(2 * _INPUTS, top, 3, padding=1)
        self.top_in = _Block(top)
        self.down_middle = nn.Conv2d(top, middle, (2, 1), stride=(2, 1))
        self.middle_in = nn.Sequential(_Block(middle), _Block(middle))
        self.down_bottom = nn.Conv2d(middle, bottom, (2, 1), stride=(2, 1))
        self.bottom = nn.Sequential(*(_Block(bottom, dilation) for dilation in (1, 2, 4, 8)))
        self.up_middle = nn.Conv2d(bottom, 2 * middle, 1)
        self.middle_out = nn.Sequential(_Block(middle), _Block(middle))
        self.up_top = nn.Conv2d(middle, 2 * top, 1)
        self.top_out = _Block(top)
        self.leave = _zero(nn.Conv2d(top, 2 * _OUTPUTS, 3, padding=1))

    def forward(
        self, sound: Tensor, unfilled: Tensor, deviations: Tensor, log_noise: Tensor
    ) -> Tensor:
        """The corrected clips.

        Args:
            sound: samples as decoded (B, samples).
            unfilled: the same without noise in the place of what was not coded.
            deviations: expected errors of the bands of each frame, full scale being 1
                (B, frames, bands), see `AudioField.deviations`.
            log_noise: log2 of the noise scale of each clip (B,), full scale being 1.
        """
        loudness = sound.square().mean(1, keepdim=True).sqrt().clamp_min(_LEAST_LOUDNESS)
        gain, samples, hop = _USUAL_LOUDNESS / loudness, sound.shape[1], self.config.hop
        corrected, margin = torch.empty_like(sound), _MARGIN_FRAMES * hop
        block = max(1, _BLOCK // hop) * hop
        for start in range(0, samples, block):
            first, stop = max(0, start - margin), min(samples, start + block)
            here = slice(first, stop + margin)
            expected = deviations[:, first // hop : -(-(stop + margin) // hop) + 1]
            part = self._block(sound[:, here], unfilled[:, here], expected, log_noise, gain)
            corrected[:, start:stop] = part[:, start - first : stop - first]
        return corrected

    def _block(
        self, sound: Tensor, unfilled: Tensor, deviations: Tensor, log_noise: Tensor, gain: Tensor
    ) -> Tensor:
        """Samples of a part of the clips, with the gains that bring these to the usual loudness."""
        config = self.config
        whole, coded = (self._spectrum(clips * gain) for clips in (sound, unfilled))
        expected = _on_bins(torch.log2(deviations + _LEAST_DEVIATION), whole.shape[2], config)
        expected = _about(expected + torch.log2(gain)[..., None], _DEVIATION)
        noise = _about(log_noise, _NOISE)[:, None, None].expand_as(expected)
        bins = self._corrected(whole[:, :-1], coded[:, :-1], expected, noise)
        result: Tensor = torch.istft(
            torch.cat([bins, whole[:, -1:]], 1),
            config.window,
            config.window // 4,
            window=_shape(config.window, sound.device),
            length=sound.shape[1],
        )
        return result / gain

    def _spectrum(self, clips: Tensor) -> Tensor:
        """Short-time spectra (B, bins + 1, frames) of clips (B, samples)."""
        window = self.config.window
        shape = _shape(window, clips.device)
        return torch.stft(
            clips, window, window // 4, window=shape, pad_mode="constant", return_complex=True
        )

    def _corrected(self, whole: Tensor, coded: Tensor, expected: Tensor, noise: Tensor) -> Tensor:
        """Spectra (B, bins, frames)."""
        views = []
        for values in (whole, coded):
            pressed = compressed(values)
            views += [pressed.real, pressed.imag]
        views += [
            _about(torch.log2(values.abs() + _TRUE_MAGNITUDE), _MAGNITUDE)
            for values in (whole, coded)
        ]
        told = self._told(torch.stack([*views, expected, noise], 1))
        of_coded, of_noise = (
            torch.exp(told[:, place].clamp(-_MOST_GAIN, _MOST_GAIN)) for place in (0, 1)
        )
        middle, width = _DEVIATION
        usual = coded.abs() + _SPREAD * torch.exp2(expected * width + middle)
        correction = torch.complex(told[:, 2], told[:, 3]) * (_CORRECTION * usual)
        return coded * of_coded + (whole - coded) * of_noise + correction

    def _told(self, inputs: Tensor) -> Tensor:
        folded = _folded(inputs).contiguous(memory_format=torch.channels_last)
        top = self.top_in(self.enter(folded))
        middle = self.middle_in(self.down_middle(functional.relu(top)))
        bottom = self.bottom(self.down_bottom(functional.relu(middle)))
        middle = self.middle_out(middle + _unfolded(self.up_middle(functional.relu(bottom))))
        top = self.top_out(top + _unfolded(self.up_top(functional.relu(middle))))
        return _unfolded(self.leave(functional.relu(top))).float()


def compressed(values: Tensor) -> Tensor:
    """Complex values whose magnitudes are compressed."""
    return values * values.abs().clamp_min(_LEAST_MAGNITUDE) ** (_POWER - 1)


def _shape(window: int, device: torch.device) -> Tensor:
    return torch.hann_window(window, device=device).sqrt()


def _about(values: Tensor, scale: tuple[float, float]) -> Tensor:
    middle, width = scale
    return (values - middle) / width


def _on_bins(values: Tensor, frames: int, config: SoundPostfilterConfig) -> Tensor:
    """Of the bands of long frames (B, frames, bands), straight between these: (B, bins, frames)."""
    device, last, hop = values.device, values.shape[1] - 1, config.hop
    edges = torch.tensor([stop for _, stop in bands.spans(hop)], device=device)
    places = (torch.arange(config.bins, device=device) + 0.5) * (hop / config.bins)
    band = torch.bucketize(places, edges, right=True)
    times = torch.arange(frames, device=device) * (config.window // 4 / hop)
    before = times.floor().long().clamp(max=max(0, last - 1))
    share = (times - before).clamp(0, 1)[:, None]
    after = (before + 1).clamp(max=last)
    between = values[:, before] * (1 - share) + values[:, after] * share
    return between[..., band].transpose(1, 2)


def _folded(values: Tensor) -> Tensor:
    """Two bins beside each other become channels."""
    return torch.cat([values[:, :, 0::2], values[:, :, 1::2]], 1)


def _unfolded(values: Tensor) -> Tensor:
    return torch.stack(values.chunk(2, 1), 3).flatten(2, 3)
