"""Noise scales finer than networks know: they go on as at the finest, and pictures are exact."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded
from tiny_presets import audio_model, image_model
from torch import Tensor

from combiner_core import Budget, EncodeOptions, PresetLibrary, Signal, bitstream, decode, load
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.field import field_of
from combiner_core.multires.image.level_network import MAX_LOG_VARIANCE, MIN_LOG_VARIANCE
from combiner_core.multires.image.manner import ImageSetting
from combiner_core.multires.model import Model
from combiner_core.multires.noise_scale import MIN_INDEX, NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.presets import DEFAULT_DIRECTORY
from combiner_core.signals import AudioShape, ImageShape, Shape

EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
# twice as fine as networks know, of pictures and of clips
HALF_KNOWN = {"image": -512, "audio": 0}


def predictions(model: Model, shape: Shape, index: int, gain: int) -> list[tuple[Tensor, Tensor]]:
    """Of random weights times a gain, means and log-variances of all groups."""
    field = field_of(model, shape, torch.device("cpu"))
    generator = torch.Generator().manual_seed(3)
    found = []

    def answer(prior: GroupPrior) -> Tensor:
        found.append((prior.mean, prior.log_variance))
        loudness = torch.exp2(9 * torch.rand(prior.mean.shape, generator=generator))
        normal = torch.randn(prior.mean.shape, generator=generator)
        return gain * (loudness * normal).int() * prior.group.coded

    follow(field.coding_order(NoiseScale(index, field.unit)), answer)
    return found


@pytest.mark.parametrize("shape", [ImageShape(41, 30), AudioShape(900, 2, 8000)], ids=str)
def test_what_is_foretold_does_not_depend_on_a_scale_too_fine(shape: Shape) -> None:
    model = image_model() if shape.kind == "image" else audio_model()
    index = HALF_KNOWN[shape.kind]
    with torch.no_grad():
        known = predictions(model, shape, index + 256, 1)
        fine = predictions(model, shape, index, 2)
    # the first group of a picture is foretold by no network
    for (mean, log_variance), (fine_mean, fine_log_variance) in zip(
        known[1:], fine[1:], strict=True
    ):
        # means are rounded to 1/16 or half as much, and so are the low-pass pictures they come from
        assert (fine_mean / 2 - mean).abs().max() <= 0.3
        inside = (log_variance > MIN_LOG_VARIANCE) & (log_variance < 18)
        off = (fine_log_variance - log_variance - 2)[inside].abs()
        assert off.numel() == 0 or off.max() <= 0.5
        assert fine_log_variance.max() <= MAX_LOG_VARIANCE
    assert any(bool((mean != 0).any()) for mean, _ in known[1:])


@pytest.fixture(scope="module")
def library() -> PresetLibrary:
    return PresetLibrary(DEFAULT_DIRECTORY)


@pytest.fixture(scope="module")
def photograph() -> Signal:
    return Signal.image(load(EXAMPLES / "osprey.png").values[200:264, 300:396])


@pytest.mark.parametrize(
    ("effort", "bits_a_pixel"), [("fast", (3, 5, 8, 12, 24)), ("balanced", (8, 24))]
)
def test_more_bytes_are_better_until_a_photograph_is_exact(
    effort: str, bits_a_pixel: tuple[int, ...], library: PresetLibrary, photograph: Signal
) -> None:
    options = EncodeOptions("multires", effort, device="cpu")  # type: ignore[arg-type]
    budgets = [bits * photograph.pixels // 8 for bits in bits_a_pixel]
    results = [encoded(photograph, Budget(each), library, options) for each in budgets]
    found_db = [result.psnr_db for result in results]
    assert all(more > less + 1 for less, more in pairwise(found_db))
    assert found_db[-1] == math.inf
    # no longer than what it takes
    exact = results[-1].data
    assert len(exact) < 0.8 * budgets[-1]
    np.testing.assert_array_equal(decode(exact, models=library).values, photograph.values)
    parameters = Parameters.from_bytes(bitstream.read(exact).header.parameters)
    assert parameters.noise_index == MIN_INDEX
    assert parameters.setting == ImageSetting.NO_POSTFILTER


def test_a_deep_picture_is_nearer_than_eight_bits(library: PresetLibrary) -> None:
    y, x = np.mgrid[0:40, 0:56]
    values = np.stack([x * 301 + y * 77, y * 500 + x, x * y * 9.1], -1) * 1.7 + 3000
    signal = Signal.image(values.round().astype(np.uint16))
    options = EncodeOptions("multires", "fast", device="cpu")
    assert encoded(signal, Budget(20_000), library, options).psnr_db > 65
