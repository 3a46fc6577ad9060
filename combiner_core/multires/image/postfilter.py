"""The postfilter g: a small network that corrects what the wavelets give, after every decision."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_GAIN = 32.0


@dataclass(frozen=True)
class PostfilterConfig:
    """Size of a postfilter: hidden channels, residual blocks, channels of context."""

    width: int = 32
    blocks: int = 4
    context: int = 16


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        _clear(self.second)

    def forward(self, hidden: Tensor) -> Tensor:
        inner: Tensor = self.second(torch.relu(self.first(torch.relu(hidden))))
        return hidden + inner


def _clear(layer: nn.Conv2d) -> None:
    """Start from a layer that adds nothing."""
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class Postfilter(nn.Module):
    """The network g: corrects a picture synthesised from wavelets, at half its resolution."""

    def __init__(self, config: PostfilterConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.enter = nn.Conv2d(4 * 3 + config.context + 1, width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(config.blocks))
        self.leave = nn.Conv2d(width, 4 * 3, 3, padding=1)
        _clear(self.leave)

    def forward(self, pixels: Tensor, context: Tensor | None, log_noise: Tensor) -> Tensor:
        """Corrected pixels.

        Args:
            pixels: RGB from 0 to 255 (B, 3, H, W).
            context: (B, context, ceil(H / 2), ceil(W / 2)), None if the network has none.
            log_noise: log2 of the noise scale (B,).
        """
        height, width = pixels.shape[2:]
        padded = functional.pad(pixels, (0, width % 2, 0, height % 2), mode="replicate")
        folded = functional.pixel_unshuffle((padded - 128) / 64, 2)
        rate = (log_noise.float() - 4.5)[:, None, None, None].expand(-1, 1, *folded.shape[2:])
        parts = [folded, rate] if context is None else [folded, context, rate]
        inputs = torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)
        hidden = self.enter(inputs)
        for block in self.blocks:
            hidden = block(hidden)
        correction = functional.pixel_shuffle(self.leave(torch.relu(hidden)).float(), 2) * _GAIN
        return pixels + correction[..., :height, :width]
