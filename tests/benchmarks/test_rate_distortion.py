"""Rate and distortion: what is measured, and the tables of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rate_distortion_examples import RATES, row, rows
from signal_files import image_bytes, picture

from benchmarks.rate_distortion.frame import frame
from benchmarks.rate_distortion.measure import Plan, other_jobs, run, run_other
from benchmarks.rate_distortion.rows import Job, OtherJob, read_rows
from benchmarks.rate_distortion.tables import by_rate, by_setting, seeds
from combiner_core import CombinerError
from combiner_core.signals import Signal, save

RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(run_benchmarks: RunCli, multires_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_benchmarks` with tiny presets of the multires family."""
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    return run_benchmarks


def test_our_settings_are_named_with_what_matters() -> None:
    assert OtherJob("a", "bpp", "avif (tune=iq)", 50).setting == "avif (tune=iq)"
    assert Job("a", 1, "bpp", "multires", "fast").setting == "multires fast"
    assert Job("a", 1, "bpp", "siren-image", rec="astar", refine=False).setting == (
        "siren-image balanced, astar, no refinement"
    )


def test_all_combinations_of_ours_are_measured() -> None:
    plan = Plan([1.0], "bpp", ["multires", "siren"], ["fast", "best"], seeds=[0, 7])
    jobs = plan.jobs(["a", "b"])
    assert [job.codec for job in jobs] == ["multires"] * 8 + ["siren"] * 8
    assert len(set(jobs)) == len(jobs)
    assert {job.seed for job in jobs if job.codec == "siren"} == {0, 7}


def test_others_are_measured_at_all_of_their_points() -> None:
    jobs = other_jobs(["a", "b"], "bpp", ["jpeg", "webp"])
    assert len(set(jobs)) == len(jobs) == 2 * (6 + 6)
    with pytest.raises(CombinerError, match=r"^There is no codec gif; there are: avif"):
        other_jobs(["a"], "bpp", ["gif"])


def test_rd_measures_models(cli: RunCli, photos: Path, tmp_path: Path) -> None:
    arguments = ("rd", "--data", photos, "--out", "rows.json", "--rates", "8", "--unit", "bpp")
    options = ("--efforts", "fast", "--threads", "1", "--codecs", "multires")
    done = cli(*arguments, *options)
    assert done.returncode == 0, done.stderr
    assert "| multires fast |" in done.stdout
    (ours,) = read_rows(tmp_path / "rows.json")
    assert ours.kl_bits is not None
    assert ours.side_bits is not None
    assert ours.kl_bits > 0
    assert ours.side_bits == 0
    assert ours.prior is not None
    assert ours.prior.startswith("tiny-multires-image ")
    assert ours.ms_ssim is None  # the picture is too small for five scales
    assert ours.encoder is None
    assert 0 < ours.scores["ssimulacra2"] < 100

    again = cli(*arguments, *options)
    assert again.stdout == done.stdout
    assert "photo.png" not in again.stderr  # nothing was left to measure


@pytest.mark.long
def test_others_are_measured_and_resumed(cli: RunCli, photos: Path, tmp_path: Path) -> None:
    arguments = ("others", "--data", photos, "--out", "rows.json", "--set", "graphics")
    done = cli(*arguments, "--threads", "1", "--codecs", "jpeg")
    assert done.returncode == 0, done.stderr
    found = read_rows(tmp_path / "rows.json")
    assert [row.job.setting for row in found] == ["jpeg"] * 6
    for one in found:
        assert one.kl_bits is one.prior is one.peak_memory_mb is None
        assert one.encoder is not None
        assert one.encoder.startswith("libjpeg_turbo")
        assert one.scores["ssimulacra2"] < 100
    again = cli(*arguments, "--threads", "1", "--codecs", "jpeg", "webp")
    assert "jpeg: " not in again.stderr
    assert again.stderr.count("webp: ") == 6


