"""A batch on a real Ray cluster of this machine, one of whose workers is killed in mid-run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from batch_tools import (
    BUDGET,
    QUICK,
    command,
    environment,
    leftovers,
    outputs,
    rows,
    write_pictures,
)

import combiner_core as cc
from combiner_core.cli import main

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow


def ancestors(process: int) -> set[int]:
    found = set[int]()
    while process > 1:
        try:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.add(process)
    return found


def working(driver: int) -> list[int]:
    """Processes of a driver's own cluster that work on a task at this moment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_task = path.read_bytes().startswith(b"ray::_Worker.call")
        except OSError:
            continue
        if is_task and driver in ancestors(int(path.parent.name)):
            found.append(int(path.parent.name))
    return found


@pytest.fixture
def encoded_here(
    multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], bytes]]:
    """A file that is encoded by this process, with one thread."""
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield lambda path: cc.compress(path, bytes=int(BUDGET[1]), effort="fast", device="cpu")
    torch.set_num_threads(threads)


@pytest.mark.long
def test_a_killed_worker_loses_nothing(
    multires_presets: Path, tmp_path: Path, encoded_here: Callable[[Path], bytes]
) -> None:
    names, out = write_pictures(tmp_path / "photos", 10), tmp_path / "out"
    arguments = ("encode", tmp_path / "photos", "--out", out, *BUDGET, *QUICK, "--json")
    process = subprocess.Popen(
        command(*arguments, "--executor", "ray", "--workers", 2),
        cwd=tmp_path,
        env=environment(multires_presets, RAY_ADDRESS="", RAY_worker_niceness="0"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not (out.exists() and outputs(out) and (victims := working(process.pid))):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.kill(victims[0], signal.SIGKILL)
        told, errors = process.communicate()
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert json.loads(told)["done"] == len(names)
    found = rows(out)
    assert sorted(found) == names
    assert not [row["error"] for row in found.values() if row["error"]]
    assert leftovers(out) == []

    files = outputs(out)
    assert sorted(files) == [f"{name}.cmb" for name in names]
    assert files[f"{names[0]}.cmb"] == encoded_here(tmp_path / "photos" / names[0])


def test_a_cluster_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "photos", 1)
    monkeypatch.chdir(tmp_path)
    where = ["--executor", "ray", "--address", "127.0.0.1:9"]
    assert main(["batch", "encode", "photos", "--out", "out", *BUDGET, *where]) == 1
    assert capsys.readouterr().err == "combiner: There is no Ray cluster at 127.0.0.1:9.\n"
