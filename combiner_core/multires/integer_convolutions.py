"""Integer convolutions: networks whose results are the same on every machine.

A decision that sender and receiver must both make cannot hang on the order in which a processor
adds (Balle, Johnston & Minnen 2019, "Integer Networks for Data Compression with Latent-Variable
Models", whose remedy, networks of integers, is used here in another form). Every number is an
integer over a power of two with few enough bits that no sum of products is ever rounded, so that
float32 gives the exact result whatever its order of summation, at the full speed of its
convolutions. Between layers values are rounded to multiples of 1/64 and held within +-8.

While a network is trained the same modules work on unrounded numbers; `quantise` makes the exact
network of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.quantised_conv import GRID, QuantisedConv

LIMIT = 8.0
_ANCHOR = 1.5 * 2.0**23 / GRID


class IntegerConv(QuantisedConv):
    """A convolution that `quantise` can make exact; zeros surround its input."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, zero: bool = False) -> None:
        super().__init__(inputs, outputs, size)
        if zero:
            nn.init.zeros_(self.weight)

    def forward(self, values: Tensor) -> Tensor:
        """Convolve (B, inputs, H, W); an accelerator's own float32 algorithms may not be exact."""
        if values.device.type == "cpu" or self.training:
            return super().forward(values)
        assert self.bias is not None
        weight, bias = self.weight.double(), self.bias.double()
        return functional.conv2d(values.double(), weight, bias, padding=self.padding).float()

    def _reach(self, step: Tensor) -> Tensor:
        """Bound on sums of each output and one more value on the grid, in units of 1/64 step."""
        assert self.bias is not None
        weights = self._in_steps(step).abs().sum((1, 2, 3))
        return (weights + 1 / step) * LIMIT * GRID + torch.round(self.bias / step * GRID).abs()


def settle(values: Tensor, exact: bool, least: float = -LIMIT) -> Tensor:
    """Hold values within `least`..LIMIT and, if `exact`, round them to the grid, in place."""
    if exact:
        return round_(values).clamp_(least, LIMIT)
    # its gradient takes less time than that of clamp
    return functional.hardtanh(values, least, LIMIT)


def round_(values: Tensor) -> Tensor:
    """Round float32 values to the grid in place, halves to even."""
    # numbers near the anchor are 1 / GRID apart
    return values.add_(_ANCHOR).sub_(_ANCHOR)


def compand(values: Tensor) -> Tensor:
    """sign(x) log2(1 + |x|), straight between powers of two: exact for binary fractions."""
    mantissa, exponent = torch.frexp(values.abs() + 1)
    return torch.sign(values) * (2 * mantissa + (exponent - 2).to(values.dtype))


class Residual(nn.Module):
    """Two convolutions added to their input: (B, width, H, W) to the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = IntegerConv(width, width)
        self.second = IntegerConv(width, width, zero=True)

    def forward(self, hidden: Tensor, exact: bool) -> Tensor:
        """Apply to settled values; the result is settled."""
        inner = settle(self.first(torch.relu(hidden)), exact, least=0.0)
        added = self.second(inner)
        if exact:
            return round_(added).add_(hidden).clamp_(-LIMIT, LIMIT)
        return settle(hidden + added, exact)
