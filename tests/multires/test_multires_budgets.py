"""Budgets of the shipped models: never exceeded, nearly used up, and more is never worse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from encoding import encoded
from PIL import Image, ImageDraw
from signal_files import picture

from combiner_core import (
    Budget,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    decode,
)
from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.noise_scale import MIN_INDEX
from combiner_core.multires.parameters import Parameters
from combiner_core.presets import DEFAULT_DIRECTORY

HEIGHT, WIDTH, SAMPLES, RATE = 64, 96, 16_000, 16_000
OPTIONS = EncodeOptions("multires", effort="fast", device="cpu")
BITS_A_PIXEL = (0.08, 0.12, 0.25, 0.5, 1.0, 2.0, 5.0, 12.0, 24.0)
BITS_A_SECOND = (400, 1200, 3000, 6000, 12_000, 24_000, 64_000, 200_000)
# PSNR in dB that more bytes may cost
FALL_DB = 0.1


def seen(values: np.ndarray) -> Signal:
    spread = np.broadcast_to(values, (HEIGHT, WIDTH, 3))
    return Signal.image(np.ascontiguousarray(spread).clip(0, 255).astype(np.uint8))


def text() -> Signal:
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for line in range(5):
        ImageDraw.Draw(page).text((3, 3 + 12 * line), f"Line {line} of a page", fill=(0, 0, 90))
    return Signal.image(np.asarray(page))


def one_pixel() -> Signal:
    pixels = np.full((HEIGHT, WIDTH, 3), 90)
    pixels[20, 50] = 255
    return seen(pixels)


def heard(samples: np.ndarray) -> Signal:
    return Signal.audio(samples[None].astype(np.float32), RATE)


def chord() -> Signal:
    time = np.arange(SAMPLES) / RATE
    return heard(sum(0.2 * np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330)))


def click() -> Signal:
    samples = np.zeros(SAMPLES)
    samples[9000] = 0.9
    return heard(samples)


COLUMNS, ROWS = np.arange(WIDTH)[None, :, None], np.arange(HEIGHT)[:, None, None]
SIGNALS: dict[str, Callable[[], Signal]] = {
    "flat": lambda: seen(np.array([77, 80, 90])),
    "gradient": lambda: seen(1.5 * COLUMNS + 0.7 * ROWS),
    "noise": lambda: seen(np.random.default_rng(0).normal(128, 50, (HEIGHT, WIDTH, 3))),
    "stripes": lambda: seen(np.where(COLUMNS // 16 % 2, 220, 30) + 0 * ROWS),
    "text": text,
    "one pixel": one_pixel,
    "picture": lambda: Signal.image(picture(HEIGHT, WIDTH)),
    "silence": lambda: heard(np.zeros(SAMPLES)),
    "chord": chord,
    "click": click,
    "hiss": lambda: heard(np.random.default_rng(0).normal(0, 0.2, SAMPLES).clip(-1, 1)),
}


MORE_SIGNALS = ("gradient", "stripes", "one pixel", "text")


def budgets_of(signal: Signal) -> list[int]:
    if signal.kind == "image":
        return [40, *(round(HEIGHT * WIDTH * bits / 8) for bits in BITS_A_PIXEL)]
    return [round(bits / 8) for bits in BITS_A_SECOND]


def may_leave(file_bytes: int) -> float:
    """Short messages end where a few weights let them."""
    return 0.03 * file_bytes if file_bytes > 2000 else 0.17 * file_bytes + 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if name in MORE_SIGNALS else [])
        for name in SIGNALS
    ],
)
def test_more_bytes_are_never_worse(name: str) -> None:
    signal, library = SIGNALS[name](), PresetLibrary(DEFAULT_DIRECTORY)
    best_db = -np.inf
    finest = MIN_INDEX if signal.kind == "image" else AudioField.finest_index
    for file_bytes in budgets_of(signal):
        result = encoded(signal, Budget(file_bytes), library, OPTIONS)
        assert len(result.data) <= file_bytes
        decoded = decode(result.data, device="cpu", models=library)
        assert np.array_equal(decoded.values, result.reconstruction.values)
        parameters = bitstream.read(result.data).header.parameters
        is_finest = not parameters or Parameters.from_bytes(parameters).noise_index == finest
        assert is_finest or len(result.data) >= file_bytes - may_leave(file_bytes)
        assert result.psnr_db >= best_db - FALL_DB
        best_db = max(best_db, result.psnr_db)
    assert best_db > 30
