"""sin(x W + b), the layer of a siren, which finds its derivative on the way.

Where gradients are asked for on a processor, sines and cosines come from one reduction of the
argument: torch needs eight times as long for both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def affine(inputs: Tensor, layer: Tensor) -> Tensor:
    """x W + b: inputs (M, B, I) times layer (M, I + 1, O), the last row of which is the bias."""
    if len(layer) == 1:  # a plain matrix product is faster than a batch of one
        return torch.addmm(layer[0, -1], inputs[0], layer[0, :-1])[None]
    return torch.baddbmm(layer[:, -1:], inputs, layer[:, :-1])


def sine_layer(inputs: Tensor, layer: Tensor) -> Tensor:
    """sin(x W + b), of the same shapes."""
    at_hand = layer.device.type == "cpu" and layer.dtype == torch.float32
    if at_hand and layer.requires_grad and torch.is_grad_enabled():
        made: Tensor = _SineLayer.apply(inputs, layer)  # type: ignore[no-untyped-call]
        return made
    return affine(inputs, layer).sin()


class _SineLayer(torch.autograd.Function):
    """On a processor, in float32."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, layer: Tensor) -> Tensor:
        # what only decodes never waits for the compiler
        from combiner_core.siren._sine_kernels import sines_and_cosines

        values = affine(inputs, layer)
        cosines = torch.empty_like(values)
        sines_and_cosines(values.view(-1).numpy(), cosines.view(-1).numpy())
        ctx.save_for_backward(inputs, layer)
        ctx.cosines = cosines
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor]:
        inputs, layer = ctx.saved_tensors
        through, ctx.cosines = ctx.cosines, None
        if through is None:
            raise RuntimeError("a sine layer cannot be gone back through a second time")
        torch.mul(gradient, through, out=through)
        to_layer = torch.empty_like(layer)
        torch.bmm(inputs.transpose(1, 2), through, out=to_layer[:, :-1])
        torch.sum(through, 1, out=to_layer[:, -1])
        to_inputs = None
        if ctx.needs_input_grad[0]:
            to_inputs = torch.bmm(through, layer[:, :-1].transpose(1, 2))
        return to_inputs, to_layer
