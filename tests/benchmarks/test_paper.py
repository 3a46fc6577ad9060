"""All results of the paper's model from one command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import cli, paper
from benchmarks.rate_distortion.rows import read_rows
from benchmarks.report import BENCHMARKS

ROOT = Path(__file__).parents[2]
FOLDERS = ["--photographs", "a", "--clips", "b", "--training", "c", "--priors", "d"]
MEASURING = ("rd", "time")


@pytest.fixture
def places(tmp_path: Path) -> paper.Places:
    """The repository's results, and files of the names in them that nothing can be measured on."""
    names = ("photographs", "clips", "training", "priors")
    places = paper.Places(*(tmp_path / name for name in names), tmp_path)
    results = Path(BENCHMARKS, "results")
    shutil.copytree(ROOT / results, tmp_path / results)
    for folder, rates in (
        (places.photographs, "siren-kodak.json"),
        (places.clips, "siren-speech.json"),
    ):
        folder.mkdir()
        for row in read_rows(tmp_path / results / rates):
            (folder / row.job.file).touch()
    return places


def contents_of_results(places: paper.Places) -> dict[str, bytes]:
    folder = places.root / BENCHMARKS / "results"
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_measured_is_told_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["paper", *FOLDERS, "--root", "e", "--processes", "3"]) == 1
    first, error = capsys.readouterr().err.splitlines()
    assert first.startswith("rd --codecs siren --processes 3 --threads 1 ")
    assert "--out e/benchmarks/results/siren-kodak.json --data a " in first
    assert error == "benchmarks: There is no folder a."


def test_rates_and_times_of_the_repository_are_complete(places: paper.Places) -> None:
    before = contents_of_results(places)
    commands = paper.commands(places, processes=1)
    measuring = [command for command in commands if command[0] in MEASURING]
    assert {command[0] for command in measuring} == set(MEASURING)
    for command in measuring:
        assert cli.main(command) == 0, " ".join(command)
    assert contents_of_results(places) == before
