"""What budgets come to for a signal."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from combiner_core import Budget, BudgetError, EncodeOptions, Signal
from combiner_core.options import EffortName
from demo.compress import budgets, purposes
from demo.compress.budgets import Known, Wish
from demo.jobs.run_times import RunTimes
from demo.media import Extent, bytes_text
from demo.work.source import most_bytes_of

IMAGE = Signal.image(np.zeros((512, 768, 3), np.uint8))
KODAK = Extent.of(IMAGE.shape)
CLIP = Extent.of(Signal.audio(np.zeros((2, 16000)), 16000).shape)
QUICK = EncodeOptions(effort="fast", tune="perceptual")
PHOTO = Known("/photo.png", KODAK, 218_000, 150_000)


@pytest.mark.parametrize("purpose", purposes.PURPOSES["image"])
def test_purposes_are_the_rates_they_say(purpose: purposes.Purpose) -> None:
    budget = Wish(purpose.name, 1).budget("image", PHOTO)
    assert budget.file_bytes(IMAGE) == Budget(purpose.rate, "bpp").file_bytes(IMAGE)
    assert budgets.matching(KODAK, int(budget.amount)) == purpose.name
    # Of a file that nobody looked into yet, too.
    assert Wish(purpose.name, 1).budget("image", None).file_bytes(IMAGE) == budget.amount


def test_ones_own_budget_ends_where_the_gain_does() -> None:
    assert Wish(purposes.OWN, 900).budget("image", PHOTO) == Budget(900)
    assert Wish(purposes.OWN, 10**6).budget("image", PHOTO) == Budget(150_000)
    assert Wish("large", 1).budget("image", Known("", KODAK, 0, 5000)) == Budget(5000)
    assert budgets.matching(KODAK, 900) == purposes.OWN
    with pytest.raises(BudgetError, match="Type the number"):
        Wish(purposes.OWN, None).budget("image", PHOTO)


def test_no_budget_is_larger_than_the_file_itself() -> None:
    jpeg = Known("/photo.jpg", KODAK, 40_000, 150_000)
    assert Wish(purposes.OWN, 10**6).budget("image", jpeg) == Budget(40_000)
    assert Wish("large", 1).budget("image", jpeg) == Budget(40_000)
    text = budgets.describe(jpeg, 40_000, QUICK, 2.2)
    assert "would be no compression" in text
    assert "The gain ends" not in text
    assert "job-warning" not in budgets.describe(jpeg, 39_999, QUICK, 2.2)
    # What is foretold of a size is that of the picture, not of its file.
    png = replace(jpeg, file_bytes=218_000)
    qualities = {
        match[0] if (match := re.search(r"[\w ]+ quality in most photographs", text)) else ""
        for text in (budgets.describe(each, 22_000, QUICK, 2.2) for each in (jpeg, png))
    }
    assert len(qualities) == 1
    assert "" not in qualities


def test_noise_may_have_many_bytes(rng: np.random.Generator) -> None:
    noise = Signal.image(rng.integers(0, 256, (300, 400, 3), np.uint8))
    assert most_bytes_of(noise) > noise.values.nbytes


def test_a_budget_is_described_in_full() -> None:
    text = budgets.describe(PHOTO, 22_000, QUICK, 2.2)
    assert "218 kB to at most 22 kB, 90 % smaller" in text
    assert "about 2 s, very good quality in most photographs" in text
    assert "768 × 512 pixels: at most 22,000 bytes, 0.448 bpp" in text
    assert "job-warning" not in text
    assert "The gain ends" in budgets.describe(PHOTO, 150_000, QUICK, 2.2)
    clip = Known("", CLIP, 64_044, 32_000)
    assert "1.00 s, stereo, 16,000 Hz: at most 16,000 bytes, 128.00 kbps" in budgets.describe(
        clip, 16_000, QUICK, 2.2
    )


def test_of_too_few_bytes_the_least_that_are_of_use_are_told() -> None:
    clip = Known("", CLIP, 64_044, 32_000)
    for known, least_bytes, sense in ((PHOTO, 983, "seen"), (clip, 125, "heard")):
        least = f"The least useful size is {least_bytes} bytes."
        for too_few in (budgets.MIN_BYTES, least_bytes - 1):
            text = budgets.describe(known, too_few, QUICK, 2.2)
            assert f"anything would be {sense}. {least}" in text
            assert "rough" not in text
        for impossible in (-5, 0, 10):
            text = budgets.describe(known, impossible, QUICK, 2.2)
            assert text.startswith(f'<p class="job-warning">No file has so few bytes. {least}</p>')
            assert "about" not in text
        assert "least useful" not in budgets.describe(known, least_bytes, QUICK, 2.2)
    tiny = Known("", Extent.of(Signal.image(np.zeros((8, 8, 3), np.uint8)).shape), 90, 300)
    assert "least useful" not in budgets.describe(tiny, tiny.least_bytes, QUICK, 2.2)


def test_psnr_is_foretold_by_tune_rate_and_picture() -> None:
    foretold_db = purposes.foretold_db
    assert foretold_db(1, 12, "perceptual") < foretold_db(1, 12, "psnr")
    assert foretold_db(0.5, 12, "psnr") < foretold_db(1, 12, "psnr") < foretold_db(1, 8, "psnr")
    texts = [purposes.quality_text("image", 0.5, most, "psnr") for most in (12, 16, 20)]
    assert len(set(texts)) == 3
    # Nobody knows how many dB a drawing will have.
    assert not any("dB" in text for text in texts)


def test_the_quality_of_sound_is_in_words() -> None:
    texts = [purposes.quality_text("audio", rate, 500, "perceptual") for rate in (4, 8, 16, 32, 64)]
    assert len(set(texts)) == 5
    assert texts[0].startswith("rough")
    assert texts[-1].startswith("very good")


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (218_000, 22_000, "218 kB to 22 kB, 90 % smaller"),
        (12_345_678, 9_800, "12 MB to 9.8 kB, 99.9 % smaller"),
        (900, 900, "900 bytes to 900 bytes: your file is no larger already"),
        (0, 22_000, "22 kB"),
    ],
)
def test_savings_are_told_as_people_do(before: int, after: int, text: str) -> None:
    assert budgets.saving_text(before, after) == text


def test_a_part_of_a_file_is_not_called_smaller() -> None:
    film = Known("/film.mp4", KODAK, 0, 150_000)
    assert "<strong>At most 22 kB</strong>" in budgets.describe(film, 22_000, QUICK, 2.2)
    assert film.most_bytes == 150_000


def test_words_for_sound_go_by_the_rate_of_a_channel() -> None:
    texts = set()
    for channels in (1, 2, 6):
        clip = Signal.audio(np.zeros((channels, 16_000), np.float32), 16_000)
        known = Known("", Extent.of(clip.shape), 32_000 * channels, 32_000 * channels)
        text = budgets.describe(known, 2000 * channels, QUICK, 2.2)
        texts.add(text[text.index("about") : text.index("</p>", text.index("about"))])
    assert texts == {"about 2 s, good for speech, fair for music"}


def test_numbers_of_bytes_are_short() -> None:
    assert [bytes_text(n) for n in (64, 999, 1000, 9_949, 9_951, 999_499, 999_500)] == [
        *("64 bytes", "999 bytes", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB")
    ]


def test_budgets_on_offer_are_in_order() -> None:
    tiny = Extent.of(Signal.image(np.zeros((8, 8, 3), np.uint8)).shape)
    for extent in (KODAK, CLIP, tiny):
        assert budgets.MIN_BYTES <= budgets.min_bytes(extent) < budgets.max_bytes(extent)
        assert budgets.max_bytes(extent, 5) == 2 * budgets.MIN_BYTES


def test_more_effort_takes_longer_and_durations_are_round() -> None:
    times = RunTimes()
    efforts: tuple[EffortName, ...] = ("fast", "balanced", "best")
    fast, balanced, best = (
        times.usual_s(KODAK, EncodeOptions(effort=effort)) for effort in efforts
    )
    assert 1 < fast < balanced < best
    assert best < times.usual_s(KODAK, EncodeOptions(model="siren", effort="best"))
    texts = [purposes.duration_text(seconds) for seconds in (0.8, 2.2, 43.7, 600)]
    assert texts == ["about a second", "about 2 s", "about 45 s", "about 10 min"]


def test_how_long_runs_take_is_learned_from_those_before() -> None:
    times, fast, best = RunTimes(), EncodeOptions(effort="fast"), EncodeOptions(effort="best")
    siren = EncodeOptions(model="siren", effort="fast")
    expected_s, best_s, siren_s, clip_s = (
        *(times.usual_s(KODAK, options) for options in (fast, best, siren)),
        times.usual_s(CLIP, fast),
    )
    times.see(KODAK, fast, 8 * expected_s)
    assert times.usual_s(KODAK, fast) == pytest.approx(8 * expected_s)
    assert times.usual_s(KODAK, best) == pytest.approx(8 * best_s)
    assert times.usual_s(CLIP, fast) == clip_s  # The other kind is another matter,
    assert times.usual_s(KODAK, siren) == siren_s  # and so is the other model.
    times.see(KODAK, fast, 1e-3 * expected_s)  # One run that was easy changes little.
    assert times.usual_s(KODAK, fast) > 5 * expected_s
    for _ in range(12):
        times.see(KODAK, best, 2 * best_s)
    assert times.usual_s(KODAK, fast) == pytest.approx(2 * expected_s, rel=0.01)
    times.see(KODAK, fast, 0.0)  # By a clock that was set.
    assert times.usual_s(KODAK, fast) > 0


def test_the_slider_counts_doublings() -> None:
    assert budgets.slider_position(64) == 6
    assert budgets.slider_position(2**20) == 20
    assert budgets.slider_position(0) == 0
