"""Measures of eyes and ears: their best score, and that worse signals have lower ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from benchmarks import measures
from benchmarks.measures import images, sound
from combiner_core.signals import Signal, resample

Score = Callable[[Signal, Signal], float | None]
SOUND: dict[str, tuple[str, float, Score]] = {
    "pesq_wb": ("pesq", 4.6, sound.pesq_wb),
    "estoi": ("pystoi", 1.0, sound.estoi),
    "visqol_speech": ("ai_edge_litert", 4.0, lambda a, b: sound.visqol(a, b, "speech")),
    "visqol_audio": ("visqol", 4.7, lambda a, b: sound.visqol(a, b, "audio")),
    "zimtohrli": ("zimtohrli", 5.0, sound.zimtohrli),
}


def noisy(signal: Signal, deviation: float) -> Signal:
    noise = np.random.default_rng(0).normal(0, deviation, signal.values.shape)
    if signal.kind == "image":
        values = np.clip(np.rint(signal.values + 255 * noise), 0, 255).astype(np.uint8)
        return Signal.image(values)
    assert signal.sample_rate is not None
    return Signal.audio(np.clip(signal.values + noise, -1, 1), signal.sample_rate)


@pytest.fixture
def voice(clip: Signal) -> Signal:
    return Signal.audio(np.tile(clip.values, (1, 3)), 16000)


def test_ssimulacra2_falls_with_noise(photo: Signal) -> None:
    found = [images.ssimulacra2(photo, noisy(photo, sigma)) for sigma in (0, 0.01, 0.05, 0.2)]
    assert found[0] == pytest.approx(100)
    assert all(a > b for a, b in pairwise(found))  # type: ignore[operator]


def test_ssimulacra2_of_large_pictures_is_the_mean_over_strips(photo: Signal) -> None:
    large = Signal.image(np.tile(photo.values, (20, 18, 1)))
    degraded = noisy(large, 0.05)
    upper, lower = (
        images.ssimulacra2(Signal.image(a), Signal.image(b))
        for a, b in zip(
            np.array_split(large.values, 2), np.array_split(degraded.values, 2), strict=True
        )
    )
    assert large.pixels // 1_000_000 == 2
    assert images.ssimulacra2(large, degraded) == pytest.approx(np.mean([upper, lower]))


def test_pictures_too_small_for_it_have_no_score() -> None:
    tiny = Signal.image(np.zeros((7, 30, 3), np.uint8))
    assert images.ssimulacra2(tiny, tiny) is None


@pytest.mark.parametrize("name", SOUND)
def test_sound_scores_fall_with_noise(name: str, voice: Signal) -> None:
    package, best, score = SOUND[name]
    pytest.importorskip(package)
    found = [score(voice, noisy(voice, sigma)) for sigma in (0, 0.003, 0.1)]
    assert all(one is not None for one in found)
    clean, little, much = (one or 0 for one in found)
    assert clean == pytest.approx(best, abs=0.4)
    assert clean > little > much


def test_channels_count_alike(voice: Signal) -> None:
    pytest.importorskip("pystoi")
    degraded = noisy(voice, 0.1)
    both = [np.concatenate([one.values, voice.values]) for one in (voice, degraded)]
    stereo = [Signal.audio(values, 16000) for values in both]
    alone = sound.estoi(voice, degraded)
    assert alone is not None
    assert sound.estoi(*stereo) == pytest.approx((alone + 1) / 2, abs=1e-3)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_clips_with_too_little_voice_have_no_score(clip: Signal) -> None:
    for package in ("pesq", "pystoi"):
        pytest.importorskip(package)
    silence = Signal.audio(np.zeros((1, 16000)), 16000)
    assert sound.pesq_wb(silence, silence) is None
    short = Signal.audio(clip.values[:, :3200], 16000)
    assert sound.estoi(short, short) is None


def test_speech_and_music_are_judged_by_their_own_measures(photo: Signal, voice: Signal) -> None:
    for package in ("pesq", "pystoi", "ai_edge_litert", "zimtohrli"):
        pytest.importorskip(package)
    music = resample(voice, 48000)
    assert set(measures.scores(photo, photo)) == {"ssimulacra2"}
    assert set(measures.scores(voice, voice)) == {"pesq_wb", "estoi", "visqol_speech"}
    assert set(measures.scores(music, music)) == {"visqol_audio", "zimtohrli"}
    for signal in (photo, voice, music):
        assert set(measures.scores(signal, signal)) <= set(measures.MEASURES)
