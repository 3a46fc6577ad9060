"""Exact convolutions in bfloat16: networks whose results are the same on every machine.

A decision that sender and receiver must both make cannot hang on the order in which a processor
adds (Balle, Johnston & Minnen 2019, "Integer Networks for Data Compression with Latent-Variable
Models"). Here every convolution multiplies integers of at most eight bits by weights of at most
seven bits and a sign, times a power of two for each output. bfloat16 holds both without loss, no
sum of products reaches 2^24, so float32 accumulates them without rounding in any order, and the one
rounding to bfloat16 at the end is that of an exact number. A processor that multiplies bfloat16
slowly computes the same in float32 and rounds afterwards: the same bits.

What lies between convolutions is element by element and rounds as IEEE 754 says. While a network is
trained the same modules work on unrounded numbers; `quantise` makes the exact network of it.
"""

from __future__ import annotations

import functools
import time

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.quantised_conv import GRID, QuantisedConv

# settled values are up to 4: integers of 1/64 whose products bfloat16 and float32 hold
LIMIT = 4.0
_TOP = 255.0
_CLOCKED = (1, 64, 32, 32)


class ExactConv(QuantisedConv):
    """A convolution that `quantise` can make exact; zeros surround its input.

    Args:
        inputs, outputs: channels.
        size: side of the kernel, odd.
        gain: of the weights to begin with, relative to those that keep variances.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, size)
        if gain:
            nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
            with torch.no_grad():
                self.weight.mul_(gain)
        else:
            nn.init.zeros_(self.weight)

    def forward(self, values: Tensor) -> Tensor:
        """Convolve settled values (B, inputs, H, W), all in 1/64; rounded to bfloat16."""
        if values.device.type != "cpu" and not self.training:
            # an accelerator's own algorithms may round in between
            return self.unrounded(values).bfloat16()
        assert self.bias is not None
        settled, bias = values.to(self.weight.dtype), GRID * self.bias
        convolved = functional.conv2d(settled, self.weight, bias, padding=self.padding)
        return convolved.bfloat16()

    def unrounded(self, values: Tensor) -> Tensor:
        """Convolve without the rounding at the end: float32, in 1/64."""
        assert self.bias is not None
        precise = torch.float32 if values.device.type == "cpu" or self.training else torch.float64
        weight, bias = self.weight.to(precise), GRID * self.bias.to(precise)
        return functional.conv2d(values.to(precise), weight, bias, padding=self.padding).float()

    def _reach(self, step: Tensor) -> Tensor:
        weights = self._in_steps(step).abs().sum((1, 2, 3))
        return weights * LIMIT * GRID + (self._rounded_bias(step) / step * GRID).abs()

    def _rounded_bias(self, step: Tensor) -> Tensor:
        # bfloat16 numbers as well
        return super()._rounded_bias(step).bfloat16().float()


class Residual(nn.Module):
    """Two convolutions added to their input: (B, width, H, W), bfloat16, to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ExactConv(width, width)
        self.second = ExactConv(width, width, gain=0.0)

    def forward(self, hidden: Tensor, exact: bool) -> Tensor:
        """Apply to values that need not be settled."""
        added: Tensor = self.second(activate(self.first(activate(hidden, exact)), exact))
        return hidden + added


def activate(values: Tensor, exact: bool) -> Tensor:
    """Hold values, in 1/64, within 0..255 and, if `exact`, round them, halves to even: settled."""
    if exact:
        return values.round().clamp(0.0, _TOP)
    # its gradient takes less time than that of clamp
    return functional.hardtanh(values, 0.0, _TOP)


def settle(values: Tensor, exact: bool) -> Tensor:
    """Numbers held within +-4 in 1/64 and, if `exact`, rounded, halves to even."""
    scaled = values * GRID
    return (scaled.round() if exact else scaled).clamp(-LIMIT * GRID, LIMIT * GRID)


def compand(values: Tensor) -> Tensor:
    """1/2 sign(x) log2(1 + |x|), straight between powers of two: exact for binary fractions."""
    mantissa, exponent = torch.frexp(values.abs() + 1)
    return torch.sign(values) * (mantissa + (exponent - 2).to(values.dtype) / 2)


@functools.cache
def bfloat16_is_faster() -> bool:
    """Whether this processor convolves bfloat16 faster than float32; results are the same."""
    seconds = {kind: _clocked(kind) for kind in (torch.bfloat16, torch.float32)}
    return seconds[torch.bfloat16] < seconds[torch.float32]


def _clocked(kind: torch.dtype) -> float:
    values = torch.zeros(_CLOCKED, dtype=kind).contiguous(memory_format=torch.channels_last)
    channels = _CLOCKED[1]
    weight = torch.zeros(channels, channels, 3, 3, dtype=kind)
    weight = weight.contiguous(memory_format=torch.channels_last)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        functional.conv2d(values, weight, padding=1)
        best = min(best, time.perf_counter() - start)
    return best
