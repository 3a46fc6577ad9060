"""Of grey pictures no chroma is coded: it has no weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded
from signal_files import picture
from tiny_presets import image_model
from torch import Tensor

from combiner_core import (
    Budget,
    EncodeOptions,
    PresetLibrary,
    Signal,
    belief,
    bitstream,
    decode,
    uncertainty,
)
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.level_network import is_of_chroma
from combiner_core.multires.image.manner import ImageSetting
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.signals import ImageShape

OPTIONS = EncodeOptions("multires", effort="fast", device="cpu")
LEVELS = 7


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


def grey(height: int = 37, width: int = 52) -> Signal:
    return Signal.image(picture(height, width)[..., :1].repeat(3, axis=2))


def setting_of(data: bytes) -> ImageSetting:
    return ImageSetting(Parameters.from_bytes(bitstream.read(data).header.parameters).setting)


@torch.no_grad()
def test_no_weight_of_chroma_is_coded() -> None:
    signal = grey()
    shape = ImageShape(signal.width, signal.height)
    field = ImageField(image_model(), shape, torch.device("cpu")).suited(signal, 1000)
    counts = {"luma": 0, "chroma": 0}

    def answer(prior: GroupPrior) -> Tensor:
        group = prior.group
        if group.level > LEVELS:
            counts["luma"] += int(group.coded[0].sum())
            counts["chroma"] += int(group.coded[1:].sum())
        else:
            kind = "chroma" if is_of_chroma(group.channels) else "luma"
            counts[kind] += int(group.coded.sum())
        return torch.zeros_like(prior.mean, dtype=torch.int32)

    follow(field.coding_order(NoiseScale(1000)), answer)
    # as many as there are pixels, and few more in the coarsest low-pass array
    assert signal.pixels <= counts["luma"] < signal.pixels + 10
    assert counts["chroma"] == 0


@pytest.mark.parametrize("effort", ["fast", "balanced"])
@pytest.mark.parametrize("tune", ["psnr", "perceptual"])
def test_grey_stays_grey_without_bits_for_it(
    effort: str, tune: str, library: PresetLibrary
) -> None:
    options = replace(OPTIONS, effort=effort, tune=tune)  # type: ignore[arg-type]
    signal = grey()
    result = encoded(signal, Budget(700), library, options)
    assert ImageSetting.NO_CHROMA in setting_of(result.data)
    for detail in (0.0, 1.0):
        again = decode(result.data, models=library, device="cpu", detail=detail)
        assert np.ptp(again.values, axis=2).max() == 0
    believed = belief(result.data, models=library, device="cpu")
    assert np.ptp(believed.sample.values, axis=2).max() == 0
    bars = uncertainty(result.data, models=library, device="cpu")
    assert bars.shape == (37, 52)
    assert np.isfinite(bars).all()
    cut = decode(result.data, models=library, device="cpu", fraction=0.6)
    assert np.ptp(cut.values, axis=2).max() == 0


def test_one_coloured_pixel_has_chroma(library: PresetLibrary) -> None:
    pixels = grey().values.copy()
    pixels[5, 6, 0] ^= 128
    result = encoded(Signal.image(pixels), Budget(700), library, OPTIONS)
    assert ImageSetting.NO_CHROMA not in setting_of(result.data)
