"""Exact networks: what float32 computes is what integers compute, before and after storage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from combiner_core.multires.integer_convolutions import (
    LIMIT,
    IntegerConv,
    Residual,
    compand,
    settle,
)
from combiner_core.multires.quantised_conv import GRID, to_grid

TOP = int(GRID * LIMIT)
# what every sum, and one more value on the grid, must stay below
EXACT = 1 << 24


def random_layer(
    inputs: int, outputs: int, size: int, seed: int, amplitude: float = 0.3
) -> IntegerConv:
    """Rows of very different sizes, biases included."""
    rng = np.random.default_rng(seed)
    layer = IntegerConv(inputs, outputs, size).eval()
    sizes = amplitude * np.exp2(rng.uniform(-6, 3, outputs))
    weight = rng.standard_normal((outputs, inputs, size, size)) * sizes[:, None, None, None]
    bias = rng.standard_normal(outputs) * sizes
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


def integer_convolution(
    values: NDArray[np.int64], weight: NDArray[np.int64], bias: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Zero-padded (B, inputs, H, W) by (outputs, inputs, k, k), one tap after the other."""
    height, width = values.shape[2:]
    size = weight.shape[2]
    margin = size // 2
    padded = np.pad(values, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    total = np.zeros((len(values), len(weight), height, width), np.int64)
    for row, column in np.ndindex(size, size):
        part = padded[:, :, row : row + height, column : column + width]
        total += np.einsum("oi,bihw->bohw", weight[:, :, row, column], part)
    return total + bias[:, None, None]


def parameters(layer: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in layer.parameters()]


@given(
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 6),
    size=st.sampled_from([1, 3]),
    height=st.integers(1, 7),
    width=st.integers(1, 7),
    seed=st.integers(0, 1 << 30),
    amplitude=st.sampled_from([1e-4, 0.1, 1.0, 30.0]),
    loud=st.booleans(),
)
def test_a_convolution_is_that_of_integers(
    inputs: int,
    outputs: int,
    size: int,
    height: int,
    width: int,
    seed: int,
    amplitude: float,
    loud: bool,
) -> None:
    layer = random_layer(inputs, outputs, size, seed, amplitude)
    layer.quantise()
    weight, bias, exponent = (array.astype(np.int64) for array in layer.integers())
    rng = np.random.default_rng(seed)
    shape = (2, inputs, height, width)
    values = rng.choice([-TOP, TOP], shape) if loud else rng.integers(-TOP, TOP + 1, shape)
    expected = integer_convolution(values, weight, bias)
    assert int(abs(expected).max()) < EXACT
    with torch.no_grad():
        result = layer(torch.tensor(values / GRID, dtype=torch.float32)).double().numpy()
    assert np.array_equal(result * GRID * np.exp2(exponent)[:, None, None], expected)


@given(
    inputs=st.integers(1, 64),
    seed=st.integers(0, 1 << 30),
    amplitude=st.sampled_from([1e-6, 1e-3, 0.3, 40.0]),
)
def test_quantising_twice_is_quantising_once(inputs: int, seed: int, amplitude: float) -> None:
    layer = random_layer(inputs, 5, 3, seed, amplitude)
    layer.quantise()
    once, integers = parameters(layer), layer.integers()
    layer.quantise()
    assert all(map(torch.equal, once, parameters(layer)))
    for first, second in zip(integers, layer.integers(), strict=True):
        assert np.array_equal(first, second)


def test_quantised_weights_are_near_the_trained_ones() -> None:
    layer = random_layer(16, 8, 3, seed=4)
    weight = parameters(layer)[0]
    layer.quantise()
    error = (layer.weight - weight).abs().amax((1, 2, 3))
    assert bool((error <= weight.abs().amax((1, 2, 3)) / 127).all())


def test_integers_make_up_the_weights() -> None:
    layer = random_layer(5, 4, 3, seed=5)
    layer.quantise()
    weight, bias, exponent = layer.integers()
    assert (weight.dtype, bias.dtype, exponent.dtype) == (np.int8, np.int32, np.int8)
    step = np.exp2(-exponent.astype(np.float64))
    assert np.array_equal(weight * step[:, None, None, None], layer.weight.detach().double())
    assert np.array_equal(bias * step / GRID, layer.bias.detach().double())


