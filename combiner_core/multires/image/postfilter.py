"""The postfilter g: a network that corrects what the wavelets give, after every decision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.image.noise_map import local_log_noise
from combiner_core.multires.quantised_conv import GRID

# of the correction, and of pixels, whose middle becomes zero
_GAIN, _PIXEL_GAIN, _MIDDLE = 32.0, 1 / 64, 128.0
# sides of a picture are padded to multiples of this: three halvings
_MULTIPLE = 8
# bfloat16 would lose too much of larger hidden values
_CAP = 16.0
MAP_CHANNELS = 2


@dataclass(frozen=True)
class PostfilterConfig:
    """Size of a postfilter.

    Attributes:
        widths: hidden channels at a half, a quarter and an eighth of the resolution.
        blocks: residual blocks there; of the first two on the way down and again on the way up.
        context: hidden channels of the finest level's network.
    """

    widths: tuple[int, int, int] = (48, 96, 128)
    blocks: tuple[int, int, int] = (2, 3, 2)
    context: int = 64


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width, 3)
        self.second = _conv(width, width, 3, gain=0.0)

    def forward(self, hidden: Tensor) -> Tensor:
        inner: Tensor = self.second(_activate(self.first(_activate(hidden))))
        return hidden + inner


def _activate(values: Tensor) -> Tensor:
    return functional.hardtanh(values, 0.0, _CAP)


def _conv(inputs: int, outputs: int, size: int, gain: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    with torch.no_grad():
        layer.weight.mul_(gain)
    return layer


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


class Postfilter(nn.Module):
    """The network g: a U-shaped one (Ronneberger, Fischer & Brox 2015) of three resolutions."""

    def __init__(self, config: PostfilterConfig) -> None:
        super().__init__()
        top, middle, bottom = config.widths
        at_top, at_middle, at_bottom = config.blocks
        self.config = config
        self.enter = _conv(4 * 3 + MAP_CHANNELS, top, 3, gain=0.7)
        self.top_in = _blocks(top, at_top)
        self.down_middle = nn.Conv2d(top, middle, 2, stride=2)
        self.context = _conv(config.context, middle, 1, gain=0.5)
        self.middle_in = _blocks(middle, at_middle - 1)
        self.down_bottom = nn.Conv2d(middle, bottom, 2, stride=2)
        self.bottom = _blocks(bottom, at_bottom)
        self.up_middle = _conv(bottom, 4 * middle, 1, gain=0.3)
        self.middle_out = _blocks(middle, at_middle)
        self.up_top = _conv(middle, 4 * top, 1, gain=0.3)
        self.top_out = _blocks(top, at_top)
        self.leave = _conv(top, 4 * 3, 3, gain=0.0)

    def forward(self, pixels: Tensor, context: Tensor, log_noise: Tensor, steps: Tensor) -> Tensor:
        """Corrected pixels.

        Args:
            pixels: RGB from 0 to 255 (B, 3, H, W).
            context: hidden values of the finest level, in 1/64, of the shape
                (B, context, ceil(H / 4), ceil(W / 4)).
            log_noise: log2 of the noise scale (B,).
            steps: quarter octaves by which it differs, of luma and of chroma, of the shape
                (B, 2, ceil(H / 4), ceil(W / 4)).
        """
        height, width = pixels.shape[2:]
        size = (height + -height % _MULTIPLE, width + -width % _MULTIPLE)
        padded = _padded(pixels, size)
        folded = functional.pixel_unshuffle((padded - _MIDDLE) * _PIXEL_GAIN, 2)
        half, quarter = (size[0] // 2, size[1] // 2), (size[0] // 4, size[1] // 4)
        noise = local_log_noise(log_noise, steps)
        noise = _padded(functional.interpolate(noise, scale_factor=2), half)
        inputs = torch.cat([folded, noise.to(folded)], 1).to(self.enter.weight.dtype)
        top = self.top_in(self.enter(inputs.contiguous(memory_format=torch.channels_last)))
        known = self.context(_activate(context.to(self.enter.weight.dtype) / GRID))
        known = _padded(known, quarter)
        middle = self.middle_in(self.down_middle(_activate(top)) + known)
        bottom = self.bottom(self.down_bottom(_activate(middle)))
        middle = self.middle_out(middle + _up(self.up_middle, bottom))
        top = self.top_out(top + _up(self.up_top, middle))
        correction = functional.pixel_shuffle(self.leave(_activate(top)).float(), 2)
        return pixels + _GAIN * correction[..., :height, :width]


def _up(layer: nn.Conv2d, hidden: Tensor) -> Tensor:
    return functional.pixel_shuffle(layer(_activate(hidden)), 2)


def _padded(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut or continued to this size by repeating the last row and column."""
    values = values[..., : size[0], : size[1]]
    right, below = size[1] - values.shape[3], size[0] - values.shape[2]
    if not right and not below:
        return values
    return functional.pad(values, (0, right, 0, below), mode="replicate")
