"""The folder of a server: nothing is left, even if it was killed, and others' are spared."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.folder import own_folder

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
from demo.folder import own_folder
with own_folder() as folder:
    (folder / "upload.png").write_bytes(b"x")
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def holder(temp: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process that has such a folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        env={"TMPDIR": str(temp)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_nothing_is_left(temp: Path) -> None:
    with own_folder() as folder:
        assert folder.parent == temp
        (folder / "jobs").mkdir()
        (folder / "jobs" / "a.png").write_bytes(b"x")
    assert list(temp.iterdir()) == []


def test_one_that_was_killed_is_cleared_away_by_the_next(temp: Path) -> None:
    with holder(temp) as (process, abandoned):
        process.kill()
        process.wait()
        assert (abandoned / "upload.png").exists()
        with own_folder() as folder:
            assert list(temp.iterdir()) == [folder]


def test_those_of_servers_that_live_and_of_others_are_spared(temp: Path) -> None:
    foreign = temp / "combiner-notes"
    foreign.mkdir()
    (foreign / "mine.txt").write_text("x")
    with holder(temp) as (_, alive):
        with own_folder():
            assert (alive / "upload.png").exists()
        assert (foreign / "mine.txt").exists()
        assert alive.exists()
