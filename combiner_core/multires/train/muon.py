"""Muon for the weights of convolutions: gradient steps whose matrices are orthogonal.

After "Muon: An optimizer for hidden layers in neural networks" (Jordan et al. 2024), with steps as
long as Adam's on average and decoupled weight decay (Liu et al. 2025, "Muon is Scalable for LLM
Training"). `torch.optim.Muon` takes matrices one by one; here the kernels of convolutions count as
matrices, and all of one shape are orthogonalised together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_EPSILON = 1e-7
# root mean square of Adam's steps, in learning rates
_USUAL_STEP = 0.2


class Muon(torch.optim.Optimizer):
    """Args:
    parameters: of two dimensions or more; all but the first count as one.
    lr: learning rate, as of Adam.
    momentum: of Nesterov's kind.
    weight_decay: share of the parameters that goes in a step, in learning rates.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
    ) -> None:
        super().__init__(
            list(parameters), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take a step along the gradients that are there."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault(parameter.shape, []).append(parameter)
            for parameters in shapes.values():
                self._follow(parameters, group)
        return loss

    def _follow(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        momenta = []
        for parameter in parameters:
            momentum = self.state[parameter].setdefault(
                "momentum", torch.zeros_like(parameter, memory_format=torch.contiguous_format)
            )
            gradient = parameter.grad
            assert gradient is not None
            momentum.lerp_(gradient, 1 - group["momentum"])
            momenta.append(torch.lerp(gradient, momentum, group["momentum"]).flatten(1))
        steps = orthogonal(torch.stack(momenta))
        length = group["lr"] * _USUAL_STEP * max(steps.shape[1:]) ** 0.5
        for parameter, step in zip(parameters, steps, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(step.view(parameter.shape), alpha=-length)


def orthogonal(matrices: Tensor) -> Tensor:
    """About the nearest matrices (n, r, c) whose singular values are one, by Newton and Schulz."""
    first, third, fifth = _COEFFICIENTS
    values: Tensor = matrices.bfloat16()
    norms = values.float().norm(dim=(1, 2), keepdim=True)
    values = values / (norms + _EPSILON).bfloat16()
    is_tall = values.shape[1] > values.shape[2]
    if is_tall:
        values = values.mT
    for _ in range(_ITERATIONS):
        square = values @ values.mT
        values = first * values + (third * square + fifth * (square @ square)) @ values
    return (values.mT if is_tall else values).float()
