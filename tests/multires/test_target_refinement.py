"""Targets are refined by what is really decoded."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
import torch
from tiny_presets import image_model
from torch import Tensor

from combiner_core.multires.image import parts
from combiner_core.multires.image.at_hand import PictureAtHand
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.field import Decoded
from combiner_core.multires.image.noise_map import CELL, NoiseMap
from combiner_core.multires.image.target_refinement import refine_targets
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec.wire import VALUE_UNITS

NOISE = NoiseScale(4 * 256)
HEIGHT, WIDTH = 192, 260
Coding = Generator[object, None, tuple[Decoded, int]]


@pytest.fixture
def model() -> ImageModel:
    return image_model()


def picture_of(model: ImageModel, structure: float = 0.0) -> PictureAtHand:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (1, 3, HEIGHT, WIDTH))).float()
    rows, columns = -(-HEIGHT // CELL), -(-WIDTH // CELL)
    cells = rng.integers(-4, 5, (rows, columns)).astype(np.int8)
    return PictureAtHand(model, pixels, NOISE, NoiseMap(cells, finest=2), structure)


def some_decoded(model: ImageModel) -> Decoded:
    """As a coding order returns it."""
    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.integers(-200, 200, (1, 3, HEIGHT, WIDTH)).astype(np.int32))
    width = model.config.prior.widths[0]
    hidden = rng.integers(-64, 64, (1, width, -(-HEIGHT // 4), -(-WIDTH // 4)))
    return values, torch.from_numpy(hidden).float()


def refined(
    picture: PictureAtHand, targets: Tensor, decoded: Decoded, trials: int = 1
) -> tuple[Tensor, list[int], list[Tensor], list[tuple[int, int]]]:
    """What comes of it: targets, what trials told, what they coded, and the steps."""
    coded: list[Tensor] = []

    def code(part: Tensor) -> Coding:
        yield None
        yield None
        coded.append(part)
        return decoded, len(coded)

    steps, refinement = [], refine_targets(picture, targets, trials, code)
    while True:
        try:
            steps.append(next(refinement))
        except StopIteration as stop:
            better, told = stop.value
            return better, told, coded, steps


def without_correction(model: ImageModel) -> None:
    with torch.no_grad():
        model.postfilter.leave.weight.zero_()
        if model.postfilter.leave.bias is not None:
            model.postfilter.leave.bias.zero_()


def test_without_a_postfilter_the_picture_is_wanted(model: ImageModel) -> None:
    without_correction(model)
    picture = picture_of(model)
    targets = picture.original + 20
    better, *_ = refined(picture, targets, some_decoded(model))
    torch.testing.assert_close(better, targets - 0.12 * 20, atol=0.05, rtol=0)


def test_targets_go_against_the_gradient_of_what_is_decoded(model: ImageModel) -> None:
    picture, decoded = picture_of(model), some_decoded(model)
    values, hidden = decoded
    pixels = to_pixels(values.float() * (NOISE.value / VALUE_UNITS))
    # where targets are what is decoded, only the gradient moves them
    better, *_ = refined(picture, pixels, decoded)

    def distortion(pixels: Tensor) -> float:
        with torch.no_grad():
            return float(picture.distortion(picture.filtered(pixels, hidden)))

    there = pixels + 0.01 * (better - pixels)
    assert distortion(there) < distortion(pixels)


def test_each_trial_codes_what_the_last_one_led_to(model: ImageModel) -> None:
    without_correction(model)
    picture = picture_of(model)
    targets = picture.original + 20
    better, told, coded, steps = refined(picture, targets, some_decoded(model), trials=3)
    assert told == [1, 2, 3]
    off = [float((part - picture.original).mean()) for part in (*coded, better)]
    assert off == pytest.approx([20, 17.6, 15.91, 14.69], abs=0.05)
    assert steps == [(0, 3), (0, 3), (1, 3), (1, 3), (1, 3), (2, 3), (2, 3), (2, 3), (3, 3)]


def test_without_trials_nothing_is_refined(model: ImageModel) -> None:
    picture = picture_of(model)
    better, told, coded, steps = refined(picture, picture.original, some_decoded(model), trials=0)
    assert torch.equal(better, picture.original)
    assert (told, coded, steps) == ([], [], [])


def test_parts_are_refined_as_the_whole(model: ImageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, decoded = picture_of(model), some_decoded(model)
    targets = picture.original + 20
    whole, *_ = refined(picture, targets, decoded)
    monkeypatch.setattr(parts, "_PART_PIXELS", 1)
    monkeypatch.setattr(parts, "_PART_SIDE", 96)
    assert len(parts.parts_of(HEIGHT, WIDTH)) == 6
    better, *_ = refined(picture, targets, decoded)
    # half precision makes a little of what lies beyond the margins
    apart = (better - whole).abs()
    assert float(apart.mean()) < 0.01
    assert float((apart > 0.5).double().mean()) < 1e-3


def test_structure_is_refined_too(model: ImageModel) -> None:
    picture, decoded = picture_of(model, structure=0.6), some_decoded(model)
    better, *_ = refined(picture, picture.original, decoded)
    plain, *_ = refined(picture_of(model), picture.original, decoded)
    assert torch.isfinite(better).all()
    assert not torch.equal(better, plain)
