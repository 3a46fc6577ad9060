"""The documents whose tables are made of results."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.rate_distortion import rows as rate_distortion
from benchmarks.results_files import Run
from combiner_core import CombinerError

ROOT = Path(__file__).resolve().parents[2]
RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a document, and no results."""
    (tmp_path / "docs").mkdir()
    for name in report.DOCUMENTS:
        (tmp_path / name).write_text("# Title\n")
    text = "Before.\n\n<!-- table: kodak by rate, psnr -->\n<!-- end -->\n\nAfter.\n"
    text += "<!-- runs: *-kodak -->\nold\n<!-- end -->\n"
    (tmp_path / "docs" / "results.md").write_text(text)
    return tmp_path


def test_documents_follow_the_results(run_benchmarks: RunCli, project: Path) -> None:
    document = project / "docs" / "results.md"
    assert report.outdated(project) == ["docs/results.md"]
    assert report.write(project) == ["docs/results.md"]
    assert document.read_text().count(report.NOT_YET) == 2
    assert report.outdated(project) == []

    rows = [
        rate_distortion.Row(
            rate_distortion.OtherJob("a", "bpp", "jpeg", point), 100, rate, 25.5 + point, 1, 1, 1, 1
        )
        for point, rate in ((10, 0.25), (20, 0.8))
    ]
    run = Run(
        {"processor": "P", "cores": 2, "python": "3"},
        "abc",
        {"torch": "2"},
        "python -m combiner_core bench x",
    )
    content = {"version": 2, "kind": "other-codecs", "runs": [asdict(run)]}
    results = project / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "a-kodak.json").write_text(json.dumps({**content, "rows": [*map(asdict, rows)]}))
    check = run_benchmarks("report", "--check")
    assert check.returncode == 1
    assert "docs/results.md" in check.stderr
    assert report.write(project) == ["docs/results.md"]
    assert report.outdated(project) == []
    assert document.read_text() == (
        "Before.\n\n<!-- table: kodak by rate, psnr -->\n\n| bpp | jpeg |\n|---|---|\n"
        "| 0.25 | 35.50 |\n| 0.5 | 41.46 |\n\n"
        "<!-- end -->\n\nAfter.\n<!-- runs: *-kodak -->\n\n"
        "```\npython -m benchmarks x\n```\n\nP, 2 cores, Python 3, torch 2, commit abc\n\n"
        "<!-- end -->\n"
    )


def test_recorded_commands_are_given_as_they_are_typed_today() -> None:
    former = "python -m combiner_core bench rd --data kodak --codecs avif"
    assert report.current_command(former) == "python -m benchmarks rd --data kodak --codecs avif"
    for command in ("python -m benchmarks rec --out rec.json", "python -m combiner_core encode"):
        assert report.current_command(command) == command


def test_unknown_tables_are_refused() -> None:
    with pytest.raises(CombinerError, match="no table of wonders; there are: standing"):
        report.rendered("<!-- table: of wonders -->\n<!-- end -->\n", Path())


@pytest.mark.slow
def test_our_documents_agree_with_our_results() -> None:
    assert report.outdated(ROOT) == []