def test_speech_by_others_has_scores_of_ears(tmp_path: Path, clip: Signal) -> None:
    for package in ("pesq", "pystoi", "ai_edge_litert"):
        pytest.importorskip(package)
    save(Signal.audio(np.tile(clip.values, (1, 3)), 16000), tmp_path / "voice.flac")
    jobs = [OtherJob("voice.flac", "kbps", "vorbis", point) for point in (0.999, 0.6)]
    coarse, fine = (run_other(job, tmp_path, threads=1) for job in jobs)
    assert set(coarse.scores) == {"pesq_wb", "estoi", "visqol_speech"}
    assert coarse.actual_rate is not None
    assert fine.actual_rate is not None
    assert coarse.actual_rate < fine.actual_rate
    assert coarse.scores["pesq_wb"] < fine.scores["pesq_wb"]


def test_structural_similarity_is_measured_of_larger_pictures(photos: Path) -> None:
    (photos / "photo.png").write_bytes(image_bytes(picture(168, 176), "PNG"))
    jobs = [OtherJob("photo.png", "bpp", "webp", point) for point in (5, 60)]
    coarse, fine = (run_other(job, photos, threads=1).ms_ssim_db for job in jobs)
    assert coarse is not None
    assert fine is not None
    assert 8 < coarse < fine < 60


def test_a_budget_that_no_file_can_meet_is_recorded(
    photos: Path, multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    found = run(Job("photo.png", 0.01, "bpp", "multires"), photos, threads=1)
    assert (found.bytes, found.psnr_db) == (None, None)
    assert "cannot go this small" in by_setting(frame([found]))


def test_table_has_intervals_over_files_not_seeds() -> None:
    found = [
        row(file, 0.13, "multires", offset_db=db) for file, db in (("a", 0), ("b", 1), ("c", 2))
    ]
    lines = by_setting(frame(found)).splitlines()
    assert lines[2].startswith("| multires balanced | 3 | 0.13 | 0.13 | 32.14 (31.14 to 33.14) |")
    reseeded = [
        replace(one, job=Job(one.job.file, 0.13, "bpp", "multires", seed=seed))
        for one in found
        for seed in range(4)
    ]
    assert by_setting(frame(reseeded)) == by_setting(frame(found))


def test_what_seeds_change_is_told_of_files_and_of_their_mean() -> None:
    psnrs_db = {"a": (30.0, 31.0, 32.0), "b": (42.0, 41.0, 40.0)}
    found = [
        replace(one, psnr_db=psnr_db, job=replace(one.job, seed=seed))
        for one in (row("a", 0.13, "siren"), row("b", 0.13, "siren"))
        for seed, psnr_db in enumerate(psnrs_db[one.job.file])
    ]
    # of one seed nothing can be said, and a file that lacks one does not count
    found += [row("a", 0.29, "siren"), row("c", 0.13, "siren")]
    *_, line = seeds(frame(found)).splitlines()
    assert line == "| siren balanced | 0.13 | 2 | 3 | 36.00 | 0.000 | 1.000 |"
    assert seeds(frame(found[-2:])) == ""


def test_rates_are_lines_and_settings_columns() -> None:
    avif = [row(file, rate, "avif") for file in "ab" for rate in RATES[1:]]
    lower = row("a", 0.07, "avif")
    data = frame([*rows("multires"), *avif, lower])
    lines = by_rate(data, ["multires balanced", "avif"], [0.07, 0.13, 0.2, 5], "psnr_db")
    assert lines.splitlines()[0] == "| bpp | multires balanced | avif |"
    assert lines.splitlines()[2:] == [
        "| 0.07 | 28.45 | only 1 of 2 files |",
        "| 0.13 | 31.14 | 31.14 |",
        "| 0.2 | 33.01 | 33.01 |",
    ]


def test_a_budget_used_to_99_per_cent_is_that_rate() -> None:
    short = [
        replace(row(file, rate, "multires"), actual_rate=0.992 * rate)
        for file in "ab"
        for rate in RATES
    ]
    text = by_rate(frame(short), ["multires balanced"], [0.6], "psnr_db")
    assert text.splitlines()[2] == "| 0.6 | 37.78 |"
