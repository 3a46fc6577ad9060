"""Bjøntegaard deltas between curves, and our files one by one."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rate_distortion_examples import RATES, row, rows, too_small

from benchmarks.rate_distortion import bd, per_file
from benchmarks.rate_distortion.curves import FileCurves
from benchmarks.rate_distortion.measure import Job, Row
from benchmarks.rate_distortion.published import PublishedCurve
from benchmarks.rate_distortion.tables import frame
from combiner_core import CombinerError

RunCli = Callable[..., subprocess.CompletedProcess[str]]


def test_deltas_of_parallel_curves_are_exact() -> None:
    (one,) = bd.compare([*rows("multires", 1.25), *rows("avif")], ["avif"], 0.08, 0.5)
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)
    assert one.bd_psnr_db == pytest.approx(10 * math.log10(1.25), abs=1e-9)
    assert (one.low, one.high) == pytest.approx((0.08, 0.5))
    assert (one.files, one.dropped) == (2, ())


def test_deltas_have_intervals_over_files() -> None:
    gains = {"a": 1.1, "b": 1.2, "c": 1.3, "d": 1.25, "e": 1.15, "f": 1.3, "g": 1.2, "h": 1.1}
    ours = [row(file, rate, "multires", gain) for file, gain in gains.items() for rate in RATES]
    (one,) = bd.compare([*ours, *rows("avif", files=gains)], ["avif"], 0.08, 0.5)
    assert one.bd_rate is not None
    assert one.bd_rate.low is not None
    assert one.bd_rate.high is not None
    assert (
        100 / 1.3 - 100 < one.bd_rate.low < one.bd_rate.value < one.bd_rate.high < 100 / 1.1 - 100
    )
    (alike,) = bd.compare(
        [*rows("multires", 1.25, gains), *rows("avif", files=gains)], ["avif"], 0.08, 0.5
    )
    assert alike.bd_rate is not None
    assert (alike.bd_rate.low, alike.bd_rate.high) == pytest.approx((-20, -20))


def test_only_the_range_asked_for_counts() -> None:
    worse_outside = [
        row(file, rate, "multires", 1.25 if 0.1 < rate < 0.5 else 0.1)
        for file in "ab"
        for rate in (0.07, 0.13, 0.2, 0.29)
    ]
    (one,) = bd.compare([*worse_outside, *rows("avif")], ["avif"], 0.13, 0.29)
    assert one.bd_rate_percent == pytest.approx(-20, abs=0.1)


def test_means_are_over_the_files_that_both_have() -> None:
    alone = [row("c", rate, "multires", 100.0) for rate in RATES]
    both = [*rows("multires", 1.25), *rows("avif")]
    (one,) = bd.compare([*both, *alone], ["avif"], 0.08, 0.5)
    assert one.files == 2
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)


def test_a_rate_that_a_file_lacks_is_left_out_and_said() -> None:
    anchor = [too_small("a", 0.07, "avif"), row("b", 0.07, "avif", offset_db=50)]
    anchor += [row(file, rate, "avif") for file in "ab" for rate in RATES[1:]]
    comparisons = bd.compare([*rows("multires", 1.25), *anchor], ["avif"], 0.08, 0.5)
    assert comparisons[0].low == pytest.approx(0.13)
    assert comparisons[0].bd_rate_percent == pytest.approx(-20, abs=1e-6)
    lines = bd.table(comparisons, "bpp").splitlines()
    assert lines[2] == "| multires balanced | avif | 2 | 0.13 to 0.5 | -20.0 | +0.97 |"
    assert lines[-1] == "avif at 0.07 bpp is left out: not every file has a result."


def test_curves_with_nothing_in_common_have_no_deltas() -> None:
    (one,) = bd.compare([*rows("multires", 1e3), *rows("avif")], ["avif"], 0.08, 0.5)
    assert one.bd_rate is None
    assert one.bd_psnr_db == pytest.approx(30)
    (one,) = bd.compare([*rows("multires"), *rows("avif")], ["avif"], 2, 3)
    assert (one.bd_rate, one.bd_quality, one.low) == (None, None, None)


def test_similarity_can_be_compared_instead() -> None:
    both = [*rows("multires", 1.25), *rows("avif")]
    similar = [
        Row(**{**vars(one), "psnr_db": None, "ms_ssim": 1 - 10 ** (-(one.psnr_db or 0) / 10)})
        for one in both
    ]
    (one,) = bd.compare(similar, ["avif"], 0.08, 0.5, "ms_ssim_db")
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)


def test_published_curves_are_compared_without_intervals() -> None:
    points = tuple((rate, 40 + 10 * math.log10(rate)) for rate in RATES)
    curve = PublishedCurve("Other", "image", points, "somewhere", "other files")
    ours = rows("multires", 1.25, "abcd")
    (one,) = bd.compare_published(frame(ours), [curve], 0.08, 0.5)
    assert (one.anchor, one.files) == ("Other", 4)
    assert one.bd_rate is not None
    assert one.bd_rate.value == pytest.approx(-20, abs=1e-6)
    assert one.bd_rate.low is None


def test_what_cannot_be_compared_is_refused() -> None:
    both = [*rows("multires"), *rows("avif")]
    falling = [row("a", rate, "multires", rate**-2) for rate in RATES]
    sound = Row(Job("a", 8, "kbps", "opus"), 1000, 8, 40, 1.0, 1.0, 100.0, 1)
    for found, anchor, low, high, message in (
        (both, "webp", 0.1, 0.5, "no results of webp; there are: avif, multires balanced"),
        (both, "avif", 0.5, 0.1, "not a range"),
        ([*both, sound], "avif", 0.1, 0.5, "bpp and in kbps"),
        (frame(rows("avif")), "avif", 0.1, 0.5, "no codec to compare"),
        ([*falling, *rows("avif")], "avif", 0.1, 0.5, "multires balanced does not rise"),
    ):
        with pytest.raises(CombinerError, match=message):
            bd.compare(found, [anchor], low, high)


def test_bd_reads_several_files(run_benchmarks: RunCli, tmp_path: Path) -> None:
    for codec, gain in (("multires", 1.25), ("avif", 1.0)):
        # As older files have them: without the fields that came later.
        older = ("bytes", "actual_rate", "psnr_db", "encode_s", "decode_s", "peak_memory_mb")
        content = [
            {"job": vars(row.job), "threads": 1, **{name: getattr(row, name) for name in older}}
            for row in rows(codec, gain)
        ]
        header = {"version": 1, "machine": {}, "commit": "", "packages": {}}
        (tmp_path / f"{codec}.json").write_text(json.dumps({**header, "rows": content}))
    done = run_benchmarks("bd", "multires.json", "avif.json", "--anchors", "avif")
    assert done.returncode == 0, done.stderr
    assert "| multires balanced | avif | 2 | 0.08 to 0.5 | -20.0 | +0.97 |" in done.stdout


def test_files_that_are_worse_are_counted_where_both_can_go() -> None:
    ours = [row("a", 0.13, "multires", 2.0), row("b", 0.13, "multires", 0.5)]
    ours += [row("a", 0.05, "multires", 2.0), too_small("b", 0.05, "multires")]
    data = frame([*ours, *rows("avif")])
    found = per_file.differences(data, "multires balanced", "avif")
    by_case = found.set_index(["file", "rate"])["difference_db"]
    assert by_case["a", 0.13] == pytest.approx(10 * math.log10(2))
    assert by_case["b", 0.13] == pytest.approx(-10 * math.log10(2))
    assert math.isnan(by_case["a", 0.05])  # below the anchor's smallest file
    assert len(found) == 3
    lines = per_file.table(found).splitlines()
    assert lines[2:] == [
        "| multires balanced | avif | 0.13 | 2 | 1 | +0.00 | b -3.01 |",
    ]


def test_anchors_without_any_file_in_common_have_no_lines() -> None:
    data = frame([*rows("multires"), *rows("avif", files="c")])
    found = per_file.differences(data, "multires balanced", "avif")
    assert found.empty
    assert len(per_file.table(found).splitlines()) == 2


def test_a_file_of_several_seeds_counts_with_the_mean() -> None:
    offsets_db = (-0.3, 0.5)
    seeds = [
        row(file, rate, "multires", 1.0, db) for file in "ab" for rate in RATES for db in offsets_db
    ]
    mean = FileCurves.of(seeds, ["a", "b"], "psnr_db").mean()
    plain = FileCurves.of(rows("multires"), ["a", "b"], "psnr_db").mean()
    assert mean.quality_db == pytest.approx(plain.quality_db + 0.1)
    assert mean.rates == pytest.approx(plain.rates)


def test_a_measure_that_no_row_has_leaves_an_empty_curve() -> None:
    curve = FileCurves.of(rows("multires"), ["a", "b"], "ms_ssim_db").mean()
    assert (len(curve.rates), curve.dropped_rates) == (0, RATES)
