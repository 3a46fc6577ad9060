"""What convolutions of exact networks share: weights of eight bits that no sum is rounded with."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# networks compute in multiples of 1/64
GRID = 64
# integers up to here and all sums below are exact in float32
_EXACT = 1 << 24
_WEIGHT_BITS = 7
_MAX_EXPONENT = 12


class QuantisedConv(nn.Conv2d):
    """A convolution that `quantise` can make exact; zeros surround its input.

    Args:
        inputs, outputs: channels.
        size: side of the kernel, odd.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    @torch.no_grad()
    def quantise(self) -> None:
        """Round weights to eight bits times a power of two for each output, biases likewise.

        What is quantised already stays as it is.

        Raises:
            ValueError: weights too large for exact sums.
        """
        assert self.bias is not None
        step = self._steps()
        if bool((self._reach(step) >= _EXACT).any()):
            raise ValueError("a network's weights are too large for exact arithmetic")
        self.weight.copy_(self._in_steps(step) * step[:, None, None, None])
        self.bias.copy_(self._rounded_bias(step))

    @torch.no_grad()
    def integers(self) -> tuple[NDArray[np.int8], NDArray[np.int32], NDArray[np.int8]]:
        """Weights and biases of a quantised layer as integers, and the exponents of their steps."""
        assert self.bias is not None
        step = self._steps()
        weight = self._in_steps(step).to(torch.int8)
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
            too_large = self._reach(step) >= _EXACT
            if not bool(too_large.any()):
                break
            step = torch.where(too_large, 2 * step, step)
        return step

    def _in_steps(self, step: Tensor) -> Tensor:
        """Weights rounded to whole numbers of their outputs' steps."""
        return torch.round(self.weight.float() / step[:, None, None, None])

    def _rounded_bias(self, step: Tensor) -> Tensor:
        """Biases as multiples of 1/64 step."""
        assert self.bias is not None
        grid = step / GRID
        return torch.round(self.bias.float() / grid) * grid

    @abstractmethod
    def _reach(self, step: Tensor) -> Tensor:
        """Bound on the sums of each output in units of 1/64 step."""


def to_grid(values: Tensor, steps: int) -> Tensor:
    """The nearest multiples of 1 / steps, a power of two; halves go up."""
    return torch.floor(values * steps + 0.5) / steps
