"""All results of the paper's model from one command."""

from __future__ import annotations

import pytest

from benchmarks import cli

FOLDERS = ["--photographs", "a", "--clips", "b", "--training", "c", "--priors", "d"]


def test_what_is_measured_is_told_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["paper", *FOLDERS, "--root", "e", "--processes", "3"]) == 1
    first, error = capsys.readouterr().err.splitlines()
    assert first.startswith("rd --codecs siren --processes 3 --threads 1 ")
    assert "--out e/benchmarks/results/siren-kodak.json --data a " in first
    assert error == "benchmarks: There is no folder a."
