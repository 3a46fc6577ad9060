"""Metrics: values worked out by hand, and refusals to compare what does not match."""

from __future__ import annotations

import math

import numpy as np
import pytest

from combiner_core.errors import SignalError
from combiner_core.metrics import bpp, kbps, psnr_db, psnr_from_mse_db
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


def test_rates() -> None:
    assert bpp(256, flat_image(0)) == 2.0
    assert kbps(600, flat_clip(0.0)) == pytest.approx(6.0)
