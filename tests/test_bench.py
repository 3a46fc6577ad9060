"""Rate-distortion measurements: what they are of, and what is made of them."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from signal_files import image_bytes, picture

from combiner_core import CombinerError
from combiner_core.bench import comparison, losses
from combiner_core.bench.published import PublishedCurve
from combiner_core.bench.rate_distortion import (
    Job,
    Plan,
    Row,
    read_rows,
    run,
    table,
    table_by_rate,
)

RATES = (0.07, 0.13, 0.29, 0.6)
RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(run_cli: RunCli, multires_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_cli` with tiny presets of the multires family."""
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    return run_cli


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "photo.png").write_bytes(image_bytes(picture(), "PNG"))
    return folder


def row(file: str, rate: float, codec: str, gain: float = 1.0, offset_db: float = 0.0) -> Row:
    """On a curve of 10 dB a decade that needs 1 / `gain` of the bits of the plain one."""
    psnr_db = 40 + offset_db + 10 * math.log10(gain * rate)
    return Row(Job(file, rate, "bpp", codec), 1000, rate, psnr_db, 1.0, 1.0, 100.0, 1)


def too_small(file: str, rate: float, codec: str) -> Row:
    return Row(Job(file, rate, "bpp", codec), None, None, None, None, None, 100.0, 1)


def rows(codec: str, gain: float = 1.0, files: Iterable[str] = "ab") -> list[Row]:
    return [row(file, rate, codec, gain) for file in files for rate in RATES]


def test_our_settings_are_named_with_what_matters() -> None:
    assert Job("a", 1, "bpp", "avif", "best").setting == "avif"
    assert Job("a", 1, "bpp", "multires", "fast").setting == "multires fast"
    assert Job("a", 1, "bpp", "siren-image", rec="astar", refine=False).setting == (
        "siren-image balanced, astar, no refinement"
    )


def test_baselines_are_measured_once_whatever_our_settings() -> None:
    plan = Plan([1.0], "bpp", ["multires", "siren", "jpeg"], ["fast", "best"], seeds=[0, 7])
    jobs = plan.jobs(["a", "b"])
    assert [job.codec for job in jobs] == ["multires"] * 8 + ["siren"] * 8 + ["jpeg"] * 2
    assert len(set(jobs)) == len(jobs)
    assert {job.seed for job in jobs if job.codec == "siren"} == {0, 7}


def test_rd_measures_models_and_baselines(cli: RunCli, photos: Path, tmp_path: Path) -> None:
    arguments = ("bench", "rd", "--data", photos, "--out", "rows.json", "--rates", "8")
    options = ("--unit", "bpp", "--efforts", "fast", "--threads", "1")
    done = cli(*arguments, *options, "--codecs", "multires", "jpeg")
    assert done.returncode == 0, done.stderr
    assert "| multires fast |" in done.stdout
    by_codec = {row.job.codec: row for row in read_rows(tmp_path / "rows.json")}
    jpeg, ours = by_codec["jpeg"], by_codec["multires"]
    assert jpeg.kl_bits is jpeg.side_bits is jpeg.prior is None
    assert ours.kl_bits is not None
    assert ours.side_bits is not None
    assert 0 < ours.kl_bits + ours.side_bits < 2 * 8 * 40 * 24
    assert ours.prior is not None
    assert ours.prior.startswith("tiny-multires-image ")
    assert ours.ms_ssim is None  # the picture is too small for five scales

    again = cli(*arguments, *options, "--codecs", "jpeg")
    assert again.stdout == done.stdout
    assert "photo.png" not in again.stderr  # nothing was left to measure


def test_structural_similarity_is_measured_of_larger_pictures(photos: Path) -> None:
    (photos / "photo.png").write_bytes(image_bytes(picture(168, 176), "PNG"))
    found = [run(Job("photo.png", rate, "bpp", "webp"), photos, threads=1) for rate in (0.5, 2)]
    coarse, fine = (row.ms_ssim_db for row in found)
    assert coarse is not None
    assert fine is not None
    assert 10 < coarse < fine < 60


