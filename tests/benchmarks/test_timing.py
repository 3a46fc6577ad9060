"""Times and memory: how images are brought to a size, what is recorded, and the poster's table."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from signal_files import picture

from benchmarks.rate_distortion.rows import read_rows
from benchmarks.timing import measure as timing
from benchmarks.timing import tables
from combiner_core import CombinerError, Signal

ROOT = Path(__file__).resolve().parents[2]
QUOTED = ROOT / "benchmarks" / "quoted" / "combiner-times.json"
RunCli = Callable[..., subprocess.CompletedProcess[str]]


def row(job: timing.Job, total_s: float, device_memory_mb: float | None = None) -> timing.Row:
    phases_s = {"search": 0.25 * total_s, "code": 0.75 * total_s}
    return timing.Row(
        job,
        width=768,
        height=512,
        bytes=3440,
        psnr_db=26.0,
        learn_s=0.25 * total_s,
        code_s=0.75 * total_s,
        total_s=total_s,
        decode_s=0.3,
        phases_s=phases_s,
        idle_memory_mb=300.0,
        peak_memory_mb=500.0,
        device_memory_mb=device_memory_mb,
        processor="A processor" if device_memory_mb is None else "A GPU",
        threads=2,
        prior="model 00000000",
    )


def test_images_grow_by_reflection_and_shrink() -> None:
    image = Signal.image(picture(20, 30))
    larger = timing.of_size(image, 80 * 120 / 1e6).values
    assert larger.shape == (80, 120, 3)
    np.testing.assert_array_equal(larger[:20, :30], image.values)
    np.testing.assert_array_equal(larger[20:40, 30:60], image.values[::-1, ::-1])
    np.testing.assert_array_equal(larger[40:60, 60:90], image.values)
    smaller = timing.of_size(image, 10 * 15 / 1e6).values
    assert smaller.shape == (10, 15, 3)
    assert abs(smaller.mean() - image.values.mean()) < 2
    for megapixels in (-1, 0, 1e-6, 1000):
        with pytest.raises(CombinerError, match="megapixels can be made"):
            timing.of_size(image, megapixels)


@pytest.mark.long
def test_every_size_and_rate_is_measured(
    run_benchmarks: RunCli,
    photos: Path,
    tmp_path: Path,
    multires_presets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    arguments = ("time", "--data", photos, "--out", "time.json", "--efforts", "fast")
    options = ("--rates", "2", "--threads", "1")
    done = run_benchmarks(*arguments, *options, "--megapixels", "0.01", "0.002")
    assert done.returncode == 0, done.stderr
    sized = timing.BENCHMARK.rows(tmp_path / "time.json")
    plain = timing.run(timing.Job("photo.png", 4, "multires", "fast"), photos, threads=1)
    assert [one.job.megapixels for one in sized] == [0.002, 0.01]
    assert [one.bytes for one in sized] == pytest.approx([500, 2500], rel=0.05)
    assert (plain.width, plain.height) == (40, 24)
    for one in (*sized, plain):
        assert 0 < one.code_s < one.learn_s + one.code_s <= one.total_s
        assert one.total_s == pytest.approx(sum(one.phases_s.values()), abs=1e-3)
        assert set(one.phases_s) == {"search", "code", "verify"}
        assert one.decode_s > 0
        assert 100 < one.idle_memory_mb <= one.peak_memory_mb
        assert one.device_memory_mb is None
        assert one.prior.startswith("tiny-multires-image ")
    assert "| multires fast | 2 | 58 x 35 | " in done.stdout
    with pytest.raises(CombinerError):
        read_rows(tmp_path / "time.json")


def test_quoted_times_stand_beside_ours() -> None:
    times = (("a", 0, 2.0), ("a", 1, 2.5), ("b", 0, 3.0))
    rows = [
        row(timing.Job(file, 0.07, "multires", "fast", repeat=repeat), total_s)
        for file, repeat, total_s in times
    ]
    rows.append(row(timing.Job("a", 0.29, "siren", "best", "cuda"), 300.0, 123.0))
    data = tables.frame(rows)
    lines = tables.by_rate(data, tables.read_quoted(QUOTED)).splitlines()
    assert lines[2] == (
        "| 0.07 | COMBINER, quoted | A100 80 GB; decoding: CPU | 9 min | 12.5 min | 21.5 min "
        "| 348 ms |  |  |"
    )
    assert lines[3] == (
        "| 0.07 | multires fast | A processor, 2 threads | 625 ms (500 ms to 750 ms) "
        "| 1.88 s (1.5 s to 2.25 s) | 2.5 s (2 s to 3 s) | 300 ms (300 ms to 300 ms) | 2 | 26.00 |"
    )
    assert lines[-1].startswith("| 0.29 | siren best | A GPU | 75 s | 3.75 min | 5 min |")
    assert len(lines) == 2 + 5 + 2
    phases = tables.by_phase(data).splitlines()
    assert phases[2].endswith("| 0.62 | 0.00 | 1.88 | 0.00 | 500 |  |")
    assert phases[3].endswith("| 75.00 | 0.00 | 225.00 | 0.00 | 500 | 123 |")


def test_without_times_of_ours_the_quoted_ones_remain() -> None:
    lines = tables.by_rate(tables.frame([]), tables.read_quoted(QUOTED)).splitlines()
    assert len(lines) == 2 + 5


def test_damaged_quotations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text('{"version": 1, "rows": [{}]}')
    with pytest.raises(CombinerError, match=r"^times\.json is not"):
        tables.read_quoted(path)