def test_steps_grow_until_sums_are_exact() -> None:
    """A large bias beside small weights leaves those fewer bits."""
    layer = IntegerConv(512, 1, 3)
    with torch.no_grad():
        layer.weight.fill_(0.01)
        layer.bias.fill_(1000.0)
    layer.quantise()
    weight, bias, exponent = (array.astype(np.int64) for array in layer.integers())
    assert abs(weight).sum() * TOP + abs(bias).sum() + (TOP << int(exponent[0])) < EXACT
    assert layer.bias.item() == pytest.approx(1000, rel=1e-3)
    assert 0 < abs(weight).max() < 127


def test_weights_too_large_are_refused() -> None:
    layer = IntegerConv(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1e-6)
        layer.bias.fill_(1e7)
    with pytest.raises(ValueError, match="too large for exact arithmetic"):
        layer.quantise()


@given(st.lists(st.integers(-(1 << 22), 1 << 22), min_size=1, max_size=50))
def test_settled_values_are_the_nearest_on_the_grid(numerators: list[int]) -> None:
    values = torch.tensor(numerators, dtype=torch.float64) / (1 << 14)
    settled = settle(values.float(), True).double()
    assert torch.equal(settled * GRID, (settled * GRID).round())
    assert float(settled.abs().max()) <= LIMIT
    inside = values.clamp(-LIMIT, LIMIT)
    assert float((settled - inside).abs().max()) <= 0.5 / GRID


def test_settled_values_stay_as_they_are() -> None:
    values = torch.arange(-TOP, TOP + 1) / GRID
    assert torch.equal(settle(values.clone(), True), values)
    assert torch.equal(settle(values.clone(), False), values)


def test_huge_values_are_settled_at_the_limit() -> None:
    values = torch.tensor([-(2.0**40), -70000.0, 8.01, 65536.25, 3.0e9])
    for exact in (False, True):
        settled = settle(values.clone(), exact)
        assert settled.tolist() == [-LIMIT, -LIMIT, LIMIT, LIMIT, LIMIT]


@given(st.integers(-(1 << 20), 1 << 20), st.sampled_from([8, 16, 64]))
def test_the_grid_has_the_nearest_multiple(numerator: int, steps: int) -> None:
    value = torch.tensor(numerator / 1024, dtype=torch.float64)
    rounded = to_grid(value, steps)
    assert float(rounded * steps) == round(float(rounded * steps))
    assert abs(float(rounded - value)) <= 0.5 / steps


@given(st.integers(0, 1 << 24))
def test_companding_is_exact(sixteenths: int) -> None:
    value = sixteenths / 16
    shifted = sixteenths + 16
    octave = shifted.bit_length() - 5
    # straight from octave at 2^octave to octave + 1 at twice that
    expected = octave + (shifted / (16 << octave) - 1)
    for sign in (-1, 1):
        result = float(compand(torch.tensor(sign * value, dtype=torch.float64)))
        assert result == sign * expected
    if shifted < EXACT:
        assert float(compand(torch.tensor(value))) == pytest.approx(expected, abs=1e-6)


def test_companding_is_close_to_a_logarithm_and_monotone() -> None:
    values = torch.arange(0, 5000) / 16
    result = compand(values)
    assert bool((result.diff() > 0).all())
    assert float((result - torch.log2(1 + values)).abs().max()) < 0.09


def test_a_residual_is_exact_whatever_the_layout() -> None:
    block = Residual(12).eval()
    rng = np.random.default_rng(6)
    with torch.no_grad():
        for parameter in block.parameters():
            values = rng.standard_normal(tuple(parameter.shape))
            parameter.copy_(0.2 * torch.tensor(values))
    block.first.quantise()
    block.second.quantise()
    hidden = torch.tensor(rng.integers(-TOP, TOP + 1, (2, 12, 9, 7)) / GRID, dtype=torch.float32)
    with torch.no_grad():
        expected = block(hidden.clone(), True)
        last = block(hidden.contiguous(memory_format=torch.channels_last), True)
        double = block.double()(hidden.double(), False)
    assert torch.equal(expected, last)
    assert torch.equal(expected * GRID, (expected * GRID).round())
    # without rounding in between the result is another, but a close one
    assert float((expected - double).abs().mean()) < 0.05