@pytest.mark.parametrize("codec", ["multires", "jpeg"])
def test_a_budget_that_no_file_can_meet_is_recorded(
    codec: str, photos: Path, multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    found = run(Job("photo.png", 0.01, "bpp", codec), photos, threads=1)
    assert (found.bytes, found.psnr_db) == (None, None)
    assert "cannot go this small" in table([found])


def test_table_has_intervals_over_files_not_seeds() -> None:
    found = [
        row(file, 0.13, "multires", offset_db=db) for file, db in (("a", 0), ("b", 1), ("c", 2))
    ]
    lines = table(found).splitlines()
    assert lines[2].startswith("| multires balanced | 3 | 0.13 | 0.13 | 32.14 (31.14 to 33.14) |")
    reseeded = [
        Row(Job(one.job.file, 0.13, "bpp", "multires", seed=seed), *list(vars(one).values())[1:])
        for one in found
        for seed in range(4)
    ]
    assert table(reseeded) == table(found)


def test_rates_are_lines_and_settings_columns() -> None:
    small = [too_small("a", 0.07, "avif"), row("b", 0.07, "avif")]
    short = [Row(Job(f, 0.13, "bpp", "avif"), 1, 0.12, 30.0, 1, 1, 1, 1) for f in "ab"]
    found = [*rows("multires"), *small, *short]
    lines = table_by_rate(found, ["multires balanced", "avif"]).splitlines()
    assert lines[0] == "| bpp | multires balanced, dB | avif, dB |"
    assert lines[2] == "| 0.07 | 28.45 | 1 of 2 files do not fit |"
    assert lines[3] == "| 0.13 | 31.14 | 30.00 at 0.12 |"
    assert lines[4] == "| 0.29 | 34.62 |  |"


def test_deltas_of_parallel_curves_are_exact() -> None:
    (one,) = comparison.compare([*rows("multires", 1.25), *rows("avif")], ["avif"], 0.08, 0.5)
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)
    assert one.bd_psnr_db == pytest.approx(10 * math.log10(1.25), abs=1e-9)
    assert (one.low, one.high) == pytest.approx((0.08, 0.5))
    assert (one.files, one.dropped) == (2, ())


def test_deltas_have_intervals_over_files() -> None:
    gains = {"a": 1.1, "b": 1.2, "c": 1.3, "d": 1.25, "e": 1.15, "f": 1.3, "g": 1.2, "h": 1.1}
    ours = [row(file, rate, "multires", gain) for file, gain in gains.items() for rate in RATES]
    (one,) = comparison.compare([*ours, *rows("avif", files=gains)], ["avif"], 0.08, 0.5)
    assert one.bd_rate is not None
    assert one.bd_rate.low is not None
    assert one.bd_rate.high is not None
    assert (
        100 / 1.3 - 100 < one.bd_rate.low < one.bd_rate.value < one.bd_rate.high < 100 / 1.1 - 100
    )
    (alike,) = comparison.compare(
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
    (one,) = comparison.compare([*worse_outside, *rows("avif")], ["avif"], 0.13, 0.29)
    assert one.bd_rate_percent == pytest.approx(-20, abs=0.1)


def test_means_are_over_the_files_that_both_have() -> None:
    alone = [row("c", rate, "multires", 100.0) for rate in RATES]
    both = [*rows("multires", 1.25), *rows("avif")]
    (one,) = comparison.compare([*both, *alone], ["avif"], 0.08, 0.5)
    assert one.files == 2
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)


def test_a_rate_that_a_file_lacks_is_left_out_and_said() -> None:
    anchor = [too_small("a", 0.07, "avif"), row("b", 0.07, "avif", offset_db=50)]
    anchor += [row(file, rate, "avif") for file in "ab" for rate in RATES[1:]]
    comparisons = comparison.compare([*rows("multires", 1.25), *anchor], ["avif"], 0.08, 0.5)
    assert comparisons[0].low == pytest.approx(0.13)
    assert comparisons[0].bd_rate_percent == pytest.approx(-20, abs=1e-6)
    lines = comparison.table(comparisons, "bpp").splitlines()
    assert lines[2] == "| multires balanced | avif | 2 | 0.13 to 0.5 | -20.0 | +0.97 |"
    assert lines[-1] == "avif at 0.07 bpp is left out: not every file has a result."


