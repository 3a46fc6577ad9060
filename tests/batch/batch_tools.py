"""What the tests of batches share: files, commands in fresh processes, what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from PIL import Image
from signal_files import picture, tone

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--effort", "fast", "--device", "cpu")
BUDGET = ("--bytes", "150")


def write_pictures(folder: Path, count: int = 4) -> list[str]:
    """Small pictures, half of them in a folder below; returns their names."""
    names = []
    for number in range(count):
        name = f"{number}.png" if number % 2 else f"below/{number}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(picture(24, 36), 5 * number, axis=1)).save(folder / name)
        names.append(name)
    return sorted(names)


def write_clip(path: Path) -> None:
    """A short sound."""
    sf.write(path, tone(2000, 8000)[0], 8000)


def command(*arguments: object) -> list[str]:
    """A command line of `combiner batch`."""
    return [sys.executable, "-m", "combiner_core", "batch", *map(str, arguments)]


def environment(presets: Path, **more: str) -> dict[str, str]:
    """Of a fresh process, with presets of its own."""
    paths = {"COMBINER_PRESETS": str(presets), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **paths, **more}


def run(
    folder: Path, presets: Path, *arguments: object, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `combiner batch` in a folder."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(presets, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(out: Path) -> dict[str, dict[str, Any]]:
    """What `results.jsonl` says of each file, which it names once."""
    found = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    by_name = {row["name"]: row for row in found}
    assert len(by_name) == len(found)
    return by_name


def outputs(out: Path, suffix: str = ".cmb") -> dict[str, bytes]:
    """The files of a folder and those below that have a suffix, by name."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob(f"*{suffix}"))
    }


def leftovers(out: Path) -> list[str]:
    """What writers that were cut off have left."""
    return [path.name for path in out.rglob(".*") if ".combiner-p" in path.name]
