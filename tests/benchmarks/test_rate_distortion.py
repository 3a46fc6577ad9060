"""Rate and distortion: what is measured, and the tables of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rate_distortion_examples import row, rows, too_small
from signal_files import image_bytes, picture

from benchmarks.rate_distortion.measure import Job, Plan, Row, read_rows, run
from benchmarks.rate_distortion.tables import by_rate, by_setting, frame

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(run_benchmarks: RunCli, multires_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_benchmarks` with tiny presets of the multires family."""
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    return run_benchmarks


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
    arguments = ("rd", "--data", photos, "--out", "rows.json", "--rates", "8")
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
    assert "cannot go this small" in by_setting(frame([found]))


def test_table_has_intervals_over_files_not_seeds() -> None:
    found = [
        row(file, 0.13, "multires", offset_db=db) for file, db in (("a", 0), ("b", 1), ("c", 2))
    ]
    lines = by_setting(frame(found)).splitlines()
    assert lines[2].startswith("| multires balanced | 3 | 0.13 | 0.13 | 32.14 (31.14 to 33.14) |")
    reseeded = [
        Row(Job(one.job.file, 0.13, "bpp", "multires", seed=seed), *list(vars(one).values())[1:])
        for one in found
        for seed in range(4)
    ]
    assert by_setting(frame(reseeded)) == by_setting(frame(found))


def test_rates_are_lines_and_settings_columns() -> None:
    small = [too_small("a", 0.07, "avif"), row("b", 0.07, "avif")]
    short = [Row(Job(f, 0.13, "bpp", "avif"), 1, 0.12, 30.0, 1, 1, 1, 1) for f in "ab"]
    found = [*rows("multires"), *small, *short]
    lines = by_rate(frame(found), ["multires balanced", "avif"]).splitlines()
    assert lines[0] == "| bpp | multires balanced, dB | avif, dB |"
    assert lines[2] == "| 0.07 | 28.45 | 1 of 2 files do not fit |"
    assert lines[3] == "| 0.13 | 31.14 | 30.00 at 0.12 |"
    assert lines[4] == "| 0.29 | 34.62 |  |"
