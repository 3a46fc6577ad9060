"""The command line of the benchmarks: its sub-commands, and how it fails."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from benchmarks import cli

RunCli = Callable[..., subprocess.CompletedProcess[str]]


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = (
        "rd",
        "others",
        "graphics",
        "music",
        "table",
        "bd",
        "time",
        "ablation",
        "descent",
        "rec",
        "overhead",
        "kills",
        "load",
        "paper",
        "report",
    )
    for name in (*names, "figures"):
        with pytest.raises(SystemExit) as stopped:
            cli.main([name, "--help"])
        assert stopped.value.code == 0
        assert f"python -m benchmarks {name}" in capsys.readouterr().out


def test_errors_are_one_sentence(run_benchmarks: RunCli) -> None:
    for arguments, sentence in (
        (("table", "none.json"), "none.json is not a file of these results."),
        (
            ("rd", "--data", "none", "--out", "rows.json", "--rates", "1", "--unit", "bpp"),
            "There is no folder none.",
        ),
    ):
        done = run_benchmarks(*arguments)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr == f"benchmarks: {sentence}\n"
