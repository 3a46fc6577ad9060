"""Gain control: what sets in suddenly is not heard before it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from encoding import encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from combiner_core import (
    BitstreamError,
    Budget,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    decode,
    uncertainty,
)
from combiner_core.multires.audio import field as audio_field
from combiner_core.multires.audio import gain_control
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.audio.mdct import analyse, frame_means, synthesise
from combiner_core.multires.parameters import Parameters

HOP = 384
OPTIONS = EncodeOptions("multires", effort="fast", device="cpu", tune="perceptual")


def onset(samples: int = 16_000, at: int = 8000, quiet: float = 0.01) -> Signal:
    """A tone that is a hundred times as loud from one moment on."""
    values = steady(samples)
    values[:, :at] *= quiet
    return Signal.audio(values, 16_000)


def steady(samples: int, channels: int = 1) -> NDArray[np.float32]:
    """A tone."""
    times = np.arange(samples) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * 700 * times)
    return np.tile(wave.astype(np.float32), (channels, 1))


def file_gains(data: bytes) -> int:
    """Bytes of the gains of a file."""
    parameters = Parameters.from_bytes(bitstream.read(data).header.parameters)
    return AudioManner.from_bytes(parameters.manner).gain_bytes


def test_gains_lift_what_is_quiet_beside_what_is_loud() -> None:
    samples = torch.from_numpy(onset().values)
    gains = gain_control.gains_of(samples, HOP)
    assert len(gains) == gain_control.gain_count(16_000, HOP)
    middle = 8000 * gain_control.GAINS_PER_HOP // HOP
    assert (gains[middle - 2 : middle] >= 4).all()
    assert not gains[: middle - 4].any()
    assert not gains[middle + 1 : -gain_control.GAINS_PER_HOP].any()


def test_ends_are_lifted_where_they_are_louder_than_the_clip() -> None:
    samples = torch.from_numpy(onset().values)
    end = slice(-gain_control.GAINS_PER_HOP, None)
    # half of the clip is loud: 3 dB above its mean
    gains = gain_control.gains_of(samples, HOP)
    assert gains[end].tolist() == [1, 1]
    assert not gains[: gain_control.GAINS_PER_HOP].any()
    backwards = gain_control.gains_of(samples.flip(1), HOP)
    assert (backwards[: gain_control.GAINS_PER_HOP] > 0).all()
    assert not backwards[end].any()


def test_even_clips_and_silence_have_no_gains() -> None:
    even = torch.from_numpy(steady(16_000, 2))
    for samples in (even, 0 * even):
        gains = gain_control.gains_of(samples, HOP)
        assert not gains.any()
        assert gain_control.to_bytes(gains, 10**6) == b""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, gain_control.MAX_GAIN), min_size=1, max_size=90), st.integers(0, 99))
def test_messages_come_back_whole_or_in_part(values: list[int], kept: int) -> None:
    gains = np.array(values, np.int8)
    message = gain_control.to_bytes(gains, 10**6)
    assert np.array_equal(gain_control.from_bytes(message, len(gains)), gains)
    part = gain_control.from_bytes(message[:kept], len(gains), is_cut=True)
    assert part.shape == gains.shape
    assert 0 <= part.min() <= part.max() <= gain_control.MAX_GAIN
    longest = len(message) - 1
    assert len(gain_control.to_bytes(gains, max(longest, 0))) <= max(longest, 0)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(1, 60))
def test_any_message_is_refused_or_gains(message: bytes, count: int) -> None:
    try:
        gains = gain_control.from_bytes(message, count)
    except BitstreamError:
        return
    assert gains.shape == (count,)
    assert 0 <= gains.min() <= gains.max() <= gain_control.MAX_GAIN


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_the_curve_has_the_gains_in_the_middle_of_half_hops(scale: int) -> None:
    gains = np.array([0, 2, 6, 0], np.int8)
    # of an odd number of points for a half hop, so that one of them lies in its middle
    hop = 2 * 9
    curve = gain_control.curve(gains, hop * scale, 4 * 9 * scale)
    middles = [(2 * number + 1) * 9 * scale // 2 for number in range(4)]
    if scale % 2:
        assert torch.allclose(curve[middles], torch.tensor([1.0, 2.0, 8.0, 1.0]))
    assert float(curve.min()) >= 1
    assert float(curve.max()) <= 8


def test_means_of_frames_are_what_is_left_of_errors() -> None:
    rng = np.random.default_rng(0)
    hop, samples = 32, 32 * 200
    shares = torch.from_numpy(np.exp2(-2 * rng.random(samples)).astype(np.float32))
    frame = 77
    errors = torch.zeros(1, samples // hop + 1, hop)
    errors[0, frame] = torch.from_numpy(rng.normal(0, 1, hop).astype(np.float32))
    found = synthesise(errors, samples)[0]
    left = float((found.square() * shares).sum() / errors.square().sum())
    assert left == pytest.approx(float(frame_means(shares, hop)[frame]), rel=0.25)
    assert torch.allclose(frame_means(torch.ones(samples), hop), torch.ones(samples // hop + 1))
    assert analyse(found[None], hop).shape == errors.shape


def test_what_sets_in_is_not_heard_before(monkeypatch: pytest.MonkeyPatch) -> None:
    signal, budget = onset(), Budget(16, "kbps")

    def error_before(data: bytes) -> float:
        # of the hop before the tone becomes loud, which its atoms reach
        error = decode(data, device="cpu").values - signal.values
        return float(np.square(error[:, 8000 - HOP : 8000 - HOP // 4]).mean())

    with_gains = encoded(signal, budget, PresetLibrary(), OPTIONS)
    assert 0 < file_gains(with_gains.data) < 30
    assert np.array_equal(
        decode(with_gains.data, device="cpu").values, with_gains.reconstruction.values
    )
    monkeypatch.setattr(
        audio_field.gain_control, "gains_of", lambda samples, hop: np.zeros(84, np.int8)
    )
    without = encoded(signal, budget, PresetLibrary(), OPTIONS)
    assert file_gains(without.data) == 0
    assert error_before(with_gains.data) < 0.5 * error_before(without.data)
    bars = [uncertainty(each.data, device="cpu") for each in (with_gains, without)]
    frame = 8000 // HOP
    assert bars[0][0, frame - 1].sum() < bars[1][0, frame - 1].sum()


def test_gains_that_no_encoder_writes_are_refused() -> None:
    result = encoded(onset(), Budget(16, "kbps"), PresetLibrary(), OPTIONS)
    container = bitstream.read(result.data)
    parameters = Parameters.from_bytes(container.header.parameters)
    manner = AudioManner.from_bytes(parameters.manner)
    longer = replace(manner, gain_bytes=parameters.side_bytes + 1).to_bytes()
    header = replace(container.header, parameters=replace(parameters, manner=longer).to_bytes())
    with pytest.raises(BitstreamError, match="parameters"):
        decode(bitstream.write(header, container.payload), device="cpu")
