"""Signals: their own rules, files of either kind or of none, saving, resampling."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from signal_files import audio_bytes, image_bytes, picture, refusal, tone

from combiner_core.errors import SignalError
from combiner_core.signals import (
    Signal,
    load,
    load_audio,
    load_image,
    resample,
    save,
    to_mono,
    write_atomically,
)
from combiner_core.signals.audio import read_audio
from combiner_core.signals.images import read_image


def test_signal_of_image_has_sizes() -> None:
    signal = Signal.image(picture(24, 40))
    assert (signal.kind, signal.sample_rate) == ("image", None)
    assert (signal.height, signal.width, signal.pixels) == (24, 40, 960)
    with pytest.raises(AttributeError):
        _ = signal.samples


def test_signal_of_audio_has_sizes() -> None:
    signal = Signal.audio(tone(8000, 16000, 2), 16000)
    assert (signal.kind, signal.sample_rate) == ("audio", 16000)
    assert (signal.channels, signal.samples, signal.duration_s) == (2, 8000, 0.5)
    with pytest.raises(AttributeError):
        _ = signal.width


def test_audio_of_one_dimension_is_mono_and_overshoot_is_clipped() -> None:
    signal = Signal.audio(np.array([0.5, -1.25, 3.0]), 8000)
    assert signal.values.dtype == np.float32
    np.testing.assert_array_equal(signal.values, [[0.5, -1.0, 1.0]])


@pytest.mark.parametrize(
    ("values", "kind", "rate"),
    [
        (np.zeros((4, 4, 3)), "image", None),
        (np.zeros((4, 4), np.uint8), "image", None),
        (np.zeros((4, 4, 4), np.uint8), "image", None),
        (np.zeros((0, 4, 3), np.uint8), "image", None),
        (np.zeros((4, 4, 3), np.uint8), "image", 16000),
        (np.zeros((4, 4, 3), np.uint8), "video", None),
        (np.zeros((1, 9)), "audio", 16000),
        (np.zeros(9, np.float32), "audio", 16000),
        (np.zeros((1, 0), np.float32), "audio", 16000),
        (np.full((1, 9), 1.5, np.float32), "audio", 16000),
        (np.full((1, 9), np.nan, np.float32), "audio", 16000),
        (np.zeros((1, 9), np.float32), "audio", None),
        (np.zeros((1, 9), np.float32), "audio", 0),
    ],
)
def test_signal_refuses_wrong_values(values: NDArray[np.generic], kind: str, rate: int) -> None:
    with pytest.raises(SignalError):
        Signal(values, kind, rate)  # type: ignore[arg-type]


@pytest.mark.parametrize("reader", [load, load_image, load_audio])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("notes.txt", b"Dear reader,\nthis is not a picture.\n" * 20),
        ("song.m4a", b"\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00isomiso2" + bytes(2000)),
        ("noise.wav", np.random.default_rng(0).bytes(4096)),
        ("header.wav", b"RIFF"),
        ("header.png", b"\x89PNG\r\n\x1a\n"),
        ("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EOF\n"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, reader: Callable[[Path], Signal], name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(lambda: reader(path), name)
    assert "empty" in message or "damaged" in message


@pytest.mark.parametrize("reader", [load, load_image, load_audio])
def test_missing_file_and_folder_are_refused(
    tmp_path: Path, reader: Callable[[Path], Signal]
) -> None:
    (tmp_path / "album").mkdir()
    assert refusal(lambda: reader(tmp_path / "no.png"), "no.png") == "no.png does not exist."
    assert refusal(lambda: reader(tmp_path / "album"), "album") == "album is not a file."
    assert refusal(lambda: reader(tmp_path / "a\0b.png"), "a\0b.png")
    assert refusal(lambda: reader(tmp_path / ("x" * 300)), "x" * 300)


@pytest.mark.parametrize("reader", [load_audio, load_image])
def test_file_of_the_other_kind_is_refused(
    tmp_path: Path, reader: Callable[[Path], Signal]
) -> None:
    path = tmp_path / "file"
    content = image_bytes(picture(), "PNG")
    if reader is load_image:
        content = audio_bytes(tone(), 16000, "FLAC", "PCM_16")
    path.write_bytes(content)
    refusal(lambda: reader(path), "file")


SMALL_FILES = [
    *(
        image_bytes(picture(), file_format)
        for file_format in ("PNG", "JPEG", "WEBP", "AVIF", "JPEG2000", "BMP", "TIFF", "GIF")
    ),
    *(
        audio_bytes(tone(800), 16000, container, subtype)
        for container, subtype in (
            ("WAV", "PCM_16"),
            ("FLAC", "PCM_16"),
            ("OGG", "VORBIS"),
            ("OGG", "OPUS"),
            ("MP3", "MPEG_LAYER_III"),
        )
    ),
]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files_give_signals_or_refusals(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SMALL_FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_image, read_audio):
        with contextlib.suppress(SignalError):
            reading = read(bytes(content), "file")
            assert reading is None or isinstance(reading.signal, Signal)


@given(pixels=hnp.arrays(np.uint8, st.tuples(st.integers(8, 40), st.integers(8, 40), st.just(3))))
@settings(max_examples=40, deadline=None)
def test_saved_png_is_lossless(
    tmp_path_factory: pytest.TempPathFactory, pixels: NDArray[np.uint8]
) -> None:
    path = tmp_path_factory.getbasetemp() / "lossless.png"
    save(Signal.image(pixels), path)
    np.testing.assert_array_equal(load(path).values, pixels)


@given(
    levels=hnp.arrays(np.int16, st.tuples(st.integers(1, 3), st.integers(16, 200))),
    suffix=st.sampled_from([".wav", ".flac", ".WAV"]),
)
@settings(max_examples=40, deadline=None)
def test_saved_16_bit_sound_is_lossless(
    tmp_path_factory: pytest.TempPathFactory, levels: NDArray[np.int16], suffix: str
) -> None:
    levels[0, 0] |= 1  # not silent
    path = tmp_path_factory.getbasetemp() / f"lossless{suffix}"
    save(Signal.audio(levels / 32768.0, 44100), path)
    signal = load(path)
    assert signal.sample_rate == 44100
    np.testing.assert_array_equal(signal.values * 32768, levels)


def test_full_scale_is_saved_without_wrapping(tmp_path: Path) -> None:
    save(Signal.audio(np.tile([1.0, -1.0], 50), 8000), tmp_path / "clip.wav")
    np.testing.assert_allclose(
        load(tmp_path / "clip.wav").values[0], np.tile([1, -1], 50), atol=1e-4
    )


@pytest.mark.parametrize("name", ["photo.jpg", "photo.wav", "photo", "photo.png.txt"])
def test_image_is_saved_as_png_only(tmp_path: Path, name: str) -> None:
    refusal(lambda: save(Signal.image(picture()), tmp_path / name), name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["clip.mp3", "clip.png", "clip"])
def test_sound_is_saved_as_wav_or_flac_only(tmp_path: Path, name: str) -> None:
    refusal(lambda: save(Signal.audio(tone(), 16000), tmp_path / name), name)
    assert list(tmp_path.iterdir()) == []


def test_flac_with_too_many_channels_is_refused(tmp_path: Path) -> None:
    signal = Signal.audio(tone(channels=9), 16000)
    with pytest.raises(SignalError, match="9 channels at 16,000 Hz"):
        save(signal, tmp_path / "clip.flac")
    assert list(tmp_path.iterdir()) == []


def test_save_to_impossible_place_leaves_nothing(tmp_path: Path) -> None:
    signal = Signal.image(picture())
    refusal(lambda: save(signal, tmp_path / "no_such" / "photo.png"), "photo.png")
    (tmp_path / "album.png").mkdir()
    refusal(lambda: save(signal, tmp_path / "album.png"), "album.png")
    long_name = "x" * 300 + ".png"
    refusal(lambda: save(signal, tmp_path / long_name), long_name)
    assert [path.name for path in tmp_path.iterdir()] == ["album.png"]


def test_save_replaces_an_older_file_as_an_ordinary_one(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"older")
    save(Signal.image(picture()), path)
    np.testing.assert_array_equal(load(path).values, picture())
    reference = tmp_path / "reference"
    reference.write_bytes(b"")
    assert path.stat().st_mode == reference.stat().st_mode
    assert sorted(os.listdir(tmp_path)) == ["photo.png", "reference"]


def test_atomic_writing_of_any_bytes(tmp_path: Path) -> None:
    write_atomically(tmp_path / "any.bin", b"\x00\x01")
    assert (tmp_path / "any.bin").read_bytes() == b"\x00\x01"


def test_mono_is_the_mean_of_the_channels() -> None:
    stereo = Signal.audio(tone(channels=2), 16000)
    mono = to_mono(stereo)
    assert (mono.channels, mono.sample_rate) == (1, 16000)
    np.testing.assert_allclose(mono.values[0], stereo.values.mean(axis=0), atol=1e-7)
    assert to_mono(mono) is mono


def test_resampled_sine_comes_back_without_delay_or_loss() -> None:
    t_s = np.arange(44100) / 44100
    original = Signal.audio(0.5 * np.sin(2 * np.pi * 1000 * t_s) * np.hanning(44100), 44100)
    down = resample(original, 16000)
    t_down_s = np.arange(down.samples) / 16000
    sine = 0.5 * np.sin(2 * np.pi * 1000 * t_down_s) * np.interp(t_down_s, t_s, np.hanning(44100))
    assert np.abs(down.values[0] - sine).max() < 1e-4
    back = resample(down, 44100, samples=original.samples)
    assert np.abs(back.values - original.values).max() < 1e-4


RATES_HZ = st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000, 192000])


@given(samples=st.integers(16, 3000), rate=RATES_HZ, other=RATES_HZ, channels=st.integers(1, 2))
@settings(max_examples=100, deadline=None)
def test_resampling_there_and_back_keeps_the_length(
    samples: int, rate: int, other: int, channels: int
) -> None:
    original = Signal.audio(tone(samples, rate, channels), rate)
    there = resample(original, other)
    assert there.sample_rate == other
    assert abs(there.samples - samples * other / rate) <= 1
    back = resample(there, rate, samples=samples)
    assert back.values.shape == original.values.shape
    assert back.sample_rate == rate


def test_resampling_refuses_another_length_and_nonsense() -> None:
    signal = Signal.audio(tone(1600), 16000)
    with pytest.raises(SignalError):
        resample(signal, 8000, samples=700)
    with pytest.raises(SignalError):
        resample(signal, 0)
    with pytest.raises(SignalError):
        resample(Signal.audio(tone(16), 16000), 1)