def test_curves_with_nothing_in_common_have_no_deltas() -> None:
    (one,) = comparison.compare([*rows("multires", 1e3), *rows("avif")], ["avif"], 0.08, 0.5)
    assert one.bd_rate is None
    assert one.bd_psnr_db == pytest.approx(30)
    (one,) = comparison.compare([*rows("multires"), *rows("avif")], ["avif"], 2, 3)
    assert (one.bd_rate, one.bd_quality, one.low) == (None, None, None)


def test_similarity_can_be_compared_instead() -> None:
    both = [*rows("multires", 1.25), *rows("avif")]
    similar = [
        Row(**{**vars(one), "psnr_db": None, "ms_ssim": 1 - 10 ** (-(one.psnr_db or 0) / 10)})
        for one in both
    ]
    (one,) = comparison.compare(similar, ["avif"], 0.08, 0.5, "ms_ssim_db")
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)


def test_published_curves_are_compared_without_intervals() -> None:
    points = tuple((rate, 40 + 10 * math.log10(rate)) for rate in RATES)
    curve = PublishedCurve("Other", "image", points, "somewhere", "other files")
    ours = rows("multires", 1.25, "abcd")
    (one,) = comparison.compare_published(ours, [curve], 0.08, 0.5)
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
        (rows("avif"), "avif", 0.1, 0.5, "no codec to compare"),
        ([*falling, *rows("avif")], "avif", 0.1, 0.5, "multires balanced does not rise"),
    ):
        with pytest.raises(CombinerError, match=message):
            comparison.compare(found, [anchor], low, high)


def test_bd_reads_several_files(run_cli: RunCli, tmp_path: Path) -> None:
    for codec, gain in (("multires", 1.25), ("avif", 1.0)):
        # As older files have them: without the fields that came later.
        older = ("bytes", "actual_rate", "psnr_db", "encode_s", "decode_s", "peak_memory_mb")
        content = [
            {"job": vars(row.job), "threads": 1, **{name: getattr(row, name) for name in older}}
            for row in rows(codec, gain)
        ]
        header = {"version": 1, "machine": {}, "commit": "", "packages": {}}
        (tmp_path / f"{codec}.json").write_text(json.dumps({**header, "rows": content}))
    done = run_cli("bench", "bd", "multires.json", "avif.json", "--anchors", "avif")
    assert done.returncode == 0, done.stderr
    assert "| multires balanced | avif | 2 | 0.08 to 0.5 | -20.0 | +0.97 |" in done.stdout


def test_losses_are_counted_where_both_can_go() -> None:
    ours = [row("a", 0.13, "multires", 2.0), row("b", 0.13, "multires", 0.5)]
    ours += [row("a", 0.05, "multires", 2.0)]
    found = losses.differences([*ours, *rows("avif")], "multires balanced", "avif")
    by_case = {(one.file, one.rate): one.db for one in found}
    assert by_case["a", 0.13] == pytest.approx(10 * math.log10(2))
    assert by_case["b", 0.13] == pytest.approx(-10 * math.log10(2))
    assert by_case["a", 0.05] is None  # below the anchor's smallest file
    lines = losses.table(found).splitlines()
    assert lines[2:] == [
        "| multires balanced | avif | 0.13 | 2 | 1 | +0.00 | b -3.01 |",
    ]


def test_a_file_of_several_seeds_counts_with_the_mean() -> None:
    offsets_db = (-0.3, 0.5)
    seeds = [
        row(file, rate, "multires", 1.0, db) for file in "ab" for rate in RATES for db in offsets_db
    ]
    mean = comparison.FileCurves.of(seeds, ["a", "b"], "psnr_db").mean()
    plain = comparison.FileCurves.of(rows("multires"), ["a", "b"], "psnr_db").mean()
    assert mean.quality_db == pytest.approx(plain.quality_db + 0.1)
    assert mean.rates == pytest.approx(plain.rates)
