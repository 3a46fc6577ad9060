"""Results files: rows that are added, and the data frames of them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import frames
from benchmarks.ablation import measure as ablation
from benchmarks.detail import measure as detail
from benchmarks.rate_distortion import rows as rate_distortion
from benchmarks.rec_overhead import image_weights, random_weights
from benchmarks.reliability.rows import HOSTILE, LOAD
from benchmarks.results_files import Benchmark, Run, files_of, read_runs
from benchmarks.timing import measure as timing
from benchmarks.tuning import measure as tuning
from combiner_core import CombinerError

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
MODULES = (rate_distortion, timing, ablation, detail, tuning, random_weights, image_weights)
KINDS = (
    rate_distortion.OURS,
    rate_distortion.OTHERS,
    LOAD,
    HOSTILE,
    *(
        module.BENCHMARK
        for module in (timing, ablation, detail, tuning, random_weights, image_weights)
    ),
)


@dataclass(frozen=True)
class Job:
    number: int


@dataclass(frozen=True)
class Row:
    job: Job
    square: float


SQUARES = Benchmark("squares", Job, Row, isolated=False)


def square(job: Job) -> Row:
    return Row(job, job.number**2 + 0.00001)


def test_rows_are_added_and_none_is_measured_twice(tmp_path: Path) -> None:
    output = tmp_path / "folder" / "squares.json"
    jobs = [Job(number) for number in (3, 1, 3)]
    measured = list(SQUARES.measure_missing(jobs, square, output, processes=2))
    assert sorted(row.job.number for row in measured) == [1, 3]
    assert SQUARES.rows(output) == [Row(Job(1), 1.0), Row(Job(3), 9.0)]
    (added,) = SQUARES.measure_missing([Job(1), Job(2)], square, output, processes=1)
    assert added.job == Job(2)
    assert [row.square for row in SQUARES.rows(output)] == [1, 4, 9]
    before = output.read_bytes()
    assert list(SQUARES.measure_missing(jobs, square, output, processes=1)) == []
    assert output.read_bytes() == before


def test_every_row_tells_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["-m", "benchmarks", "rd", "--out", "rows/squares.json", "--data"]
    monkeypatch.setattr(sys, "orig_argv", ["python3.11", *typed, str(tmp_path / "kodak")])
    output = tmp_path / "squares.json"
    list(SQUARES.measure_missing([Job(1)], square, output, processes=1))
    content = json.loads(output.read_text())
    content["runs"][0]["machine"]["processor"] = "another"
    output.write_text(json.dumps(content))
    list(SQUARES.measure_missing([Job(0)], square, output, processes=1))
    file = SQUARES.read(output)
    assert [file.runs[origin].machine["processor"] == "another" for origin in file.origins] == [
        False,
        True,
    ]
    run = Run.here()
    assert file.runs[1] == run
    assert set(run.packages) >= {"torch", "numpy"}
    assert run.command == shlex.join(["python", *typed, "kodak"])


def test_old_files_are_read_and_continued(tmp_path: Path) -> None:
    output = tmp_path / "squares.json"
    header = {"machine": {"cores": 64}, "commit": "abc", "packages": {"torch": "1"}}
    rows = [{"job": {"number": 5}, "square": 25.0}]
    output.write_text(json.dumps({"version": 1, **header, "rows": rows}))
    assert SQUARES.rows(output) == [Row(Job(5), 25.0)]
    assert read_runs(output) == [Run({"cores": 64}, "abc", {"torch": "1"})]
    list(SQUARES.measure_missing([Job(1)], square, output, processes=1))
    file = SQUARES.read(output)
    assert [file.runs[origin].commit == "abc" for origin in file.origins] == [False, True]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"version": 2, "kind": "squares", "runs": [], "rows": [1]}',
        '{"version": 2, "kind": "squares", "runs": [], "rows": [{}]}',
        '{"version": 2, "kind": "circles", "runs": [], "rows": []}',
        '{"version": 2, "kind": "squares", "runs": [],'
        ' "rows": [{"run": 0, "job": {"number": 1}, "square": 1}]}',
        '{"version": 1, "machine": {}, "commit": "", "packages": {}, "rows": [{"square": 1}]}',
    ],
)
def test_other_files_are_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content)
    with pytest.raises(CombinerError, match=r"^rows\.json is not"):
        SQUARES.read(path)


def test_later_versions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{"version": 3}')
    with pytest.raises(CombinerError, match=r"^rows\.json has results of version 3"):
        SQUARES.read(path)


def test_files_of_a_folder_are_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    (tmp_path / "0").mkdir()
    assert files_of(tmp_path) == ["a", "b", "c"]
    assert files_of(tmp_path, 2) == ["a", "b"]
    with pytest.raises(CombinerError, match="no folder none"):
        files_of(tmp_path / "none")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_published_results_can_be_read(path: Path) -> None:
    found = []
    for kind in KINDS:
        try:
            found.append(kind.rows(path))
        except CombinerError:
            continue
    assert len(found) == 1
    assert found[0]


def test_a_data_frame_has_the_fields_side_by_side() -> None:
    data = frames.frame(SQUARES, [Row(Job(3), 9.0), Row(Job(4), 16.0)])
    assert data.to_dict("list") == {"number": [3, 4], "square": [9.0, 16.0]}
    assert list(frames.frame(SQUARES, [])) == ["number", "square"]


def test_what_was_asked_for_and_what_was_not_measured_can_be_told() -> None:
    job = ablation.Job("a", 0.2, "bpp", "siren", "as it is")
    row = ablation.Row(job, 100, 0.19, 25.0, 700.0, 8.0, 1.0, 2.0, 1, "model 0")
    data = frames.frame(ablation.BENCHMARK, [row])
    assert (data["rate"][0], data["actual_rate"][0]) == (0.2, 0.19)
    unknown = rate_distortion.Row(
        rate_distortion.Job("a", 0.2, "bpp", "multires"), None, None, None, None, None, 1.0, 1
    )
    data = frames.frame(rate_distortion.OURS, [unknown])
    assert data["psnr_db"].dtype == float
    assert data["psnr_db"].isna().all()


def test_what_tables_need_takes_no_memory_of_measurements() -> None:
    code = f"import sys, {', '.join(module.__name__ for module in MODULES)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {"pandas", "scipy.stats", "matplotlib"} & set(done.stdout.split()) == set()
