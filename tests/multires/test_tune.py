"""Files of tune perceptual and with importance maps: what they hold, and what they bring."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoding import encoded, image, set_effort
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_files import tone
from tiny_presets import IMAGE

from combiner_core import (
    BitstreamError,
    Budget,
    CombinerError,
    EncodeOptions,
    PresetLibrary,
    Signal,
    SignalError,
    belief,
    bitstream,
    decode,
    encode,
    inspect,
    uncertainty,
)
from combiner_core.importance import Importance
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresEffort
from combiner_core.multires.image.manner import ImageManner, in_blocks
from combiner_core.multires.image.noise_map import MAX_STEPS, NoiseMap
from combiner_core.multires.image.tuning import TUNINGS, manner_for
from combiner_core.multires.parameters import Parameters, parameters_bytes

OPTIONS = EncodeOptions("multires", effort="fast", device="cpu", tune="perceptual")
BUDGET = Budget(1500)


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=0))
    set_effort(monkeypatch, multires_codec, "balanced", MultiresEffort(states=8, latent_steps=3))


def busy_left() -> Signal:
    """A picture whose left half is noise on a ramp."""
    pixels = image(96, 128).values.copy()
    noise = np.random.default_rng(1).integers(-60, 60, (96, 64, 1))
    pixels[:, :64] = np.clip(pixels[:, :64] + noise, 0, 255)
    return Signal.image(pixels)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_a_perceptual_file_fills_its_budget_and_decodes_alike(
    effort: str, library: PresetLibrary
) -> None:
    result = encoded(busy_left(), BUDGET, library, replace(OPTIONS, effort=effort))
    assert 1400 <= len(result.data) <= 1500
    intent = inspect(result.data, library).intent
    assert intent.tune == "perceptual"
    assert intent.detail == pytest.approx(TUNINGS["perceptual"].detail, abs=1 / 255)
    decoded = decode(result.data, device="cpu", models=library)
    assert np.array_equal(decoded.values, result.reconstruction.values)
    parameters = Parameters.from_bytes(bitstream.read(result.data).header.parameters)
    assert 0 < parameters.side_bytes < 0.03 * 1500 + 1
    assert result.side_bits == 8 * parameters.side_bytes


def test_a_prefix_of_a_perceptual_file_decodes(library: PresetLibrary) -> None:
    data = encoded(busy_left(), BUDGET, library, OPTIONS).data
    whole = decode(data, device="cpu", models=library).values.astype(float)
    errors = [
        np.mean((decode(data, fraction=share, device="cpu", models=library).values - whole) ** 2)
        for share in (0.001, 0.3, 0.9)
    ]
    assert errors[0] > errors[1] > errors[2] > 0


def test_errors_go_where_much_goes_on(library: PresetLibrary) -> None:
    signal = busy_left()
    ratios = []
    for options in (replace(OPTIONS, tune="psnr"), OPTIONS):
        result = encoded(signal, BUDGET, library, options)
        squares = (result.reconstruction.values.astype(float) - signal.values) ** 2
        ratios.append(squares[:, :64].mean() / squares[:, 64:].mean())
    assert ratios[1] > 1.1 * ratios[0]


def test_bits_go_where_an_importance_map_is_white(library: PresetLibrary) -> None:
    signal = image(96, 128)
    mask = np.zeros((6, 8), np.uint8)
    mask[:, :4] = 255
    left = []
    for levels in (mask, 255 - mask):
        options = replace(OPTIONS, tune="psnr")
        result = encoded(signal, BUDGET, library, options, importance=Importance.of(levels))
        assert inspect(result.data, library).intent.tune == "psnr"
        decoded = decode(result.data, device="cpu", models=library)
        assert np.array_equal(decoded.values, result.reconstruction.values)
        squares = (decoded.values.astype(float) - signal.values) ** 2
        left.append(squares[:, :64].mean() / squares[:, 64:].mean())
    assert left[0] < 0.8 * left[1]


def test_mid_grey_changes_next_to_nothing() -> None:
    grey = Importance.of(np.full((3, 5, 3), 128, np.uint8))
    pixels = torch.zeros(3, 64, 64)
    found = manner_for(pixels, TUNINGS["psnr"], grey, 10_000)
    assert not found.noise_map.cells.any()


def test_a_clip_has_no_importance_map(library: PresetLibrary) -> None:
    clip = Signal.audio(tone(800, 8000, 1), 8000)
    wanted = Importance.of(np.zeros((2, 2), np.uint8))
    with pytest.raises(CombinerError, match="for images"):
        encode(clip, Budget(200), OPTIONS, library, importance=wanted)


def test_siren_knows_no_other_tune(tiny_presets: Path) -> None:
    options = replace(OPTIONS, model=IMAGE)
    with pytest.raises(CombinerError, match="tuned for PSNR"):
        encode(image(32, 32), Budget(200), options, PresetLibrary(tiny_presets))


def test_an_importance_map_is_a_picture() -> None:
    with pytest.raises(SignalError, match="importance map"):
        Importance.of(np.zeros((4, 4), np.float32))


@pytest.fixture(scope="module")
def rough_file(library: PresetLibrary) -> bytes:
    """Of a tune that suggests no detail, so coarse that most weights are not coded."""
    options = replace(OPTIONS, tune="psnr")
    with pytest.MonkeyPatch.context() as patch:
        set_effort(patch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=0))
        return encoded(busy_left(), Budget(900), library, options).data


def test_detail_is_the_same_each_time_and_as_strong_as_wanted(
    rough_file: bytes, library: PresetLibrary
) -> None:
    def decoded(**settings: Any) -> np.ndarray:
        return decode(rough_file, device="cpu", models=library, **settings).values.astype(float)

    plain = decoded()
    assert np.array_equal(plain, decoded(detail=0))
    some, all_ = decoded(detail=0.5) - plain, decoded(detail=1) - plain
    assert np.array_equal(all_, decoded(detail=1) - plain)
    assert 1.7 < all_.std() / some.std() < 2.3
    assert abs(all_.mean()) < 0.1 * all_.std()


def test_the_shipped_prior_knows_where_much_goes_on() -> None:
    """Grain belongs there, and errors are large there."""
    *_, result = encode(busy_left(), Budget(600), EncodeOptions(effort="fast", device="cpu"))
    plain, grain = (
        decode(result.data, detail=detail, device="cpu").values.astype(float) for detail in (0, 1)
    )
    bars = uncertainty(result.data, device="cpu")
    assert (grain - plain)[:, :64].std() > 1.8 * (grain - plain)[:, 64:].std()
    assert bars[:, :64].mean() > 1.3 * bars[:, 64:].mean()


def test_detail_is_for_the_picture_and_not_for_its_weights(
    rough_file: bytes, library: PresetLibrary
) -> None:
    larger = decode(rough_file, scale=2, detail=1, device="cpu", models=library)
    assert larger.values.shape == (192, 256, 3)
    with pytest.raises(CombinerError, match=r"detail 1\.5 is not between 0 and 1"):
        decode(rough_file, detail=1.5, models=library)


def test_error_bars_are_about_as_wide_as_errors_are_large(
    rough_file: bytes, library: PresetLibrary
) -> None:
    expected = uncertainty(rough_file, device="cpu", models=library)
    decoded = decode(rough_file, device="cpu", models=library).values
    squares = ((decoded.astype(float) - busy_left().values) ** 2).mean(2)
    assert expected.shape == squares.shape
    assert np.isfinite(expected).all()
    assert 0.4 < np.sqrt(np.square(expected).mean() / squares.mean()) < 2.5


def test_belief_is_mean_sample_and_deviations_at_once(
    rough_file: bytes, library: PresetLibrary
) -> None:
    found = belief(rough_file, device="cpu", models=library)
    for detail, picture in ((0, found.mean), (1, found.sample)):
        alone = decode(rough_file, detail=detail, device="cpu", models=library)
        assert np.array_equal(picture.values, alone.values)
    assert not np.array_equal(found.mean.values, found.sample.values)
    alone_deviations = uncertainty(rough_file, device="cpu", models=library)
    assert np.array_equal(found.deviations, alone_deviations)


def test_what_has_no_belief_is_said(library: PresetLibrary, tiny_presets: Path) -> None:
    papers, options = PresetLibrary(tiny_presets), EncodeOptions(effort="fast", device="cpu")
    blank = Signal.image(np.full((20, 30, 3), 77, np.uint8))
    found = belief(encoded(blank, Budget(500), library, options).data, models=library)
    for picture in (found.mean, found.sample):
        assert np.array_equal(picture.values, blank.values)
    assert np.array_equal(found.deviations, np.zeros((20, 30)))
    clip = encoded(Signal.audio(tone(), 16000), Budget(900), library, options)
    with pytest.raises(CombinerError, match="only pictures have"):
        belief(clip.data, device="cpu", models=library)
    with pytest.raises(CombinerError, match="one picture, and no more"):
        papers.choose("siren", image().shape, 4000).belief(None, b"", 0, "cpu")  # type: ignore[arg-type]


CELLS = st.integers(-MAX_STEPS, MAX_STEPS)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 2), CELLS)
@settings(max_examples=40, deadline=None)
def test_noise_maps_come_back(height: int, width: int, log_side: int, number: int) -> None:
    generator = np.random.default_rng(height * width)
    flat = NoiseMap.flat(height, width)
    cells = generator.integers(-MAX_STEPS, MAX_STEPS + 1, flat.cells.shape).astype(np.int8)
    sent = NoiseMap(in_blocks(cells, log_side), number, -number, number)
    manner = ImageManner(sent, 0.2)
    got = ImageManner.from_bytes(manner.to_bytes(), manner.message, height, width)
    assert np.array_equal(got.noise_map.cells, sent.cells)
    numbers = (got.noise_map.finest, got.noise_map.second, got.noise_map.chroma)
    assert numbers == (number, -number, number)
    assert got.detail == pytest.approx(0.2)


@given(st.binary(min_size=0, max_size=12), st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_noise_map_is_read_or_refused(numbers: bytes, message: bytes) -> None:
    with suppress(BitstreamError):
        assert ImageManner.from_bytes(numbers, message, 50, 40).noise_map.cells.shape == (4, 3)


@given(st.binary(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_parameters_are_read_or_refused(content: bytes) -> None:
    with suppress(BitstreamError):
        assert Parameters.from_bytes(content).to_bytes() == content


@pytest.mark.parametrize("manner", [b"", b"abcd"])
def test_parameters_are_as_long_as_planned(manner: bytes) -> None:
    for tune in ("psnr", "perceptual"):
        content = Parameters(8, 1000, tune, manner, 5 * len(manner)).to_bytes()
        assert len(content) == parameters_bytes(tune, len(manner))
