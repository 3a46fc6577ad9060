"""Means of curves: what the way of averaging is worth, and published means."""

from __future__ import annotations

import numpy as np
import pytest
from rate_distortion_examples import RATES, job, rows

from benchmarks.rate_distortion import averages, tables
from benchmarks.rate_distortion.frame import frame
from benchmarks.rate_distortion.published import PublishedCurve
from benchmarks.rate_distortion.rows import Row

# at equal settings the second file needs four times the bits of the first for the same quality
HARDNESS = {"a": 0.5, "b": 2.0}


def at_equal_settings(codec: str) -> list[Row]:
    """Both files have the same PSNR at a setting, as encoders of constant quality do."""
    return [
        Row(job(file, rate, codec), 1, hardness * rate, 40 + 10 * np.log10(rate), 1, 1, 1, 1)
        for file, hardness in HARDNESS.items()
        for rate in np.geomspace(0.02, 2, 9)
    ]


def test_the_way_of_averaging_is_worth_what_the_arithmetic_says() -> None:
    effects = averages.effects_of_averaging(frame(at_equal_settings("avif (tune=psnr)")), 0.1, 0.8)
    # means of the rates 0.5 r and 2 r, against the mean of the logarithms at one rate
    expected = 100 * (np.sqrt(0.5 * 2.0) / 1.25 - 1)
    assert effects == {"avif (tune=psnr)": pytest.approx(expected, abs=0.05)}
    assert "| avif (tune=psnr) | -20.0 |" in tables.effects(effects)


def test_published_means_are_compared_as_they_are_and_alike() -> None:
    points = tuple((rate, 40 + 10 * float(np.log10(rate))) for rate in RATES)
    settings = PublishedCurve("Settings", "image", points, "somewhere", "other files")
    rates = PublishedCurve("Rates", "image", points, "somewhere", "other files", "rates")
    data = frame([*rows("multires", 1.25, "ab"), *at_equal_settings("avif (tune=psnr)")])
    first, second = averages.compare_means(data, [settings, rates], 0.1, 0.5)
    assert (first.anchor, first.files) == ("Settings", 2)
    assert first.bd_rate_percent == pytest.approx(-20, abs=1e-6)
    assert first.alike_percent == pytest.approx(0, abs=0.1)
    assert second.bd_rate_percent == pytest.approx(-20, abs=1e-6)
    assert second.alike_percent is None
    lines = tables.means([first, second]).splitlines()
    assert lines[2].startswith("| multires balanced | Settings | -20.0 |")
    assert lines[3] == "| multires balanced | Rates | -20.0 |  | +0.97 |"


def test_without_other_codecs_the_difference_is_not_known() -> None:
    curve = PublishedCurve("Settings", "image", ((0.05, 25.0), (0.5, 37.0)), "there", "all")
    (one,) = averages.compare_means(frame(rows("multires")), [curve], 0.1, 0.5)
    assert one.bd_rate_percent is not None
    assert one.alike_percent is None
    far = PublishedCurve("Far", "image", ((5.0, 60.0), (6.0, 61.0)), "there", "all")
    (one,) = averages.compare_means(frame(rows("multires")), [far], 0.1, 0.5)
    assert (one.bd_rate_percent, one.bd_psnr_db) == (None, None)
