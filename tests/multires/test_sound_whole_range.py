"""Quiet clips are as good as loud ones, and the ends of a clip as good as its middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded
from numpy.typing import NDArray
from signal_files import tone

from combiner_core import Budget, EncodeOptions, PresetLibrary, Signal, bitstream, decode, load
from combiner_core.multires.audio.ends import extended
from combiner_core.presets import DEFAULT_DIRECTORY

OPTIONS = EncodeOptions("multires", effort="fast", device="cpu")
TUNES = pytest.mark.parametrize("tune", ["psnr", "perceptual"])
EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
RATE, HOP = 16_000, 384
# what errors at the ends may be more than in between
MORE_DB = 6.0


@pytest.fixture(scope="module")
def shipped() -> PresetLibrary:
    return PresetLibrary(DEFAULT_DIRECTORY)


def level_db(values: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.square(values, dtype=np.float64).mean() + 1e-30))


def snr_db(original: Signal, decoded: Signal) -> float:
    return level_db(original.values) - level_db(original.values - decoded.values)


@TUNES
@pytest.mark.parametrize("channels", [1, 2])
def test_a_quiet_clip_has_the_payload_of_a_loud_one(
    tune: str, channels: int, multires_presets: Path
) -> None:
    library = PresetLibrary(multires_presets)
    samples = tone(6000, 8000, channels)
    samples *= 0.24 / np.abs(samples).max()
    options = replace(OPTIONS, tune=tune)  # type: ignore[arg-type]
    loud, *others = (
        encoded(Signal.audio(samples * 2.0**-octaves, 8000), Budget(600), library, options)
        for octaves in (0, 1, 7, 16)
    )
    payload = bitstream.read(loud.data).payload
    for octaves, quiet in zip((1, 7, 16), others, strict=True):
        gain = 2.0**-octaves
        if octaves < 16:
            assert bitstream.read(quiet.data).payload == payload
            again = decode(quiet.data, models=library, device="cpu").values
            np.testing.assert_array_equal(again, loud.reconstruction.values * np.float32(gain))
        # further than gains go there are finer noise scales
        ratio = snr_db(Signal.audio(samples * gain, 8000), quiet.reconstruction)
        assert ratio > snr_db(Signal.audio(samples, 8000), loud.reconstruction) - 1


@TUNES
@pytest.mark.parametrize("peak", [3, 40])
def test_speech_of_a_few_steps_is_not_lost_in_noise(
    tune: str, peak: int, shipped: PresetLibrary
) -> None:
    speech = load(EXAMPLES / "reader-163.flac").values[:1, RATE : 2 * RATE]
    steps = np.round(speech / np.abs(speech).max() * peak)
    clip = Signal.audio((steps / 32768).astype(np.float32), RATE)
    options = replace(OPTIONS, tune=tune)  # type: ignore[arg-type]
    found = [
        snr_db(clip, encoded(clip, Budget(each), shipped, options).reconstruction)
        for each in (800, 3000)
    ]
    assert 3 < found[0] < found[1]


@TUNES
@pytest.mark.parametrize("name", ["chord", "noise", "loud ends"])
def test_errors_at_the_ends_are_like_those_in_between(
    name: str, tune: str, shipped: PresetLibrary
) -> None:
    time = np.arange(RATE) / RATE
    if name == "noise":
        samples = np.random.default_rng(0).normal(0, 0.1, RATE)
    else:
        samples = sum(0.15 * np.sin(2 * np.pi * hertz * time + 0.3) for hertz in (220, 277, 330))
    if name == "loud ends":
        samples[3 * HOP : -3 * HOP] /= 4
    clip = Signal.audio(np.float32(samples)[None], RATE)
    options = replace(OPTIONS, tune=tune)  # type: ignore[arg-type]
    result = encoded(clip, Budget(RATE // 16), shipped, options)
    errors = (clip.values - result.reconstruction.values)[0]
    between_db = level_db(errors[HOP:-HOP])
    assert level_db(errors[:HOP]) < between_db + MORE_DB
    assert level_db(errors[-HOP:]) < between_db + MORE_DB


def test_a_sound_goes_on_beyond_the_ends() -> None:
    time = np.arange(-HOP, 4 * HOP + 100) / RATE
    whole = 0.3 * np.sin(2 * np.pi * 440 * time) + 0.2 * np.cos(2 * np.pi * 1234 * time)
    samples = torch.from_numpy(np.float32(whole))[None]
    found = extended(samples[:, HOP:-100], HOP, 100, HOP)
    assert found.shape == samples.shape
    assert torch.equal(found[:, HOP:-100], samples[:, HOP:-100])
    assert (found - samples).abs().max() < 0.05


@pytest.mark.parametrize("count", [1, 2, 3, 40, 5000])
def test_whatever_is_continued_stays_as_loud_as_it_is(count: int) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (1, count))
    silence, click = np.zeros((1, count)), np.zeros((1, count))
    click[0, 0] = 0.9
    clip = torch.from_numpy(np.float32(np.concatenate([silence, noise, click, silence + 0.5])))
    found = extended(clip, HOP, 77, HOP)
    assert torch.isfinite(found).all()
    assert (found.abs().amax(1) <= clip.abs().amax(1) + 1e-6).all()
    assert not found[0].any()
