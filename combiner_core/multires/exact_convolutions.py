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

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

# networks compute in units of 1/64: settled values are integers of these, up to 4, whose products
# bfloat16 and float32 hold
GRID = 64
LIMIT = 4.0
_TOP = 255.0
# integers up to here and all sums below are exact in float32
_EXACT = 1 << 24
_WEIGHT_BITS = 7
_MAX_EXPONENT = 12
_CLOCKED = (1, 64, 32, 32)


class ExactConv(nn.Conv2d):
    """A convolution that `quantise` can make exact; zeros surround its input.

    Args:
        inputs, outputs: channels.
        size: side of the kernel, odd.
        gain: of the weights to begin with, relative to those that keep variances.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
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

    @torch.no_grad()
    def quantise(self) -> None:
        """Round weights to eight bits times a power of two for each output, biases to bfloat16.

        What is quantised already stays as it is.

        Raises:
            ValueError: weights too large for exact sums.
        """
        assert self.bias is not None
        step = self._steps()
        if bool((self._reach(step) >= _EXACT).any()):
            raise ValueError("a network's weights are too large for exact arithmetic")
        weight_step = step[:, None, None, None]
        self.weight.copy_(torch.round(self.weight.float() / weight_step) * weight_step)
        self.bias.copy_(_rounded(self.bias, step))

    @torch.no_grad()
    def integers(self) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int8]]:
        """Weights and biases of a quantised layer as integers, and the exponents of their steps."""
        assert self.bias is not None
        step = self._steps()
        weight = torch.round(self.weight.float() / step[:, None, None, None]).to(torch.int8)
        bias = torch.round(self.bias.float() / step * GRID).to(torch.int32)
        return weight.numpy(), bias.numpy(), (-torch.log2(step)).to(torch.int8).numpy()

    def _steps(self) -> Tensor:
        """For each output the least power of two with which weights fit a byte, sums 24 bits."""
        # weights that are rounded to zero have the least step, as those have that are zero
        largest = self.weight.float().abs().amax((1, 2, 3)).clamp_min(2.0**-_MAX_EXPONENT)
        mantissa, exponent = torch.frexp(largest)
        # the mantissa is in [1/2, 1), and 127/128 is the most that a byte holds
        exponent = exponent - _WEIGHT_BITS + (mantissa > 1 - 2.0**-_WEIGHT_BITS).int()
        step = torch.exp2(exponent.clamp(min=-_MAX_EXPONENT).float())
        for _ in range(_MAX_EXPONENT):
            step = torch.where(self._reach(step) >= _EXACT, 2 * step, step)
        return step

    def _reach(self, step: Tensor) -> Tensor:
        """Bound on the sums of each output in units of 1/64 step."""
        assert self.bias is not None
        weights = torch.round(self.weight.float() / step[:, None, None, None]).abs().sum((1, 2, 3))
        return weights * LIMIT * GRID + (_rounded(self.bias, step) / step * GRID).abs()


def _rounded(bias: Tensor, step: Tensor) -> Tensor:
    """Biases as bfloat16 numbers that are multiples of 1/64 step."""
    grid = step / GRID
    return (torch.round(bias.float() / grid) * grid).bfloat16().float()


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


def to_grid(values: Tensor, steps: int) -> Tensor:
    """The nearest multiples of 1 / steps, a power of two; halves go up."""
    return torch.floor(values * steps + 0.5) / steps


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
