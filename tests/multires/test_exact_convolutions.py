"""Exact networks: what bfloat16 and float32 compute is what integers compute."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from combiner_core.multires.exact_convolutions import (
    LIMIT,
    ExactConv,
    Residual,
    activate,
    compand,
    settle,
)
from combiner_core.multires.quantised_conv import GRID

STEPS = int(GRID * LIMIT)
EXACT = 1 << 24
KINDS = [torch.float32, torch.bfloat16]

# prints a digest of what some layers make of some values; arguments: bfloat16 or float32
PROGRAM = """
import hashlib, sys
import torch
from test_exact_convolutions import network_digest
print(network_digest(getattr(torch, sys.argv[1])))
"""


def random_layer(
    inputs: int, outputs: int, size: int, seed: int, amplitude: float = 0.3
) -> ExactConv:
    """Rows of very different sizes, biases included."""
    rng = np.random.default_rng(seed)
    layer = ExactConv(inputs, outputs, size).eval()
    sizes = amplitude * np.exp2(rng.uniform(-6, 3, outputs))
    weight = rng.standard_normal((outputs, inputs, size, size)) * sizes[:, None, None, None]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        assert layer.bias is not None
        layer.bias.copy_(torch.tensor(rng.standard_normal(outputs) * sizes))
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


def network_digest(kind: torch.dtype) -> str:
    """Of layers of many shapes applied to values from an integer generator."""
    digest = hashlib.sha256()
    rng = np.random.default_rng(8)
    for inputs, outputs, size, side in ((35, 64, 3, 33), (64, 64, 3, 20), (96, 384, 1, 9)):
        layer = random_layer(inputs, outputs, size, seed=inputs)
        layer.quantise()
        layer.to(kind)
        values = torch.tensor(rng.integers(-STEPS, STEPS + 1, (1, inputs, side, side)))
        values = values.to(kind).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            result = layer(values).float().contiguous()
        digest.update(result.numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", KINDS)
@given(
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 6),
    size=st.sampled_from([1, 3]),
    side=st.integers(1, 7),
    seed=st.integers(0, 1 << 30),
    amplitude=st.sampled_from([1e-4, 0.1, 1.0, 30.0]),
    loud=st.booleans(),
)
def test_a_convolution_is_that_of_integers_rounded_once(
    kind: torch.dtype,
    inputs: int,
    outputs: int,
    size: int,
    side: int,
    seed: int,
    amplitude: float,
    loud: bool,
) -> None:
    layer = random_layer(inputs, outputs, size, seed, amplitude)
    layer.quantise()
    weight, bias, exponent = (array.astype(np.int64) for array in layer.integers())
    rng = np.random.default_rng(seed)
    shape = (2, inputs, side, side)
    values = rng.choice([-STEPS, STEPS], shape) if loud else rng.integers(-STEPS, STEPS + 1, shape)
    sums = integer_convolution(values, weight, bias)
    assert int(abs(sums).max()) < EXACT
    # 24 bits are a float32, whose rounding to bfloat16 is torch's
    exact = torch.tensor(sums / np.exp2(exponent.astype(float))[:, None, None])
    layer.to(kind)
    settled = torch.tensor(values).to(kind)
    with torch.no_grad():
        assert torch.equal(layer(settled), exact.float().bfloat16())
        assert torch.equal(layer.unrounded(settled).double(), exact)


@pytest.mark.parametrize(
    ("isa", "kind"),
    [
        # where torch does not convolve bfloat16
        ("AVX2", "float32"),
        ("AVX512_CORE", "float32"),
        ("AVX512_CORE", "bfloat16"),
        ("AVX512_CORE_BF16", "bfloat16"),
        ("DEFAULT", "float32"),
        ("DEFAULT", "bfloat16"),
    ],
)
def test_every_kind_of_processor_computes_the_same(isa: str, kind: str) -> None:
    tests = str(Path(__file__).parent)
    environment = os.environ | {
        "ONEDNN_MAX_CPU_ISA": isa,
        "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == network_digest(torch.float32)


@given(
    inputs=st.integers(1, 64),
    seed=st.integers(0, 1 << 30),
    amplitude=st.sampled_from([1e-6, 1e-3, 0.3, 40.0]),
)
def test_quantising_twice_is_quantising_once(inputs: int, seed: int, amplitude: float) -> None:
    layer = random_layer(inputs, 5, 3, seed, amplitude)
    layer.quantise()
    once, integers = _parameters(layer), layer.integers()
    layer.quantise()
    assert all(map(torch.equal, once, _parameters(layer)))
    layer.bfloat16()
    for first, second in zip(integers, layer.integers(), strict=True):
        assert np.array_equal(first, second)


def test_quantised_weights_are_near_the_trained_ones() -> None:
    layer = random_layer(16, 8, 3, seed=4)
    weight = _parameters(layer)[0]
    layer.quantise()
    error = (layer.weight - weight).abs().amax((1, 2, 3))
    assert bool((error <= weight.abs().amax((1, 2, 3)) / 127).all())


def test_steps_grow_until_sums_are_exact() -> None:
    """A large bias beside small weights leaves those fewer bits."""
    layer = ExactConv(512, 1, 3)
    with torch.no_grad():
        layer.weight.fill_(0.01)
        assert layer.bias is not None
        layer.bias.fill_(1000.0)
    layer.quantise()
    weight, bias, _ = (array.astype(np.int64) for array in layer.integers())
    assert abs(weight).sum() * STEPS + abs(bias).sum() < EXACT
    assert layer.bias.item() == pytest.approx(1000, rel=1e-2)
    assert 0 < abs(weight).max() < 127


def test_weights_too_large_are_refused() -> None:
    layer = ExactConv(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1e-6)
        assert layer.bias is not None
        layer.bias.fill_(1e7)
    with pytest.raises(ValueError, match="too large for exact arithmetic"):
        layer.quantise()


@given(st.lists(st.integers(-(1 << 22), 1 << 22), min_size=1, max_size=50))
def test_settled_values_are_the_nearest_on_the_grid(numerators: list[int]) -> None:
    values = torch.tensor(numerators, dtype=torch.float64) / (1 << 14)
    settled = settle(values.float(), True).double()
    assert torch.equal(settled, settled.round())
    inside = GRID * values.clamp(-LIMIT, LIMIT)
    assert float((settled - inside).abs().max()) <= 0.5
    active = activate(values.float(), True)
    assert torch.equal(active, active.bfloat16().float().round())
    assert 0 <= float(active.min()) <= float(active.max()) <= 255


@given(st.integers(0, 1 << 24))
def test_companding_is_exact(sixteenths: int) -> None:
    shifted = sixteenths + 16
    octave = shifted.bit_length() - 5
    # straight from octave at 2^octave to octave + 1 at twice that, and halved
    expected = (octave + (shifted / (16 << octave) - 1)) / 2
    for sign in (-1, 1):
        value = torch.tensor(sign * sixteenths / 16, dtype=torch.float64)
        assert float(compand(value)) == sign * expected


def test_a_residual_is_exact_whatever_the_layout() -> None:
    block = Residual(12).eval()
    rng = np.random.default_rng(6)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.copy_(0.2 * torch.tensor(rng.standard_normal(tuple(parameter.shape))))
    block.first.quantise()
    block.second.quantise()
    hidden = torch.tensor(rng.integers(-STEPS, STEPS + 1, (2, 12, 9, 7))).bfloat16()
    with torch.no_grad():
        expected = block(hidden.clone(), True)
        last = block(hidden.contiguous(memory_format=torch.channels_last), True)
        block.bfloat16()
        assert torch.equal(expected, block(hidden.clone(), True))
        unrounded = block(hidden.clone(), False)
    assert torch.equal(expected, last)
    # without rounding in between the result is another, but a close one
    assert float((expected - unrounded).abs().mean()) < 3


def _parameters(layer: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in layer.parameters()]
