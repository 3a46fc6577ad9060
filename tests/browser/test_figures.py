"""The figures of the documents are drawn of whatever results there are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser_tools import ROOT

from combiner_core.bench import ablation, group_overhead, rate_distortion, rec_overhead
from combiner_core.bench.variants import UNCHANGED

pytestmark = pytest.mark.browser


def write(path: Path, kind: str, rows: list[object]) -> None:
    run = {"machine": {}, "commit": "", "packages": {}, "command": ""}
    content = {"version": 2, "kind": kind, "runs": [run]}
    content["rows"] = [asdict(row) for row in rows]  # type: ignore[call-overload]
    path.write_text(json.dumps(content))


def test_results_of_every_kind_are_drawn(tmp_path: Path) -> None:
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    curves = [
        rate_distortion.Row(
            rate_distortion.Job("a", rate, "bpp", codec), 1, rate, 30 + rate, 1, 1, 1, 1
        )
        for codec in ("multires", "avif")
        for rate in (0.1, 0.2)
    ]
    write(results / "a-kodak.json", rate_distortion.BENCHMARK.kind, [*curves])
    variants = [
        ablation.Row(
            ablation.Job("a", 0.1, "siren", name), 1, 0.1, psnr_db, 1, 1, 1, 1, 1, "model 0"
        )
        for name, psnr_db in ((UNCHANGED, 24.0), ("refinement: off", 23.5))
    ]
    write(results / "ablation-siren.json", ablation.BENCHMARK.kind, [*variants])
    coded = [
        rec_overhead.Row(1000, 900.0, 1.1, 1.0, 0.1, rec_overhead.Job("trellis", 12, bits, 9, seed))
        for bits in (0.2, 0.8)
        for seed in range(3)
    ]
    write(results / "rec.json", rec_overhead.BENCHMARK.kind, [*coded])
    job = group_overhead.Job("a", 1200, "greedy", 16, "multires")
    ideals = [
        group_overhead.Row(ideal, 99, 1000.0 - 100 * place, None, 30.0 - place, 1, 1, "model 0")
        for place, ideal in enumerate(job.ideal_curve)
    ]
    real = group_overhead.Row(job, 99, 1000.0, 50.0, 28.5, 1, 1, "model 0")
    write(results / "overhead-a.json", group_overhead.BENCHMARK.kind, [*ideals, real])

    places = ("--data", str(tmp_path / "benchmarks"), "--out", str(tmp_path / "images"))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.figures", *places],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    texts = {
        path.stem: " ".join(ElementTree.parse(path).getroot().itertext())
        for path in (tmp_path / "images").iterdir()
    }
    assert set(texts) == {"rd-image", "ablation-siren", "rec", "rec-images"}
    assert "multires balanced" in texts["rd-image"]
    assert "AVIF" in texts["rd-image"]
    assert "refinement: off" in texts["ablation-siren"]
    assert "trellis of 12 state bits" in texts["rec"]
    assert "greedy of 16 block bits" in texts["rec-images"]
