"""What budgets come to for a signal."""

from __future__ import annotations

import numpy as np
import pytest

from combiner_core import Budget, Signal
from demo.compress import budgets
from demo.media import Extent

KODAK = Extent.of(Signal.image(np.zeros((512, 768, 3), np.uint8)).shape)
CLIP = Extent.of(Signal.audio(np.zeros((2, 16000)), 16000).shape)


@pytest.mark.parametrize("rate", budgets.PICKS["image"])
def test_picks_are_the_rates_they_say(rate: float) -> None:
    image = Signal.image(np.zeros((512, 768, 3), np.uint8))
    size = budgets.bytes_at(KODAK, rate)
    assert size == Budget(rate, "bpp").file_bytes(image)
    assert KODAK.rate(size) == pytest.approx(rate, rel=1e-3)


def test_a_budget_is_described_in_full() -> None:
    assert budgets.describe(KODAK, 3440) == (
        "768 × 512 pixels: at most 3,440 bytes, 0.070 bpp, 343 times smaller than uncompressed"
    )
    assert budgets.describe(CLIP, 16000) == (
        "1.00 s, stereo, 16,000 Hz: at most 16,000 bytes, 128.00 kbps, "
        "4.0 times smaller than uncompressed"
    )


def test_budgets_on_offer_are_in_order() -> None:
    tiny = Extent.of(Signal.image(np.zeros((8, 8, 3), np.uint8)).shape)
    for extent in (KODAK, CLIP, tiny):
        assert budgets.MIN_BYTES <= budgets.default_bytes(extent) < budgets.max_bytes(extent)


def test_the_slider_counts_doublings() -> None:
    assert budgets.slider_position(64) == 6
    assert budgets.slider_position(2**20) == 20
    assert budgets.slider_position(0) == 0
