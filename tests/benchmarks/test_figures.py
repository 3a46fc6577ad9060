"""The figures of the documents are drawn of whatever results there are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import figures
from benchmarks.ablation import measure as ablation
from benchmarks.ablation.variants import UNCHANGED
from benchmarks.rate_distortion import rows as rate_distortion
from benchmarks.rec_overhead import image_weights, random_weights
from combiner_core import CombinerError

RunCli = Callable[..., subprocess.CompletedProcess[str]]
RATES = (0.1, 0.2, 0.4)


def write(path: Path, kind: str, rows: list[object]) -> None:
    run = {"machine": {}, "commit": "", "packages": {}, "command": ""}
    content = {"version": 2, "kind": kind, "runs": [run]}
    content["rows"] = [asdict(row) for row in rows]  # type: ignore[call-overload]
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with results of every kind that is drawn."""
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    for name, benchmark, jobs in (
        (
            "ours",
            rate_distortion.OURS,
            [rate_distortion.Job("a", r, "bpp", "multires") for r in RATES],
        ),
        (
            "others",
            rate_distortion.OTHERS,
            [rate_distortion.OtherJob("a", "bpp", "webp", r) for r in RATES],
        ),
    ):
        rows = [
            rate_distortion.Row(
                job,
                1,
                job.point,
                30 + job.point,
                1,
                1,
                1,
                1,
                scores={"ssimulacra2": 50 + job.point},
            )
            for job in jobs
        ]
        write(results / f"{name}-kodak.json", benchmark.kind, [*rows])
    variants = [
        ablation.Row(
            ablation.Job("a", 0.1, "bpp", "siren", name), 1, 0.1, psnr_db, 1, 1, 1, 1, 1, "model 0"
        )
        for name, psnr_db in ((UNCHANGED, 24.0), ("refinement: off", 23.5))
    ]
    write(results / "ablation-siren.json", ablation.BENCHMARK.kind, [*variants])
    coded = [
        random_weights.Row(
            1000, 900.0, 1.1, 1.0, 0.1, random_weights.Job("trellis", 12, bits, 9, seed)
        )
        for bits in (0.2, 0.8)
        for seed in range(3)
    ]
    write(results / "rec.json", random_weights.BENCHMARK.kind, [*coded])
    job = image_weights.Job("a", 1200, "greedy", 16, "multires")
    ideals = [
        image_weights.Row(ideal, 99, 1000.0 - 100 * place, None, 30.0 - place, 1, 1, "model 0")
        for place, ideal in enumerate(job.ideal_curve)
    ]
    real = image_weights.Row(job, 99, 1000.0, 50.0, 28.5, 1, 1, "model 0")
    write(results / "overhead-a.json", image_weights.BENCHMARK.kind, [*ideals, real])

    return results.parent


def test_every_kind_of_results_has_a_figure(folder: Path) -> None:
    found = dict(figures.figures(folder))
    names = {name: [trace.name for trace in figure.data] for name, figure in found.items()}
    assert names == {
        "rd-kodak-psnr": ["multires balanced", "WebP"],
        "rd-kodak-ssimulacra2": ["multires balanced", "WebP"],
        "ablation-siren": ["0.1 bpp"],
        "rec": ["trellis of 12 state bits"],
        "rec-images": ["greedy of 16 block bits"],
    }
    (bar,) = found["ablation-siren"].data
    assert (list(bar.y), list(bar.x)) == (["refinement: off"], [-0.5])
    (line,) = found["rec"].data
    assert list(line.x) == pytest.approx([0.2, 0.8])
    assert list(line.y) == pytest.approx([100 / 9, 100 / 9])


def test_without_results_there_are_no_figures(tmp_path: Path) -> None:
    assert list(figures.figures(tmp_path)) == []


def test_a_missing_browser_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_BROWSER", tmp_path / "none")
    with pytest.raises(CombinerError, match="drawn with Chromium, which is not at"):
        figures.write(folder, tmp_path / "images")


@pytest.mark.browser
@pytest.mark.long
def test_figures_are_drawn(run_benchmarks: RunCli, folder: Path, tmp_path: Path) -> None:
    places = ("--data", str(folder), "--out", str(tmp_path / "images"))
    done = run_benchmarks("figures", *places)
    assert done.returncode == 0, done.stderr
    texts = {
        path.stem: " ".join(ElementTree.parse(path).getroot().itertext())
        for path in (tmp_path / "images").iterdir()
    }
    drawn = {"rd-kodak-psnr", "rd-kodak-ssimulacra2", "ablation-siren", "rec", "rec-images"}
    assert set(texts) == drawn
    assert "multires balanced" in texts["rd-kodak-psnr"]
    assert "WebP" in texts["rd-kodak-psnr"]
    assert "SSIMULACRA2" in texts["rd-kodak-ssimulacra2"]
    assert "refinement: off" in texts["ablation-siren"]
    assert "trellis of 12 state bits" in texts["rec"]
    assert "greedy of 16 block bits" in texts["rec-images"]
    # the same in another process
    figures.write(folder, tmp_path / "again")
    for path in (tmp_path / "images").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
