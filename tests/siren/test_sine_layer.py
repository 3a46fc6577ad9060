"""The sine layer with its own way back, against torch's sine and its derivative."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from combiner_core.siren.sine_layer import affine, sine_layer


def gradients(values: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    """Of a sum of values with unequal shares."""
    shares = torch.linspace(-1, 2, values.numel(), dtype=values.dtype).view_as(values)
    return torch.autograd.grad((shares * values).sum(), inputs)


@pytest.mark.parametrize("fields", [1, 3])
@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_values_and_gradients_are_those_of_exact_arithmetic(fields: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(fields, 37, 5, generator=generator, requires_grad=True)
    layer = (scale * torch.randn(fields, 6, 4, generator=generator)).requires_grad_()
    made = sine_layer(inputs, layer)
    exact_inputs, exact_layer = (
        part.detach().double().requires_grad_() for part in (inputs, layer)
    )
    exact = affine(exact_inputs, exact_layer).sin()
    # the argument itself is only known to float32
    argument = float(affine(exact_inputs, exact_layer).detach().abs().max())
    tolerance = 1e-6 + 4e-7 * argument
    assert float((made - exact).detach().abs().max()) < tolerance
    for one, other in zip(
        gradients(made, inputs, layer), gradients(exact, exact_inputs, exact_layer), strict=True
    ):
        assert float((one - other).abs().max()) < 50 * tolerance * max(1.0, scale)


def test_it_is_the_same_whether_gradients_are_asked_for_or_not() -> None:
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand(2, 1000, 5, generator=generator)
    layer = 10 * torch.randn(2, 6, 4, generator=generator)
    with_gradients = sine_layer(inputs, layer.clone().requires_grad_())
    assert float((with_gradients - sine_layer(inputs, layer)).abs().max()) < 1e-6


def test_inputs_stay_as_they_are_and_a_second_way_back_is_refused() -> None:
    inputs, layer = torch.rand(1, 4, 2), torch.rand(1, 3, 2, requires_grad=True)
    before = inputs.clone()
    values = sine_layer(inputs, layer)
    assert torch.equal(inputs, before)
    values.sum().backward(retain_graph=True)  # type: ignore[no-untyped-call]
    with pytest.raises(RuntimeError, match="second time"):
        values.sum().backward()  # type: ignore[no-untyped-call]
