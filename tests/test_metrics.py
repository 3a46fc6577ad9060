"""Metrics: values worked out by hand, and refusals to compare what does not match."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from combiner_core.errors import SignalError
from combiner_core.metrics import (
    bpp,
    kbps,
    log_spectral_distance_db,
    ms_ssim,
    psnr_db,
    psnr_from_mse_db,
)
from combiner_core.signals import Signal


def flat_image(level: int, height: int = 8, width: int = 16) -> Signal:
    return Signal.image(np.full((height, width, 3), level, np.uint8))


def flat_clip(level: float, samples: int = 1600, sample_rate: int = 16000) -> Signal:
    return Signal.audio(np.full((2, samples), level, np.float32), sample_rate)


def test_psnr_of_images_has_peak_255_and_counts_every_value() -> None:
    assert psnr_db(flat_image(0), flat_image(255)) == 0.0
    assert psnr_db(flat_image(255), flat_image(0)) == 0.0
    assert psnr_db(flat_image(100), flat_image(101)) == pytest.approx(48.1308, abs=1e-4)
    one_wrong = flat_image(100)
    one_wrong.values[0, 0, 0] += 10  # MSE = 100 / 384
    assert psnr_db(flat_image(100), one_wrong) == pytest.approx(
        10 * math.log10(65025 * 384 / 100), abs=1e-6
    )


def test_psnr_of_audio_has_peak_2() -> None:
    assert psnr_db(flat_clip(1.0), flat_clip(-1.0)) == 0.0
    assert psnr_db(flat_clip(0.25), flat_clip(0.23)) == pytest.approx(40.0, abs=1e-4)


def test_identical_signals_have_infinite_psnr() -> None:
    assert psnr_db(flat_image(7), flat_image(7)) == math.inf
    assert psnr_db(flat_clip(0.5), flat_clip(0.5)) == math.inf
    assert psnr_from_mse_db(0.0, 255.0) == math.inf


def test_psnr_is_exact_for_large_images() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 700, 900, 3), dtype=np.uint8)
    squares = (first.astype(np.int64) - second.astype(np.int64)) ** 2
    expected = 10 * math.log10(65025 / (int(squares.sum()) / squares.size))
    assert psnr_db(Signal.image(first), Signal.image(second)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (flat_image(0), flat_clip(0.0)),
        (flat_image(0, 8, 16), flat_image(0, 16, 8)),
        (flat_clip(0.0, 1600), flat_clip(0.0, 1601)),
        (flat_clip(0.0, 1600, 16000), flat_clip(0.0, 1600, 8000)),
    ],
)
def test_psnr_refuses_signals_that_do_not_match(first: Signal, second: Signal) -> None:
    with pytest.raises(SignalError):
        psnr_db(first, second)


def test_ms_ssim_is_one_for_the_same_and_falls_with_noise(rng: np.random.Generator) -> None:
    y, x = np.mgrid[0:176, 0:240]
    pixels = np.stack([x, y + 40, 128 + 90 * np.sin(x / 9 + y / 7)], axis=-1).astype(np.uint8)
    original = Signal.image(pixels)

    def noisy(strength: float) -> Signal:
        values = pixels + rng.normal(0, strength, pixels.shape)
        return Signal.image(values.clip(0, 255).astype(np.uint8))

    values = [ms_ssim(original, each) for each in (original, noisy(4), noisy(16), noisy(64))]
    assert values[0] == pytest.approx(1.0, abs=1e-6)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.8


def test_ms_ssim_needs_161_pixels_on_each_side() -> None:
    assert ms_ssim(flat_image(9, 160, 400), flat_image(9, 160, 400)) is None
    assert ms_ssim(flat_image(9, 161, 161), flat_image(9, 161, 161)) == pytest.approx(1.0)


def test_ms_ssim_of_a_large_image_is_that_of_its_parts(rng: np.random.Generator) -> None:
    part = np.clip(np.cumsum(rng.integers(-9, 10, (500, 1100, 3)), axis=1) + 128, 0, 255)
    noisy = np.clip(part + rng.integers(-9, 10, part.shape), 0, 255)
    images = [Signal.image(pixels.astype(np.uint8)) for pixels in (part, noisy)]
    large = [Signal.image(np.tile(image.values, (4, 1, 1))) for image in images]
    assert ms_ssim(*large) == pytest.approx(ms_ssim(*images), abs=0.002)


def test_log_spectral_distance_of_a_change_of_volume_is_that_change(
    rng: np.random.Generator,
) -> None:
    noise = rng.uniform(-0.9, 0.9, (2, 8000)).astype(np.float32)
    halved = Signal.audio(noise / 2, 16000)
    distance_db = log_spectral_distance_db(Signal.audio(noise, 16000), halved)
    assert distance_db == pytest.approx(20 * math.log10(2), abs=0.01)
    assert log_spectral_distance_db(halved, halved) == 0.0


def test_log_spectral_distance_hears_a_missing_band(clip: Signal) -> None:
    spectrum = np.fft.rfft(clip.values)
    muffled, thin = spectrum.copy(), spectrum.copy()
    muffled[:, 4000:], thin[:, 2000:] = 0, 0  # A second: bins are in Hz.
    distances_db = [
        log_spectral_distance_db(clip, Signal.audio(np.fft.irfft(each), 16000))
        for each in (muffled, thin)
    ]
    assert 1 < distances_db[0] < distances_db[1]


@pytest.mark.parametrize("samples", [16, 17, 100, 511, 513])
def test_log_spectral_distance_of_very_short_and_silent_clips(samples: int) -> None:
    assert log_spectral_distance_db(flat_clip(0.0, samples), flat_clip(0.0, samples)) == 0.0
    assert log_spectral_distance_db(flat_clip(0.5, samples), flat_clip(0.5, samples)) == 0.0


@pytest.mark.parametrize("measure", [ms_ssim, log_spectral_distance_db])
def test_measures_refuse_signals_that_do_not_match(
    measure: Callable[[Signal, Signal], object],
) -> None:
    for first, second in [
        (flat_image(0, 200, 200), flat_image(0, 200, 201)),
        (flat_clip(0.0, 1600), flat_clip(0.0, 1601)),
        (flat_image(0), flat_clip(0.0)),
    ]:
        with pytest.raises(SignalError):
            measure(first, second)
    other = flat_clip(0.0) if measure is ms_ssim else flat_image(0)
    with pytest.raises(SignalError):
        measure(other, other)


def test_rates() -> None:
    assert bpp(256, flat_image(0)) == 2.0
    assert kbps(600, flat_clip(0.0)) == pytest.approx(6.0)
