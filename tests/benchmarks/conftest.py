"""Fixtures of the tests of benchmarks: their command line, and a folder with a picture."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from signal_files import image_bytes, picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_benchmarks(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m benchmarks ARGUMENTS...`` in a fresh process, inside ``tmp_path``.

    Returns the completed process, whatever its exit status; both of its outputs are text.
    """

    def run(*arguments: str | Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "benchmarks", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Folder with one small picture, ``photo.png``."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "photo.png").write_bytes(image_bytes(picture(), "PNG"))
    return folder
