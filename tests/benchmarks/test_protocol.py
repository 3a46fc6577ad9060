"""Bjøntegaard deltas of single files, and their means."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rate_distortion_examples import RATES, row, rows, too_small
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator

from benchmarks.rate_distortion import protocol, tables
from benchmarks.rate_distortion.curves import Curve, by_file
from benchmarks.rate_distortion.frame import frame
from benchmarks.rate_distortion.rows import OTHERS, OURS, OtherJob, Row
from combiner_core import CombinerError

RunCli = Callable[..., subprocess.CompletedProcess[str]]
GAINS = {"a": 1.1, "b": 1.2, "c": 1.3, "d": 1.25, "e": 1.15, "f": 1.3, "g": 1.2, "h": 1.1}


def compare(
    found: list[Row], anchor: str = "avif", low: float = 0.08, high: float = 0.5, **options: str
) -> protocol.Comparison:
    (one,) = protocol.compare(frame(found), [anchor], low, high, **options)
    return one


def test_deltas_of_parallel_curves_are_exact() -> None:
    one = compare([*rows("multires", 1.25), *rows("avif")])
    assert one.bd_rates_percent == pytest.approx({"a": -20, "b": -20}, abs=1e-6)
    assert one.bd_quality is not None
    assert one.bd_quality.value == pytest.approx(10 * math.log10(1.25), abs=1e-9)
    assert one.files == 2


def test_every_file_counts_alike_however_its_rates_were_chosen() -> None:
    """A file that is hard to code gets more bits at equal settings: its delta does not see it."""
    easy = [row("a", rate, "multires", 2.0) for rate in RATES]
    hard = [row("b", rate, "multires", 0.5, offset_db=-5) for rate in RATES]
    for factor in (1.0, 3.0):
        anchor = [row("a", rate / factor, "avif") for rate in RATES]
        anchor += [row("b", factor * rate, "avif", offset_db=-5) for rate in RATES]
        one = compare([*easy, *hard, *anchor], low=0.01, high=3)
        assert one.bd_rates_percent == pytest.approx({"a": -50, "b": 100}, abs=1e-6)
        assert one.bd_rate_percent is not None
        assert one.bd_rate_percent.value == pytest.approx(25, abs=1e-6)


def test_means_have_intervals_over_files() -> None:
    ours = [row(file, rate, "multires", gain) for file, gain in GAINS.items() for rate in RATES]
    mean = compare([*ours, *rows("avif", files=GAINS)]).bd_rate_percent
    assert mean is not None
    assert mean.low is not None
    assert mean.high is not None
    assert 100 / 1.3 - 100 < mean.low < mean.value < mean.high < 100 / 1.1 - 100
    expected = np.mean([100 / gain - 100 for gain in GAINS.values()])
    assert mean.value == pytest.approx(expected, abs=1e-6)


@given(
    gains=st.lists(st.floats(0.6, 1.6), min_size=5, max_size=8),
    steps=st.lists(st.floats(0.5, 4.0), min_size=5, max_size=8),
)
@settings(max_examples=40)
def test_deltas_are_the_area_between_the_curves(gains: list[float], steps: list[float]) -> None:
    """Against integrals by quadrature, of curves of any shape."""
    count = min(len(gains), len(steps))
    rates = np.geomspace(0.05, 1.2, count)
    quality = 25 + np.cumsum(steps[:count])
    test = Curve.through(rates * np.array(gains[:count]), quality + 0.3).rising()
    base = Curve.through(rates, quality)
    low, high = max(base.quality[0], test.quality[0]), min(base.quality[-1], test.quality[-1])
    if low >= high or len(test.rates) < 2:
        assert math.isnan(protocol.bd_rate_percent(base, test))
        return
    log_rates = [PchipInterpolator(one.quality, np.log(one.rates)) for one in (base, test)]
    area, _ = quad(lambda q: log_rates[1](q) - log_rates[0](q), low, high, limit=400)
    expected = 100 * (math.exp(area / (high - low)) - 1)
    assert protocol.bd_rate_percent(base, test) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_only_the_range_asked_for_counts() -> None:
    worse_outside = [
        row(file, rate, "multires", 1.25 if 0.1 < rate < 0.5 else 0.1)
        for file in "ab"
        for rate in (0.07, 0.13, 0.2, 0.29)
    ]
    one = compare([*worse_outside, *rows("avif")], low=0.13, high=0.29)
    assert one.bd_rates_percent == pytest.approx({"a": -20, "b": -20}, abs=0.1)


def test_only_files_that_both_have_count() -> None:
    alone = [row("c", rate, "multires", 100.0) for rate in RATES]
    one = compare([*rows("multires", 1.25), *rows("avif"), *alone])
    assert one.files == 2
    assert set(one.bd_rates_percent) == {"a", "b"}


def test_a_file_with_nothing_in_common_is_told() -> None:
    far = [row("b", rate, "multires", 1e3) for rate in RATES]
    near = rows("multires", 1.25, "a")
    one = compare([*near, *far, *rows("avif")])
    assert set(one.bd_rates_percent) == {"a"}
    lines = tables.comparisons({"all": [one]}).splitlines()
    assert lines[0] == "| codec | against | all, % |"
    assert lines[2] == "| multires balanced | avif | -20.0, 1 files |"
    one = compare([*far, *rows("avif", files="b")])
    assert one.bd_rate_percent is None
    assert one.bd_quality is not None
    assert one.bd_quality.value == pytest.approx(30)


def test_points_that_nobody_would_choose_do_not_count() -> None:
    falling = Curve.through([0.3, 0.2, 0.1, 0.3, 0.4], [23.5, 24, 20, 23, 26])
    assert falling.quality.tolist() == [20, 24, 23.5, 26]
    assert falling.rising().rates.tolist() == [0.1, 0.2, 0.4]
    plain = Curve.through([0.1, 0.2, 0.4], [20, 24, 26])
    assert protocol.bd_rate_percent(plain, falling) == pytest.approx(0, abs=1e-9)
    assert float(falling.at(0.3)) == pytest.approx(23.5)  # it was measured all the same


def test_other_measures_can_be_compared() -> None:
    both = [*rows("multires", 1.25), *rows("avif")]
    seen = [replace(one, psnr_db=None, scores={"ssimulacra2": one.psnr_db or 0}) for one in both]
    one = compare(seen, measure="ssimulacra2")
    assert one.bd_rates_percent == pytest.approx({"a": -20, "b": -20}, abs=1e-6)
    similar = [
        replace(one, psnr_db=None, ms_ssim=1 - 10 ** (-(one.psnr_db or 0) / 10)) for one in both
    ]
    one = compare(similar, measure="ms_ssim_db")
    assert one.bd_rates_percent == pytest.approx({"a": -20, "b": -20}, abs=1e-6)


def test_what_cannot_be_compared_is_refused() -> None:
    both = [*rows("multires"), *rows("avif")]
    sound = Row(OtherJob("a", "kbps", "opus", 8), 1000, 8, 40, 1.0, 1.0, None, 1)
    for found, anchor, low, high, message in (
        (both, "webp", 0.1, 0.5, "no results of webp; there are: avif, multires balanced"),
        (both, "avif", 0.5, 0.1, "not a range"),
        ([*both, sound], "avif", 0.1, 0.5, "bpp and in kbps"),
        (rows("avif"), "avif", 0.1, 0.5, "no codec to compare"),
    ):
        with pytest.raises(CombinerError, match=message):
            compare(found, anchor, low, high)


def test_bd_reads_results_of_ours_and_of_others(run_benchmarks: RunCli, tmp_path: Path) -> None:
    run = {"machine": {}, "commit": "", "packages": {}, "command": ""}
    for benchmark, codec, gain in ((OURS, "multires", 1.25), (OTHERS, "avif", 1.0)):
        content = {"version": 2, "kind": benchmark.kind, "runs": [run]}
        content["rows"] = [asdict(one) for one in rows(codec, gain)]
        (tmp_path / f"{codec}.json").write_text(json.dumps(content))
    done = run_benchmarks("bd", "multires.json", "avif.json", "--anchors", "avif")
    assert done.returncode == 0, done.stderr
    assert "| codec | against | 0.08 to 0.5 bpp, % |" in done.stdout
    assert "| multires balanced | avif | -20.0 |" in done.stdout


@pytest.mark.long
def test_two_versions_are_compared(tmp_path: Path, run_benchmarks: RunCli) -> None:
    run = {"machine": {}, "commit": "", "packages": {}, "command": ""}
    for name, gain in (("now", 1.25), ("then", 1.0)):
        content = {"version": 2, "kind": OURS.kind, "runs": [run]}
        content["rows"] = [asdict(one) for one in rows("multires", gain)]
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    done = run_benchmarks("bd", "now.json", "--before", "then.json")
    assert done.returncode == 0, done.stderr
    assert "| multires balanced | before: multires balanced | -20.0 |" in done.stdout
    refused = run_benchmarks("bd", "now.json")
    assert refused.returncode == 1
    assert "There is nothing to compare with" in refused.stderr


def test_files_that_are_worse_are_counted_and_named() -> None:
    ours = [
        row(file, rate, "multires", gain)
        for file, gain in zip("ab", (2.0, 0.5), strict=True)
        for rate in RATES
    ]
    one = compare([*ours, *rows("avif")])
    lines = tables.worst_files([one]).splitlines()
    assert lines[2:] == ["| multires balanced | avif | 2 | 1 | b +100 |"]


def test_a_file_of_several_seeds_counts_with_the_mean() -> None:
    seeds = [
        replace(
            row("a", rate, "multires", 1.0, db),
            job=replace(row("a", rate, "multires").job, seed=seed),
        )
        for rate in RATES
        for seed, db in enumerate((-0.3, 0.5))
    ]
    (mean,) = by_file(frame(seeds), "psnr_db").values()
    (plain,) = by_file(frame(rows("multires", files="a")), "psnr_db").values()
    assert mean.quality == pytest.approx(plain.quality + 0.1)
    assert mean.rates == pytest.approx(plain.rates)


def test_rows_without_a_file_or_a_score_make_no_points() -> None:
    found = [too_small("a", 0.07, "avif"), *(row("a", rate, "avif") for rate in RATES[1:])]
    (curve,) = by_file(frame(found), "psnr_db").values()
    assert curve.rates.tolist() == list(RATES[1:])
    assert by_file(frame(found), "ssimulacra2") == {}
    lossless = replace(row("a", 0.9, "avif"), psnr_db=math.inf)
    (curve,) = by_file(frame([*found, lossless]), "psnr_db").values()
    assert curve.rates.tolist() == list(RATES[1:])
