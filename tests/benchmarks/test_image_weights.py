"""What the coder of groups costs over the ideal: how it is counted, and what files hold."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from signal_files import image_bytes, picture

from benchmarks.rate_distortion.rows import read_rows
from benchmarks.rec_overhead import tables
from benchmarks.rec_overhead.coders import CoderChoice, choices
from benchmarks.rec_overhead.image_weights import (
    BENCHMARK,
    Job,
    Row,
    jobs_for,
    overhead,
    run,
)
from combiner_core import CombinerError
from combiner_core.multires.noise_scale import NoiseScale

RunCli = Callable[..., subprocess.CompletedProcess[str]]

CODED = Job("a", 1400, "trellis", 14, "multires")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("first.png", "second.png"):
        (folder / name).write_bytes(image_bytes(picture(), "PNG"))
    return folder


def texture() -> NDArray[np.uint8]:
    """Random squares of five sizes (96, 128, 3), about as rich as the tiny prior expects."""
    rng = np.random.default_rng(0)
    pixels = np.full((96, 128, 3), 128.0)
    for side in (1, 2, 4, 8, 16):
        height, width = 96 // side, 128 // side
        grey = 4 * rng.standard_normal((height, width, 1))
        colour = 2 * rng.standard_normal((height, width, 3))
        pixels += (grey + colour).repeat(side, 0).repeat(side, 1)
    return pixels.clip(0, 255).round().astype(np.uint8)


def row(job: Job, bits: float, psnr_db: float, side_bits: float | None = None) -> Row:
    return Row(job, 1000, bits, side_bits, psnr_db, 1.5, 1, "model 0")


def curve(
    psnr_db: tuple[float, ...] = (35.0, 34.0, 33.0, 32.0, 31.0, 30.0, 29.0),
) -> dict[Job, Row]:
    """Twice the bits for each dB, from 1000 at 30 dB."""
    return {
        job: row(job, 1000 * 2 ** (psnr - 30), psnr)
        for job, psnr in zip(CODED.ideal_curve, psnr_db, strict=True)
    }


def test_overhead_is_that_at_equal_distortion() -> None:
    ideals = curve()
    assert overhead(row(CODED, 1100 * 2**0.5, 30.5), ideals) == pytest.approx(0.1)
    assert overhead(row(CODED, 4000, 32.0), ideals) == pytest.approx(0.0)


def test_overhead_is_unknown_off_the_curve() -> None:
    assert overhead(row(CODED, 1000, 28.9), curve()) is None
    assert overhead(row(CODED, 1000, 35.1), curve()) is None
    assert (
        overhead(row(CODED, 1000, 31.0), curve((35.0, 34.0, 33.0, 31.0, 32.0, 30.0, 29.0))) is None
    )
    incomplete = dict(list(curve().items())[1:])
    assert overhead(row(CODED, 1000, 30.5), incomplete) is None


def test_table_has_means_over_images() -> None:
    other = Job("b", 1400, "trellis", 14, "multires")
    rows = [*curve().values(), row(CODED, 2200, 31.0, 440), row(other, 1800, 31.0, 180)]
    lines = tables.of_image_weights(tables.frame_of_image_weights(rows)).splitlines()
    assert lines[2:] == [
        "| multires | trellis of 14 state bits | 1400 | 2 | 2.0000 | 10.00 (of 1) | 15.0 | 1.5 |"
    ]


def test_neighbours_share_the_points_of_their_curves() -> None:
    coders = choices(["trellis", "greedy"], [12, 14], [16])
    jobs = jobs_for(["first.png"], [1400, 1448], coders, "multires")
    ideals = [job.noise_index for job in jobs if job.choice is None]
    assert sorted(ideals) == [1208, 1256, 1304, 1352, 1400, 1448, 1496, 1544]
    assert len(jobs) == len(set(jobs)) == len(ideals) + 6


def test_what_cannot_be_measured_is_refused(
    photos: Path, tiny_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CombinerError, match="number -1000 is outside -832"):
        jobs_for(["a"], [-1000], [CoderChoice("trellis", 14)], "multires")
    with pytest.raises(CombinerError, match="no coder trellis of 3 bits"):
        CoderChoice("trellis", 3)
    monkeypatch.setenv("COMBINER_PRESETS", str(tiny_presets))
    with pytest.raises(CombinerError, match="siren does not code groups"):
        run(Job("first.png", 1400, "trellis", 14, "siren"), photos, threads=1)


def loss_bits(row: Row) -> float:
    """Rate and distortion together, as the ELBO weighs them."""
    noise = NoiseScale(row.job.noise_index).value
    squared_error = 3 * row.pixels * 255**2 * 10 ** (-row.psnr_db / 10)
    return row.bits + squared_error / (2 * noise**2 * math.log(2))


def test_better_codes_lose_less(
    photos: Path, multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    (photos / "texture.png").write_bytes(image_bytes(texture(), "PNG"))
    losses = [
        loss_bits(run(Job("texture.png", 900, coder, size, "multires"), photos, threads=1))
        for coder, size in (("dependent", 7), ("trellis", 13), ("greedy", 12))
    ]
    assert losses == sorted(losses)


@pytest.mark.long
def test_measurements_are_kept_and_resumed(
    run_benchmarks: RunCli,
    photos: Path,
    tmp_path: Path,
    multires_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    arguments = ("overhead", "--data", photos, "--noise", "500", "--limit", "1")
    options = (
        "--out",
        "rows.json",
        "--processes",
        "2",
        "--coders",
        "trellis",
        "--state-bits",
        "10",
    )
    done = run_benchmarks(*arguments, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2].startswith(
        "| multires | trellis of 10 state bits | 500 | 1 | "
    )
    sizes = [row.job.size for row in BENCHMARK.rows(tmp_path / "rows.json")]
    assert sorted(map(str, sizes)) == ["10", *["None"] * 4]

    again = run_benchmarks(*arguments, *options)
    assert again.stdout == done.stdout
    assert not again.stderr  # nothing was left to measure
    with pytest.raises(CombinerError):
        read_rows(tmp_path / "rows.json")
