"""Baseline codecs: true sizes, budgets that hold, and decodings aligned with the original."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from combiner_core.codecs import (
    CODECS_FOR,
    BaselineResult,
    encode_at_setting,
    encode_within,
    pillow_bytes,
    sweep,
)
from combiner_core.errors import SignalError
from combiner_core.metrics import psnr_db
from combiner_core.signals import Signal

# Settings of the best quality and of a low one.
BEST = {
    "jpeg": 95,
    "webp": 100,
    "avif-psnr": 100,
    "avif-iq": 99,
    "jpeg2000": 2,
    "opus": 0,
    "mp3": 0,
    "vorbis": 0,
}
LOW = {
    "jpeg": 5,
    "webp": 5,
    "avif-psnr": 15,
    "avif-iq": 15,
    "jpeg2000": 100,
    "opus": 0.98,
    "mp3": 0.97,
    "vorbis": 0.95,
}


def scene(height: int = 96, width: int = 128) -> Signal:
    """Shapes with edges on a smooth ground, a little grain."""
    y, x = np.mgrid[0:height, 0:width]
    luma = 90 + 60 * np.sin(x / 17) * np.cos(y / 11) + 60 * ((x - 60) ** 2 + (y - 40) ** 2 < 700)
    grain = np.random.default_rng(1).normal(0, 3, (height, width, 3))
    pixels = luma[..., None] * [1.0, 0.8, 0.6] + grain
    return Signal.image(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def sweep_tone(samples: int, sample_rate: int, channels: int = 1) -> Signal:
    """A tone that rises within the lower half of the band: any delay of it would show."""
    t = np.arange(samples) / samples
    duration_s = samples / sample_rate
    cycles = duration_s * (200 * t + 0.5 * 0.2 * sample_rate * t**2)
    values = 0.5 * np.sin(2 * np.pi * cycles) * np.hanning(samples)
    return Signal.audio(np.stack([values * 0.9**c for c in range(channels)]), sample_rate)


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("quality", [75, 88, 94, 95, 100])
def test_jpeg_takes_pictures_without_any_order(
    rng: np.random.Generator, quality: int, subsampling: int
) -> None:
    for values in (256, 2):  # Grey values of all kinds, and black and white.
        pixels = (rng.integers(0, values, (192, 256, 3)) * (255 // (values - 1))).astype(np.uint8)
        options = {"quality": quality, "subsampling": subsampling, "optimize": True}
        content = pillow_bytes(Image.fromarray(pixels), "JPEG", **options, progressive=True)
        with Image.open(io.BytesIO(content)) as image:
            found = np.asarray(image.convert("RGB")).astype(float)
        if subsampling == 0:
            assert np.abs(found - pixels).mean() < 30


def lag_of(original: NDArray[np.float32], reconstruction: NDArray[np.float32]) -> int:
    """Samples by which the reconstruction is late, at the peak of the cross-correlation."""
    size = 2 * original.size
    spectrum = np.fft.rfft(reconstruction, size) * np.conj(np.fft.rfft(original, size))
    peak = int(np.argmax(np.fft.irfft(spectrum, size)))
    return peak if peak < original.size else peak - size


def signal_for(codec: str) -> Signal:
    return scene() if codec in CODECS_FOR["image"] else sweep_tone(16000, 16000)


def check(result: BaselineResult, original: Signal) -> None:
    assert result.reconstruction.kind == original.kind
    assert result.reconstruction.values.shape == original.values.shape
    assert result.reconstruction.sample_rate == original.sample_rate
    assert result.bytes_count > 0
    assert result.encode_s > 0
    assert result.decode_s > 0


def test_codecs_are_listed_and_cannot_be_changed() -> None:
    assert CODECS_FOR["image"] == ("jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000")
    assert CODECS_FOR["audio"] == ("opus", "mp3", "vorbis")
    with pytest.raises(TypeError):
        CODECS_FOR["image"] = ()  # type: ignore[index]


@pytest.mark.parametrize("codec", BEST)
def test_better_setting_costs_more_and_distorts_less(codec: str) -> None:
    original = signal_for(codec)
    low = encode_at_setting(original, codec, LOW[codec])
    best = encode_at_setting(original, codec, BEST[codec])
    for result, setting in ((low, LOW[codec]), (best, BEST[codec])):
        check(result, original)
        assert (result.codec, result.setting) == (codec, setting)
    assert low.bytes_count < best.bytes_count
    assert psnr_db(original, low.reconstruction) < psnr_db(original, best.reconstruction)
    assert psnr_db(original, best.reconstruction) > 36


@pytest.mark.parametrize("codec", BEST)
def test_budget_is_kept_and_used(codec: str) -> None:
    original = signal_for(codec)
    smallest, *_, largest = sweep(original, codec)
    # A step of MP3's bit rate is large in a second of sound; the others come closer.
    for fraction in (0.3, 0.8):
        max_bytes = int(smallest.bytes_count * (1 - fraction) + largest.bytes_count * fraction)
        result = encode_within(original, codec, max_bytes)
        assert result is not None
        check(result, original)
        assert 0.8 * max_bytes < result.bytes_count <= max_bytes


@pytest.mark.parametrize("codec", BEST)
def test_file_within_budget_is_the_one_of_its_setting(codec: str) -> None:
    original = signal_for(codec)
    within = encode_within(original, codec, 6000)
    assert within is not None
    again = encode_at_setting(original, codec, within.setting)
    assert again.bytes_count == within.bytes_count
    np.testing.assert_array_equal(again.reconstruction.values, within.reconstruction.values)


@pytest.mark.parametrize("codec", BEST)
def test_budget_below_the_smallest_file_gives_none(codec: str) -> None:
    assert encode_within(signal_for(codec), codec, 40) is None


def test_bisection_finds_the_best_quality_that_fits() -> None:
    original = scene(48, 64)
    sizes = [encode_at_setting(original, "jpeg", q).bytes_count for q in range(1, 96)]
    for max_bytes in range(min(sizes), max(sizes) + 200, 97):
        result = encode_within(original, "jpeg", max_bytes)
        assert result is not None
        assert result.bytes_count == max(size for size in sizes if size <= max_bytes)


@pytest.mark.parametrize("codec", BEST)
def test_sweep_is_a_rate_distortion_curve(codec: str) -> None:
    original = signal_for(codec)
    results = list(sweep(original, codec))
    assert len(results) == len({result.setting for result in results}) >= 10
    bytes_counts = [result.bytes_count for result in results]
    psnrs_db = [psnr_db(original, result.reconstruction) for result in results]
    # Encoders are not strictly monotone, and MP3's PSNR stops rising at its low-pass filter.
    assert spearmanr(range(len(results)), bytes_counts).statistic > 0.9
    assert spearmanr(bytes_counts, psnrs_db).statistic > 0.75


def test_newer_image_codecs_beat_jpeg_at_a_low_rate() -> None:
    # A grey texture tells whether a codec is set up to share what the colours have in common.
    texture = gaussian_filter(np.random.default_rng(2).normal(0, 250, (192, 256)), 2)
    pixels = np.clip(np.rint(128 + texture), 0, 255).astype(np.uint8)
    original = Signal.image(np.repeat(pixels[..., None], 3, axis=-1))
    psnrs_db = {}
    for codec in CODECS_FOR["image"]:
        result = encode_within(original, codec, 4000)
        assert result is not None
        psnrs_db[codec] = psnr_db(original, result.reconstruction)
    assert min(psnrs_db, key=psnrs_db.__getitem__) == "jpeg"


def test_avif_gives_what_it_is_tuned_for() -> None:
    original = scene(192, 256)
    curves = {}
    for codec in ("avif-psnr", "avif-iq"):
        results = [encode_at_setting(original, codec, quality) for quality in range(10, 90, 8)]
        psnrs_db = [psnr_db(original, result.reconstruction) for result in results]
        curves[codec] = [result.bytes_count for result in results], psnrs_db
    at_equal_size = [np.interp(2000, *curve) for curve in curves.values()]
    assert at_equal_size[0] > at_equal_size[1]


@pytest.mark.parametrize("codec", CODECS_FOR["audio"])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 32000, 44100, 48000, 96000])
@pytest.mark.parametrize("level", [0.0, 0.9])
def test_decoded_sound_is_not_delayed(codec: str, sample_rate: int, level: float) -> None:
    original = sweep_tone(sample_rate + 77, sample_rate, channels=2)
    result = encode_at_setting(original, codec, level)
    check(result, original)
    for channel in range(2):
        assert lag_of(original.values[channel], result.reconstruction.values[channel]) == 0


@pytest.mark.parametrize("codec", CODECS_FOR["audio"])
def test_a_minute_of_stereo_is_no_more_than_the_stack_holds(codec: str) -> None:
    original = sweep_tone(60 * 48000, 48000, channels=2)
    result = encode_at_setting(original, codec, 0.9)
    check(result, original)
    assert psnr_db(original, result.reconstruction) > 20


@given(
    codec=st.sampled_from(CODECS_FOR["audio"]),
    samples=st.integers(16, 5000),
    sample_rate=st.sampled_from([6000, 8000, 11025, 16000, 22050, 44100, 48000, 88200]),
    level=st.floats(0, 0.999),
)
@settings(max_examples=60, deadline=None)
def test_every_length_and_rate_comes_back(
    codec: str, samples: int, sample_rate: int, level: float
) -> None:
    original = sweep_tone(samples, sample_rate)
    check(encode_at_setting(original, codec, level), original)


@given(
    codec=st.sampled_from(CODECS_FOR["image"]),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
)
@settings(max_examples=40, deadline=None)
def test_every_image_size_comes_back(codec: str, height: int, width: int) -> None:
    original = scene(height, width)
    check(encode_at_setting(original, codec, LOW[codec]), original)


@pytest.mark.parametrize("codec", ["opus", "gif", "", "JPEG"])
def test_codec_that_does_not_code_images_is_refused(codec: str) -> None:
    for action in (
        lambda: encode_at_setting(scene(), codec, 50),
        lambda: encode_within(scene(), codec, 5000),
        lambda: next(sweep(scene(), codec)),
    ):
        with pytest.raises(
            SignalError, match="choose from jpeg, webp, avif-psnr, avif-iq, jpeg2000"
        ):
            action()


@pytest.mark.parametrize(
    ("codec", "setting"), [("jpeg", 0), ("jpeg", 96), ("avif-iq", -1), ("jpeg2000", float("nan"))]
)
def test_setting_out_of_range_is_refused(codec: str, setting: float) -> None:
    with pytest.raises(SignalError, match=f"The setting of {codec} lies between"):
        encode_at_setting(scene(), codec, setting)


def test_signal_that_a_codec_cannot_hold_is_refused() -> None:
    wide = Signal.image(np.zeros((8, 17000, 3), np.uint8))
    with pytest.raises(SignalError, match=r"^webp cannot hold an image of 17,000 x 8 pixels\.$"):
        encode_at_setting(wide, "webp", 50)
    surround = sweep_tone(16000, 16000, channels=6)
    with pytest.raises(SignalError, match=r"^mp3 cannot hold 6 channels at 16,000 Hz\.$"):
        encode_within(surround, "mp3", 9000)
