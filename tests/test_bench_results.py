"""Results files and the documents that are made of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest

from combiner_core import CombinerError
from combiner_core.bench import (
    ablation,
    group_overhead,
    intervals,
    rate_distortion,
    rec_overhead,
    report,
    timing,
)
from combiner_core.bench.results import Benchmark, Run, files_of, read_runs

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
KINDS = (rate_distortion, timing, ablation, rec_overhead, group_overhead)
RunCli = Callable[..., subprocess.CompletedProcess[str]]


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


def test_every_row_tells_its_run(tmp_path: Path) -> None:
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
    assert "/" not in run.command.replace("tests/", "")


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
            found.append(kind.BENCHMARK.rows(path))
        except CombinerError:
            continue
    assert len(found) == 1
    assert found[0]


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(200):
        found = intervals.of_mean(rng.normal(5.0, 2.0, 30).tolist())
        assert found.low is not None
        assert found.high is not None
        hits += found.low < 5.0 < found.high
    assert 180 <= hits <= 197


def test_few_files_have_no_interval() -> None:
    assert intervals.of_mean([1.0, 2.0]) == intervals.Interval(1.5)
    assert intervals.of_mean([2.0, 2.0, 2.0]).text(1, signed=True) == "+2.0 (+2.0 to +2.0)"


def test_choices_of_files_that_mean_nothing_do_not_count() -> None:
    found = intervals.over_files(
        lambda files: float("nan") if 0 not in files else float(len(files)), 4
    )
    assert (found.low, found.high) == (4.0, 4.0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a document, and no results."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# Title\n")
    text = "Before.\n\n<!-- table: kodak by rate -->\n<!-- end -->\n\nAfter.\n"
    text += "<!-- runs: *-kodak -->\nold\n<!-- end -->\n"
    (tmp_path / "docs" / "results.md").write_text(text)
    return tmp_path


def test_documents_follow_the_results(run_cli: RunCli, project: Path) -> None:
    document = project / "docs" / "results.md"
    assert report.outdated(project) == ["docs/results.md"]
    assert report.write(project) == ["docs/results.md"]
    assert document.read_text().count(report.NOT_YET) == 2
    assert report.outdated(project) == []

    row = rate_distortion.Row(
        rate_distortion.Job("a", 0.2, "bpp", "jpeg"), 100, 0.19, 25.5, 1.0, 1.0, 1.0, 1
    )
    run = Run({"processor": "P", "cores": 2, "python": "3"}, "abc", {"torch": "2"}, "python -m x")
    content = {"version": 2, "kind": "rate-distortion", "runs": [asdict(run)]}
    results = project / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "a-kodak.json").write_text(json.dumps({**content, "rows": [asdict(row)]}))
    check = run_cli("bench", "report", "--check")
    assert check.returncode == 1
    assert "docs/results.md" in check.stderr
    assert report.write(project) == ["docs/results.md"]
    assert report.outdated(project) == []
    assert document.read_text() == (
        "Before.\n\n<!-- table: kodak by rate -->\n\n| bpp | jpeg, dB |\n|---|---|\n"
        "| 0.2 | 25.50 at 0.19 |\n\n<!-- end -->\n\nAfter.\n<!-- runs: *-kodak -->\n\n"
        "```\npython -m x\n```\n\nP, 2 cores, Python 3, torch 2, commit abc\n\n<!-- end -->\n"
    )


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(CombinerError, match="no table of wonders; there are: kodak by rate"):
        report.rendered("<!-- table: of wonders -->\n<!-- end -->\n", Path())


@pytest.mark.slow
def test_our_documents_agree_with_our_results() -> None:
    assert report.outdated(ROOT) == []
