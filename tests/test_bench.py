"""Measurements: what they are of, what files of them hold, and comparisons of curves."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from signal_files import image_bytes, picture

from combiner_core import CombinerError, Signal
from combiner_core.bench import comparison, cost
from combiner_core.bench.rate_distortion import Job, Row, jobs_for, read_rows

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
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


def test_baselines_are_measured_once_whatever_our_settings(photos: Path) -> None:
    codecs = ["multires", "siren", "jpeg"]
    jobs = jobs_for(photos, [1.0], "bpp", codecs, ["fast", "best"], ["trellis"], [True], None)
    assert [job.codec for job in jobs] == ["multires", "multires", "siren", "siren", "jpeg"]


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_published_results_can_be_read(path: Path) -> None:
    assert read_rows(path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 1, "rows": [1]}', '{"version": 1, "rows": [{}]}']
)
def test_other_files_are_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content)
    with pytest.raises(CombinerError, match=r"^rows\.json is not"):
        read_rows(path)


def test_rd_measures_models_and_baselines(cli: RunCli, photos: Path, tmp_path: Path) -> None:
    arguments = ("bench", "rd", "--data", photos, "--out", "rows.json", "--rates", "8")
    options = ("--unit", "bpp", "--efforts", "fast", "--threads", "1")
    done = cli(*arguments, *options, "--codecs", "multires", "jpeg")
    assert done.returncode == 0, done.stderr
    assert "| multires fast |" in done.stdout
    by_codec = {row.job.codec: row for row in read_rows(tmp_path / "rows.json")}
    assert by_codec["jpeg"].kl_bits is by_codec["jpeg"].side_bits is None
    kl_bits, side_bits = by_codec["multires"].kl_bits, by_codec["multires"].side_bits
    assert kl_bits is not None
    assert side_bits is not None
    assert 0 < kl_bits + side_bits < 2 * 8 * 40 * 24

    again = cli(*arguments, *options, "--codecs", "jpeg")
    assert again.stdout == done.stdout
    assert "photo.png" not in again.stderr  # nothing was left to measure


def test_deltas_of_parallel_curves_are_exact() -> None:
    (one,) = comparison.compare([*rows("multires", 1.25), *rows("avif")], ["avif"], 0.08, 0.5)
    assert one.bd_rate_percent == pytest.approx(-20, abs=1e-6)
    assert one.bd_psnr_db == pytest.approx(10 * math.log10(1.25), abs=1e-9)
    assert (one.low, one.high) == pytest.approx((0.08, 0.5))
    assert (one.files, one.dropped) == (2, ())


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
    assert one.bd_rate_percent is None
    assert one.bd_psnr_db == pytest.approx(30)
    (one,) = comparison.compare([*rows("multires"), *rows("avif")], ["avif"], 2, 3)
    assert (one.bd_rate_percent, one.bd_psnr_db, one.low) == (None, None, None)


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
        text = json.dumps({"version": 1, "rows": content})
        (tmp_path / f"{codec}.json").write_text(text)
    done = run_cli("bench", "bd", "multires.json", "avif.json", "--anchors", "avif")
    assert done.returncode == 0, done.stderr
    assert "| multires balanced | avif | 2 | 0.08 to 0.5 | -20.0 | +0.97 |" in done.stdout


def test_images_grow_by_reflection_and_shrink() -> None:
    image = Signal.image(picture(20, 30))
    larger = cost.of_size(image, 80 * 120 / 1e6).values
    assert larger.shape == (80, 120, 3)
    np.testing.assert_array_equal(larger[:20, :30], image.values)
    np.testing.assert_array_equal(larger[20:40, 30:60], image.values[::-1, ::-1])
    np.testing.assert_array_equal(larger[40:60, 60:90], image.values)
    smaller = cost.of_size(image, 10 * 15 / 1e6).values
    assert smaller.shape == (10, 15, 3)
    assert abs(smaller.mean() - image.values.mean()) < 2
    for megapixels in (-1, 0, 1e-6, 1000):
        with pytest.raises(CombinerError, match="megapixels can be made"):
            cost.of_size(image, megapixels)


def test_cost_measures_every_size(cli: RunCli, photos: Path, tmp_path: Path) -> None:
    arguments = ("--data", photos / "photo.png", "--out", "cost.json", "--megapixels", "0.01")
    options = ("0.002", "--effort", "fast", "--bpp", "4", "--threads", "1")
    done = cli("bench", "cost", *arguments, *options)
    assert done.returncode == 0, done.stderr
    measured = cost.read_rows(tmp_path / "cost.json")
    assert [row.job.megapixels for row in measured] == [0.002, 0.01]
    assert [row.bytes for row in measured] == pytest.approx([1000, 5000], rel=0.05)
    assert all(row.encode_s > 0 < row.decode_s for row in measured)
    assert all(100 < row.idle_memory_mb <= row.peak_memory_mb for row in measured)
    lines = done.stdout.splitlines()
    assert lines[2].startswith("| multires | fast | 4 | 0.002 | ")
    assert len(lines) == 4
    with pytest.raises(CombinerError):
        read_rows(tmp_path / "cost.json")
