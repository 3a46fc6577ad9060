"""Targets: the weights of a group, their energy, and a guess of their cost."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.multires import coefficients
from combiner_core.multires.coding_order import Group
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.image import activity
from combiner_core.multires.image.field import decompose
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps


def levels(seed: int = 0, gain: float = 30.0) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        level: gain * 2**level * torch.randn(2, 9, 40 >> level, 24 >> level, generator=generator)
        for level in (1, 2, 3)
    }


def test_groups_are_parts_of_levels_in_noise_scales() -> None:
    arrays = levels()
    group = Group(2, 5, (0, 3), torch.ones(2, 4, 6, dtype=torch.bool), None, (), first_row=6)
    values = Coefficients(arrays).of(group, 2.5)
    assert values.dtype == np.float32
    assert values.shape == (4, 4, 6)
    expected = arrays[2][:, [0, 3], 6:10].reshape(4, 4, 6) / 2.5
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_energy_is_the_distortion_of_sending_nothing() -> None:
    arrays = levels()
    expected = sum(float((array.double() ** 2).sum()) for array in arrays.values())
    assert Coefficients(arrays).energy == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [(64, 96), (31, 33), (33, 131)])
def test_energy_is_that_of_the_pixels(size: tuple[int, int]) -> None:
    pixels = 255 * torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1)) - 128
    energy = Coefficients(decompose(pixels, 2)).energy
    assert energy == pytest.approx(float(pixels.square().sum()), rel=0.1)


@given(st.floats(2.0**-14, 2.0**-6) | st.floats(2, 2000), st.floats(1.01, 4))
def test_the_guess_falls_as_the_noise_grows(scale: float, factor: float) -> None:
    targets = Coefficients(levels(gain=scale * 5))
    bits = targets.information_bits(scale)
    assert 0 < targets.information_bits(scale * factor) < bits


@pytest.mark.parametrize("scale", [0.5, 4.0, 100.0, 3000.0])
def test_the_guess_is_the_information_of_the_weights(scale: float) -> None:
    arrays = levels()
    exact = sum(
        float(torch.log1p((array.double() / scale) ** 2 / 2).sum()) / (2 * math.log(2))
        for array in arrays.values()
    )
    assert Coefficients(arrays).information_bits(scale) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("enough", [coefficients._ENOUGH, 2_000])
def test_weights_count_in_the_noise_scales_that_they_have(
    enough: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coefficients, "_ENOUGH", enough)
    generator = torch.Generator().manual_seed(4)
    cells = torch.randint(-8, 9, (4, 6), generator=generator).to(torch.int8).numpy()
    noise_map = NoiseMap(cells, finest=2, second=-3, chroma=5)
    steps = NoiseSteps.of([noise_map], (64, 96), 3)
    arrays = {
        level: 30 * torch.randn(1, 36, 32 >> level, 48 >> level, generator=generator)
        for level in (1, 2, 3)
    }
    arrays[4] = 100 * torch.randn(1, 3, 4, 6, generator=generator)
    divided = dict(arrays)
    for level in (1, 2, 3):
        luma, chroma = steps.levels[level].float().exp2().pow(0.25).unbind(1)
        is_luma = torch.tensor([channel // 4 % 3 == 0 for channel in range(36)])
        divided[level] = arrays[level] / torch.where(is_luma[:, None, None], luma, chroma)
    local = Coefficients(arrays, octaves=steps.octaves)
    expected = Coefficients(divided).information_bits(4.0)
    assert local.information_bits(4.0) == pytest.approx(expected, rel=0.002)
    assert Coefficients(arrays).information_bits(4.0) != pytest.approx(expected, rel=0.02)


def test_nothing_costs_nothing() -> None:
    targets = Coefficients({1: torch.zeros(1, 9, 8, 8)})
    assert targets.energy == 0
    assert targets.information_bits(4.0) < 1e-6


def test_some_rows_of_a_large_level_tell_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(3)
    arrays = {1: 20 * torch.randn(1, 36, 90, 50, generator=generator), 2: levels()[2]}
    whole = Coefficients(arrays).information_bits(4.0)
    monkeypatch.setattr(coefficients, "_ENOUGH", 20_000)
    part = Coefficients(arrays).information_bits(4.0)
    assert part != whole
    assert part == pytest.approx(whole, rel=0.01)


@pytest.mark.parametrize("size", [(64, 96), (31, 33), (100, 17)])
def test_activity_does_not_depend_on_how_many_rows_are_looked_at(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = 255 * torch.rand(3, *size, generator=torch.Generator().manual_seed(4))
    pixels[:, : size[0] // 2] *= 0.1
    whole = activity.activity_octaves(pixels)
    monkeypatch.setattr(activity, "_TOGETHER", 1)
    assert torch.equal(activity.activity_octaves(pixels), whole)
