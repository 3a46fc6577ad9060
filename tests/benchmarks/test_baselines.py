"""Other codecs as the benchmarks use them: their settings, their points, what of a file counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.baselines import BASELINES, Baseline
from benchmarks.datasets import SETS
from combiner_core.errors import SignalError
from combiner_core.metrics import psnr_db
from combiner_core.signals import Signal

IMAGES = ("avif", "jxl", "webp", "jpeg2000", "jpeg")


@pytest.fixture
def signals(photo: Signal, clip: Signal) -> dict[str, Signal]:
    return {"image": Signal.image(np.tile(photo.values, (3, 3, 1))), "audio": clip}


def signal_for(baseline: Baseline, signals: dict[str, Signal]) -> Signal:
    return signals["image" if baseline.name.startswith(IMAGES) else "audio"]


@pytest.fixture(params=BASELINES)
def baseline(request: pytest.FixtureRequest) -> Baseline:
    return BASELINES[request.param]


def test_better_points_cost_more_and_distort_less(
    baseline: Baseline, signals: dict[str, Signal]
) -> None:
    original = signal_for(baseline, signals)
    middle = baseline.points[len(baseline.points) // 2]
    codings = [baseline.code(original, point) for point in (baseline.points[0], middle)]
    sizes = [coding.counted_bytes for coding in codings]
    assert 0 < sizes[0] < sizes[1]
    low_db, high_db = (psnr_db(original, coding.file.reconstruction) for coding in codings)
    assert low_db < high_db
    assert all(a != b for a, b in pairwise(baseline.points))


def test_versions_and_settings_are_told(baseline: Baseline, signals: dict[str, Signal]) -> None:
    encoder = baseline.code(signal_for(baseline, signals), baseline.points[0]).encoder
    assert any(character.isdigit() for character in encoder)
    for word in ("tune=psnr", "tune=iq", "speed 2"):
        assert (word in baseline.name) == (word in encoder)
    for application in ("voip", "audio"):
        assert (f"opus ({application})" == baseline.name) == (f"={application}," in encoder)


def test_pictures_count_whole_and_sound_without_its_container(
    baseline: Baseline, signals: dict[str, Signal]
) -> None:
    coding = baseline.code(signal_for(baseline, signals), baseline.points[1])
    if baseline.name.startswith(IMAGES):
        assert coding.counted_bytes == len(coding.file.data)
    else:
        assert 0.3 * len(coding.file.data) < coding.counted_bytes < len(coding.file.data)


@pytest.mark.parametrize("name", ["opus (voip)", "opus (audio)", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_decoded_sound_is_not_delayed(name: str, channels: int, sample_rate: int) -> None:
    t = np.arange(sample_rate) / sample_rate
    tone = 0.5 * np.sin(2 * np.pi * (200 * t + 0.1 * sample_rate * t**2)) * np.hanning(t.size)
    original = Signal.audio(np.stack([tone] * channels), sample_rate)
    decoded = BASELINES[name].code(original, 48).file.reconstruction
    assert decoded.values.shape == original.values.shape
    first, second = original.values[0], decoded.values[0]
    size = 2 * first.size
    spectrum = np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size))
    peak = int(np.argmax(np.fft.irfft(spectrum, size)))
    # the high-pass filter of Opus leads by a fraction of a sample, which rounds to one
    assert min(peak, size - peak) <= 1


def test_opus_costs_what_it_is_asked_for(clip: Signal) -> None:
    long = Signal.audio(np.tile(clip.values, (1, 8)), 16000)
    coding = BASELINES["opus (audio)"].code(long, 32)
    assert 8 * coding.counted_bytes / long.duration_s == pytest.approx(32_000, rel=0.25)


def test_a_codec_of_the_other_kind_is_refused(signals: dict[str, Signal]) -> None:
    with pytest.raises(SignalError, match=r"^webp is not a codec for this kind of signal"):
        BASELINES["webp"].code(signals["audio"], 50)


def test_sets_name_codecs_that_there_are() -> None:
    for one in SETS.values():
        assert set(one.others) <= set(BASELINES)
        low, high = one.whole
        assert all(low <= rate <= high for rate in one.rates)
