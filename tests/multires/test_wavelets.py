"""Wavelets: perfect reconstruction at every size, nearly orthonormal, exact in integers."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from combiner_core.multires.image.prior import level_sizes
from combiner_core.multires.image.wavelets import join, split

SIDES = (1, 2, 3, 4, 5, 8, 17)
SIZES = list(itertools.product(SIDES, SIDES))


def noise(*shape: int, seed: int = 0, kind: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=kind)


def integers(*shape: int, limit: int = 1 << 20, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-limit, limit, shape, generator=generator, dtype=torch.int32)


def existing(height: int, width: int) -> tuple[int, int, int]:
    """How many details of each of the three bands an array really has."""
    low_rows, low_columns = -(-height // 2), -(-width // 2)
    high_rows, high_columns = height // 2, width // 2
    return high_rows * low_columns, low_rows * high_columns, high_rows * high_columns


def missing(height: int, width: int) -> Tensor:
    """Which details (3, h, w) lie beyond the end of an array of odd size."""
    beyond = torch.zeros(3, -(-height // 2), -(-width // 2), dtype=torch.bool)
    if height % 2:
        beyond[[0, 2], -1] = True
    if width % 2:
        beyond[1:, :, -1] = True
    return beyond


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_reconstruction_is_perfect(height: int, width: int) -> None:
    values = noise(2, 3, height, width)
    low, details = split(values)
    half = (-(-height // 2), -(-width // 2))
    assert low.shape == (2, 3, *half)
    assert details.shape == (2, 9, *half)
    torch.testing.assert_close(join(low, details, height, width), values, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_details_beyond_the_end_are_zero_and_ignored(height: int, width: int) -> None:
    values = noise(1, 1, height, width)
    low, details = split(values)
    beyond = missing(height, width)
    assert not details[0][beyond].any()
    details[0][beyond] = 1000.0
    torch.testing.assert_close(join(low, details, height, width), values, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_weights_and_values_are_equally_many(height: int, width: int) -> None:
    low, _ = split(noise(1, 1, height, width))
    assert low[0, 0].numel() + sum(existing(height, width)) == height * width


@pytest.mark.parametrize(("height", "width"), [(6, 10), (5, 11), (2, 3), (3, 2), (64, 1)])
def test_a_constant_has_no_details(height: int, width: int) -> None:
    low, details = split(torch.full((1, 1, height, width), 100.0, dtype=torch.float64))
    # the steps are rounded to multiples of 1/4096
    assert float(details.abs().max()) < 0.1
    assert float(low.max() - low.min()) < 0.1


@pytest.mark.parametrize(("height", "width"), [(64, 64), (97, 61), (31, 128)])
def test_every_band_is_nearly_orthonormal(height: int, width: int) -> None:
    """White noise in one band becomes noise of nearly the same energy in the values."""
    low, _ = split(noise(1, 1, height, width))
    white = [noise(40, 1, *low.shape[2:], seed=1 + number) for number in range(4)]
    counts = (low[0, 0].numel(), *existing(height, width))
    for band, count in enumerate(counts):
        parts = [part if number == band else 0 * part for number, part in enumerate(white)]
        values = join(parts[0], torch.cat(parts[1:], 1), height, width)
        gain = (float(values.square().sum()) / (len(values) * count)) ** 0.5
        assert gain == pytest.approx(1, abs=0.1), band


def test_energies_are_nearly_the_same_on_both_sides() -> None:
    values = noise(8, 3, 40, 56)
    low, details = split(values)
    energy = float(low.square().sum() + details.square().sum())
    assert energy == pytest.approx(float(values.square().sum()), rel=0.1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_integer_synthesis_is_the_real_one_rounded(height: int, width: int) -> None:
    low_size = (-(-height // 2), -(-width // 2))
    low, details = integers(2, 1, *low_size), integers(2, 3, *low_size, seed=1)
    exact = join(low, details, height, width)
    assert exact.dtype == torch.int32
    real = join(low.double(), details.double(), height, width)
    assert float((exact - real).abs().max()) < 16


@pytest.mark.parametrize("limit", [1 << 8, 1 << 13, 1 << 20, 1 << 28])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (1, 6), (1, 1)])
def test_integers_of_any_type_give_the_same(height: int, width: int, limit: int) -> None:
    low_size = (-(-height // 2), -(-width // 2))
    low, details = integers(1, 3, *low_size, limit=limit), integers(1, 9, *low_size, limit=limit)
    narrow = join(low, details, height, width)
    wide = join(low.long(), details.long(), height, width)
    assert wide.dtype == torch.int64
    assert torch.equal(narrow.long(), wide)


def test_the_largest_of_small_integers_give_the_same_in_32_and_64_bits() -> None:
    signs = torch.sign(noise(20, 12, 6, 6)).int()
    low, details = signs[:, :3] * ((1 << 13) - 1), signs[:, 3:] * ((1 << 13) - 1)
    assert torch.equal(join(low, details, 12, 12).long(), join(low.long(), details.long(), 12, 12))


def test_integer_errors_do_not_grow_over_a_whole_pyramid() -> None:
    sizes = level_sizes(61, 83, 7)
    exact = integers(1, 1, *sizes[7], limit=1 << 22)
    real = exact.double()
    for level in range(7, 0, -1):
        details = integers(1, 3, *sizes[level], limit=1 << 10, seed=level)
        exact = join(exact, details, *sizes[level - 1])
        real = join(real, details.double(), *sizes[level - 1])
    # two units of the noise scale
    assert float((exact - real).abs().max()) < 2 * 16


@pytest.mark.parametrize("rows", [16, 17, 21])
def test_what_is_transformed_together_does_not_show(rows: int) -> None:
    values = noise(1, 1, rows, 1 << 17)
    low, details = split(values)
    # on its side it is taken apart at other places, and two kinds of details change theirs
    low_aside, details_aside = split(values.mT)
    torch.testing.assert_close(low, low_aside.mT, atol=1e-12, rtol=0)
    expected = details_aside[:, [1, 0, 2]].mT
    torch.testing.assert_close(details, expected, atol=1e-12, rtol=0)
