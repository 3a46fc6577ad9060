"""Clips of tune perceptual: noise that follows the sound, and noise for what is left out."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded, set_effort
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_files import tone
from tiny_presets import audio_model, received_weights

from combiner_core import (
    BitstreamError,
    Budget,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    decode,
    inspect,
)
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.audio import filling
from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.audio.manner import (
    MAX_FILLING,
    MAX_MESSAGE_BYTES,
    MAX_SHAPING,
    AudioManner,
)
from combiner_core.multires.audio.shaping import noise_steps, weigh
from combiner_core.multires.audio.treatment import Treatment
from combiner_core.multires.audio.tuning import SPEECH_TUNING, WIDE_TUNING, manner_for
from combiner_core.multires.codec import MultiresEffort
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.field import received_field
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.signals import AudioShape

OPTIONS = EncodeOptions("multires", effort="fast", device="cpu", tune="perceptual")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(states=8, latent_steps=0))


def noisy(samples: int = 8000, channels: int = 1) -> Signal:
    """A tone that grows, and noise."""
    values = tone(samples, 8000, channels) * np.linspace(0.05, 1, samples)
    values += np.random.default_rng(0).normal(0, 0.02, values.shape)
    return Signal.audio(values.astype(np.float32), 8000)


@pytest.mark.parametrize(
    ("samples", "channels", "file_bytes"), [(8000, 1, 700), (3001, 2, 300), (40, 1, 70)]
)
def test_a_perceptual_clip_keeps_its_budget_and_decodes_alike(
    samples: int, channels: int, file_bytes: int, library: PresetLibrary
) -> None:
    signal = noisy(samples, channels)
    result = encoded(signal, Budget(file_bytes), library, OPTIONS)
    assert 0.85 * file_bytes - 8 <= len(result.data) <= file_bytes
    assert inspect(result.data, library).intent.tune == "perceptual"
    decoded = decode(result.data, device="cpu", models=library)
    assert np.array_equal(decoded.values, result.reconstruction.values)
    for fraction in (0.01, 0.1, 0.6):
        part = decode(result.data, fraction=fraction, device="cpu", models=library)
        assert np.isfinite(part.values).all()
        assert part.values.shape == signal.values.shape


def test_weights_are_the_same_with_other_threads(library: PresetLibrary) -> None:
    data = encoded(noisy(3001, 2), Budget(500), library, OPTIONS).data
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = received_weights(data, library)
        torch.set_num_threads(2)
        assert np.array_equal(received_weights(data, library), expected)
    finally:
        torch.set_num_threads(before)
    assert expected.any()


def test_shaping_follows_the_energy_that_is_expected() -> None:
    # of means 0, 1 and 16 with variances of 1, at s = 2^-7
    mean = torch.tensor([0.0, 1.0, 16.0])[:, None, None].expand(1, 3, 4, 5)
    index, gamma = 8 * 256, 0.5
    steps = noise_steps(mean, torch.zeros(mean.shape), index, int(64 * gamma))
    energy = 2.0**-14 * (mean.double() ** 2 + 1)
    expected = 4 * (gamma / 2) * torch.log2(energy / 0.01**2)
    assert float((steps - expected).abs().max()) <= 0.6
    assert not noise_steps(mean, torch.zeros(mean.shape), index, 0).any()


@pytest.mark.parametrize(
    ("rate_bits", "speech", "filling"),
    [(0.3, 34, 6), (1.0, 34, 7), (1.25, 32, 7), (1.5, 30, 7), (9.0, 30, 7)],
)
def test_the_more_bits_the_less_speech_is_shaped(
    rate_bits: float, speech: int, filling: int
) -> None:
    manner = manner_for(SPEECH_TUNING, rate_bits, False, 0, 0)
    assert (manner.shaping, manner.filling) == (speech, filling)
    assert manner_for(WIDE_TUNING, rate_bits, False, 0, 0).shaping == 44


def test_networks_are_trained_with_the_shaping_of_coders() -> None:
    generator = torch.Generator().manual_seed(2)
    mean = torch.randint(-64, 65, (2, 3, 6, 8), generator=generator) / 16
    log_variance = torch.randint(-64, 161, mean.shape, generator=generator) / 8
    noise, gamma = NoiseScale(9 * 256, 2.0**-15), 0.75
    steps = noise_steps(mean, log_variance, noise.index, int(64 * gamma))
    real = weigh(mean, log_variance, torch.full((2,), noise.value), torch.tensor([gamma, 0.0]))
    # steps are of a quarter of an octave
    assert float((4 * torch.log2(real[0]) - steps[0]).abs().max()) <= 0.7
    assert torch.equal(real[1], torch.ones(mean.shape[1:]))


def test_shaping_is_smooth_in_time_and_frequency() -> None:
    log_variance = torch.full((1, 1, 5, 7), -8.0)
    log_variance[0, 0, 2, 3] = 16
    steps = noise_steps(torch.zeros(1, 1, 5, 7), log_variance, 900, 64)[0, 0].int()
    around = steps[1:4, 2:5]
    assert int(around.min()) > int(steps[0].max())
    # a quarter of the energy at the corners is an octave of the noise scale: four steps
    assert int(around[1, 1] - around[0, 0]) == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(MIN_INDEX, MAX_INDEX), st.integers(0, MAX_SHAPING), st.integers(0, 1 << 32))
def test_steps_of_any_prior_are_what_coders_take(index: int, shaping: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    size = (2, 2, 3, 4)
    mean = torch.randint(-2048, 2049, size, generator=generator) / 16
    log_variance = torch.randint(-64, 161, size, generator=generator) / 8
    steps = noise_steps(mean, log_variance, index, shaping)
    assert steps.dtype == torch.int8
    assert int(steps.abs().max()) <= 20


def test_what_is_not_coded_gets_noise_as_strong_as_it_was() -> None:
    model = audio_model()
    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.normal(0, 0.002, (1, 64 * 90)).astype(np.float32))
    shape = AudioShape(values.shape[1], 1, 8000)
    field = AudioField(model, shape, CPU, Treatment(AudioManner(0, 16)))
    noise = NoiseScale(2300, field.unit)
    coded, deviation = follow(field.coding_order(noise), nothing)
    decoded = 0 * coded, deviation
    parameters = Parameters(4, noise.index, "perceptual", field.manner.to_bytes())
    loud, quiet = (
        field.received(replace(parameters, side_bytes=len(side)), side).render(decoded, noise)
        for side in (
            field.side(missing, lambda: decoded, noise, 10**6) for missing in (values, 0 * values)
        )
    )
    assert 0.7 < loud.values.std() / values.numpy().std() < 1.4
    assert np.abs(quiet.values).max() < 1e-2 * loud.values.std()


def test_levels_keep_to_the_bytes_they_are_given() -> None:
    levels = np.random.default_rng(2).integers(-9, 10, (40, 6)).astype(np.int8)
    lengths = [len(filling.to_bytes(levels, most)) for most in (0, 10, 30, 60, 10**6)]
    assert all(length <= most for length, most in zip(lengths, (0, 10, 30, 60, 10**6), strict=True))
    assert lengths == sorted(lengths)
    assert np.array_equal(filling.from_bytes(filling.to_bytes(levels, 10**6), (40, 6)), levels)


@pytest.mark.parametrize("kept", range(0, 30, 3))
def test_levels_cut_short_are_levels(kept: int) -> None:
    levels = np.full((40, 6), 15, np.int8)
    levels[::3] = -15
    message = filling.to_bytes(levels, 10**6)
    some = filling.from_bytes(message[:kept], levels.shape, is_cut=True)
    assert int(np.abs(some.astype(int)).max(initial=0)) <= 15


def test_a_silent_channel_and_a_silent_stretch_stay_silent() -> None:
    values = tone(12_000, 16_000, 2)
    values[1] = 0
    values[:, 6000:] = 0
    clip = Signal.audio(values, 16_000)
    data = encoded(clip, Budget(16, "kbps"), PresetLibrary(), OPTIONS).data
    decoded = decode(data, device="cpu").values
    assert np.abs(decoded[0, :6000]).max() > 0.1
    assert np.abs(decoded[1]).max() < 5e-4
    assert np.abs(decoded[0, 7000:]).max() < 2e-3


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=8), st.integers(0, 200), st.binary(max_size=60))
def test_any_manner_and_message_is_refused_or_gives_sound(
    manner: bytes, side_bytes: int, payload: bytes
) -> None:
    shape = AudioShape(700, 2, 8000)
    with suppress(BitstreamError):
        parameters = Parameters(4, 1800, "perceptual", manner, side_bytes)
        assert Parameters.from_bytes(parameters.to_bytes()) == parameters
        field = received_field(audio_model(), shape, CPU, parameters, payload[:side_bytes])
        noise = NoiseScale(1800, field.unit)
        decoded = follow(field.coding_order(noise), nothing)
        assert np.isfinite(field.render(decoded, noise).values).all()


def nothing(prior: GroupPrior) -> torch.Tensor:
    """All weights at their means."""
    return prior.answer(prior.integers().default)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, MAX_SHAPING),
    st.integers(0, MAX_FILLING),
    st.booleans(),
    st.integers(0, MAX_MESSAGE_BYTES),
    st.integers(0, MAX_MESSAGE_BYTES),
)
def test_manners_come_back(
    shaping: int, strength: int, apart: bool, gain_bytes: int, window_bytes: int
) -> None:
    manner = AudioManner(shaping, strength, strength // 3, apart, gain_bytes, window_bytes)
    assert len(manner.to_bytes()) == AudioManner.BYTES
    assert AudioManner.from_bytes(manner.to_bytes()) == manner


@pytest.mark.parametrize(
    "content",
    [
        b"\x41" + bytes(7),
        b"\0\x21" + bytes(6),
        b"\0\2\3" + bytes(5),
        b"\0\0\0\2" + bytes(4),
        bytes(6),
    ],
)
def test_manners_that_no_encoder_writes_are_refused(content: bytes) -> None:
    with pytest.raises(BitstreamError, match="manner"):
        AudioManner.from_bytes(content)


def test_levels_without_a_filling_are_refused(library: PresetLibrary) -> None:
    result = encoded(noisy(), Budget(700), library, OPTIONS)
    container = bitstream.read(result.data)
    old = Parameters.from_bytes(container.header.parameters)
    assert old.side_bytes
    plain = replace(old, manner=AudioManner(3).to_bytes()).to_bytes()
    header = replace(container.header, parameters=plain)
    with pytest.raises(BitstreamError, match="parameters"):
        decode(bitstream.write(header, container.payload), models=library)
