"""Sound files: every kind that people have, and every way in which one can be broken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray
from signal_files import audio_bytes, refusal, tone

from combiner_core.signals import load, load_audio


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("container", "subtype", "tolerance"),
    [
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "PCM_U8", 0.01),
        ("AIFF", "PCM_16", 1e-4),
        ("FLAC", "PCM_16", 1e-4),
        ("FLAC", "PCM_24", 1e-6),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.05),
        ("MP3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_sound_formats_are_read(
    tmp_path: Path, container: str, subtype: str, tolerance: float, channels: int
) -> None:
    values = tone(8000, 16000, channels)
    path = tmp_path / "clip.png"  # the content decides
    path.write_bytes(audio_bytes(values, 16000, container, subtype))
    for signal in (load(path), load_audio(path)):
        assert (signal.kind, signal.sample_rate) == ("audio", 16000)
        assert signal.values.shape == values.shape
        np.testing.assert_allclose(signal.values, values, atol=tolerance)


def test_suffix_of_headerless_audio_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "clip.raw").write_bytes(audio_bytes(tone(), 16000, "WAV", "PCM_16"))
    assert load(tmp_path / "clip.raw").samples == 8000


def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    (tmp_path / "loud.wav").write_bytes(audio_bytes(4 * tone(), 16000, "WAV", "FLOAT"))
    np.testing.assert_array_equal(load(tmp_path / "loud.wav").values, (4 * tone()).clip(-1, 1))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(0), "no samples"),
        (np.full(15, 0.5), "15 samples"),
        (np.append(tone()[0], np.nan), "finite"),
        (np.append(tone()[0], -np.inf), "finite"),
    ],
)
def test_unusable_samples_are_refused(tmp_path: Path, samples: NDArray, words: str) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(audio_bytes(samples.astype(np.float32), 16000, "WAV", "FLOAT"))
    assert words in refusal(lambda: load(path), "clip.wav")


def test_sample_limit_counts_all_channels(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    path.write_bytes(audio_bytes(tone(100, 16000, 2), 16000, "FLAC", "PCM_16"))
    assert load(path, max_samples=200).samples == 100
    message = refusal(lambda: load(path, max_samples=199), "clip.flac")
    assert "holds 200 samples" in message
    assert "199" in message


@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_truncated_sound_is_refused(
    tmp_path: Path, container: str, subtype: str, part: float
) -> None:
    content = audio_bytes(tone(16000), 16000, container, subtype)
    path = tmp_path / "clip.snd"
    path.write_bytes(content[: int(part * len(content))])
    assert "incomplete" in refusal(lambda: load(path), "clip.snd")


def test_wav_of_unknown_length_from_a_pipe_is_read(tmp_path: Path) -> None:
    content = bytearray(audio_bytes(tone(), 16000, "WAV", "PCM_16"))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "clip.wav").write_bytes(content)
    assert load(tmp_path / "clip.wav").samples == 8000


def test_mp3_without_length_tag_is_read(tmp_path: Path) -> None:
    # The bit rate rises after the start, so that a length guessed from it is far too large.
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100).astype(np.float32)
    stream = io.BytesIO()
    sf.write(
        stream,
        np.concatenate([np.zeros(44100, np.float32), noise]),
        44100,
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=0.5,
        bitrate_mode="VARIABLE",
    )
    tagged = stream.getvalue()
    bare = tagged[tagged.index(b"\xff\xfb", tagged.index(b"Xing")) :]
    (tmp_path / "clip.mp3").write_bytes(bare)
    assert load(tmp_path / "clip.mp3").samples >= 88200
