"""Frames that are divided: an orthonormal basis, chosen where something sets in, told exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from encoding import encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from signal_files import strokes

from combiner_core import Budget, EncodeOptions, PresetLibrary, Signal, bitstream, decode
from combiner_core.errors import BitstreamError
from combiner_core.multires.audio import field as audio_field
from combiner_core.multires.audio import windows
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.audio.mdct import (
    PARTS,
    analyse_extended,
    frame_count,
    synthesise,
)
from combiner_core.multires.parameters import Parameters

RATE, HOP = 16_000, 384
OPTIONS = EncodeOptions("multires", effort="fast", device="cpu")
BANDS = ((0, 16), (16, 32), (32, 64), (64, 96))


def padded(samples: torch.Tensor, hop: int) -> torch.Tensor:
    count = frame_count(samples.shape[1], hop)
    return torch.nn.functional.pad(samples, (hop, count * hop - samples.shape[1]))


def told(data: bytes) -> AudioManner:
    return AudioManner.from_bytes(
        Parameters.from_bytes(bitstream.read(data).header.parameters).manner
    )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([16, 48, 96]), st.integers(1, 40), st.integers(0, 2**20))
def test_any_frames_divided_the_basis_is_orthonormal(hop: int, hops: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = torch.from_numpy(rng.normal(0, 1, (2, hops * hop - 5)).astype(np.float32))
    divided = torch.from_numpy(rng.random(frame_count(samples.shape[1], hop)) < 0.4)
    weights = analyse_extended(padded(samples, hop), hop, divided)
    again = synthesise(weights, samples.shape[1], divided=divided)
    assert torch.allclose(again, samples, atol=1e-5)
    energy = float(samples.square().sum())
    assert float(weights.square().sum()) == pytest.approx(energy, rel=1e-4)


def test_a_divided_frame_has_a_short_reach() -> None:
    hop, frames, frame = 64, 9, 4
    divided = torch.arange(frames) == frame
    weights = torch.zeros(1, frames, hop)
    # cosine 3 of the short frame 5
    weights[0, frame, PARTS * 3 + 5] = 1
    wave = synthesise(weights, (frames - 1) * hop, divided=divided)[0]
    width = hop // PARTS
    first = (frame - 1) * hop + (hop - width) // 2 + 5 * width
    outside = torch.cat([wave[:first], wave[first + 2 * width :]])
    assert not outside.any()
    assert float(wave.square().sum()) == pytest.approx(1, rel=1e-5)


def test_a_finer_grid_is_the_same_function() -> None:
    hop, frames = 32, 12
    rng = np.random.default_rng(1)
    weights = torch.from_numpy(rng.normal(0, 1, (1, frames, hop)).astype(np.float32))
    divided = torch.from_numpy(rng.random(frames) < 0.5)
    usual = synthesise(weights, (frames - 1) * hop, divided=divided)
    finer = synthesise(weights, (frames - 1) * hop, 3, divided)
    # points of the usual grid lie in the middle of three
    assert torch.allclose(finer[:, 1::3], usual, atol=1e-4)


def test_orders_are_inverses_and_leave_whole_frames() -> None:
    weights = torch.arange(2 * 5 * 96).reshape(2, 5, 96).float()
    divided = torch.tensor([False, True, False, True, True])
    seen = windows.by_moment(weights, divided, BANDS)
    assert torch.equal(seen[:, ~divided], weights[:, ~divided])
    # of the octave from bin 32 on: four cosines of the first short frame, then of the second
    expected = torch.tensor([32, 40, 48, 56, 33, 41, 49, 57])
    assert torch.equal(seen[0, 1, 32:40] - 96, expected.float())
    assert torch.equal(windows.by_frequency(seen, divided, BANDS), weights)


def test_frames_are_divided_where_something_sets_in() -> None:
    samples = torch.from_numpy(strokes(RATE, RATE))
    divided = windows.chosen(padded(samples, HOP), HOP, 0.005)
    assert divided is not None
    assert len(divided) == frame_count(RATE, HOP)
    # frame t has its middle at sample t hop
    middles = torch.nonzero(divided).flatten() * HOP / RATE
    distance = (middles % 0.25 - 0.05).abs()
    assert 4 <= len(middles) <= 12
    assert (distance < 2 * HOP / RATE).all()


@pytest.mark.parametrize("hop", [HOP, 100])
def test_nothing_is_divided_where_it_does_not_pay(hop: int) -> None:
    time = torch.arange(RATE) / RATE
    samples = 0.3 * (torch.sin(2 * np.pi * 500 * time) * torch.hann_window(RATE))[None]
    assert windows.chosen(padded(samples, hop), hop, 0.005) is None
    assert windows.chosen(padded(0 * samples, hop), hop, 0.005) is None
    assert windows.to_bytes(None, 100) == b""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=90), st.integers(0, 99))
def test_messages_come_back_whole_or_in_part(values: list[bool], kept: int) -> None:
    divided = torch.tensor(values)
    message = windows.to_bytes(divided, 10**6)
    assert torch.equal(windows.from_bytes(message, len(values)), divided)
    assert windows.from_bytes(message[:kept], len(values), is_cut=True).shape == divided.shape
    assert windows.to_bytes(divided, len(message) - 1) == b""


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(1, 60))
def test_any_message_is_refused_or_windows(message: bytes, count: int) -> None:
    try:
        divided = windows.from_bytes(message, count)
    except BitstreamError:
        return
    assert divided.shape == (count,)
    assert divided.dtype == torch.bool


@pytest.mark.parametrize("channels", [1, 2])
def test_files_with_divided_frames_come_back_and_are_better(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = Signal.audio(strokes(RATE, RATE, channels), RATE)
    budget = Budget(1500 * channels)

    def error(data: bytes) -> float:
        return float(np.square(decode(data, device="cpu").values - signal.values).mean())

    result = encoded(signal, budget, PresetLibrary(), OPTIONS)
    assert 0 < told(result.data).window_bytes < 20
    assert len(result.data) <= 1500 * channels
    found: NDArray[np.float32] = decode(result.data, device="cpu").values
    assert np.array_equal(found, result.reconstruction.values)
    for fraction in (0.003, 0.5):
        part = decode(result.data, fraction=fraction, device="cpu")
        assert part.values.shape == signal.values.shape
    monkeypatch.setattr(audio_field.windows, "chosen", lambda extended, hop, noise: None)
    without = encoded(signal, budget, PresetLibrary(), OPTIONS)
    assert told(without.data).window_bytes == 0
    assert error(result.data) < 0.8 * error(without.data)


def test_windows_that_no_encoder_writes_are_refused() -> None:
    signal = Signal.audio(strokes(RATE, RATE), RATE)
    container = bitstream.read(encoded(signal, Budget(1500), PresetLibrary(), OPTIONS).data)
    parameters = Parameters.from_bytes(container.header.parameters)
    manner = AudioManner.from_bytes(parameters.manner)
    longer = replace(manner, window_bytes=parameters.side_bytes + 1).to_bytes()
    header = replace(container.header, parameters=replace(parameters, manner=longer).to_bytes())
    with pytest.raises(BitstreamError, match="parameters"):
        decode(bitstream.write(header, container.payload), device="cpu")
