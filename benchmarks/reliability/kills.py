"""Commands killed at random moments: no file may be half written, and the work must go on.

Each victim is run once undisturbed, which says how long it takes and what it writes. Then it is
killed with SIGKILL again and again, after a random part of that time, on top of what the rounds
before have left; after each round everything under the names of its files must be whole. Runs that
end before they are killed say anew how long one takes, and are no rounds; the next one begins from
nothing. At the end it is run undisturbed once more: it must succeed, write the same, and leave
nothing else.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

import combiner_core as cc
from combiner_core.errors import CombinerError

_PICTURES, _SIDE = 6, 64
_HIDDEN = "."


class Victim(Protocol):
    """A command that writes files into a folder of its own."""

    @property
    def name(self) -> str:
        """Of the command."""

    @property
    def arguments(self) -> list[str]:
        """The command, for Python's interpreter."""

    def check(self) -> str:
        """Say what is there now.

        Raises:
            CombinerError: something is half written.
        """

    @property
    def files(self) -> dict[str, bytes]:
        """What must be the same after every whole run, by name."""

    def forget(self) -> None:
        """Remove what the next run would go on from."""


@dataclass(frozen=True)
class Encoding:
    """Encodes a picture to a file that exists already."""

    folder: Path

    @property
    def name(self) -> str:
        """Of the command."""
        return "encode"

    @property
    def arguments(self) -> list[str]:
        """As users type it."""
        output = ["-o", str(self._output), "--bytes", "400"]
        return ["-m", "combiner_core", "encode", str(self._picture), *output]

    @property
    def _picture(self) -> Path:
        return self.folder / "pictures" / "0.png"

    @property
    def _output(self) -> Path:
        return self.folder / "encode" / "picture.cmb"

    def check(self) -> str:
        """Decode the file, if it is there."""
        if not self._output.exists():
            return "none"
        cc.decompress(self._output.read_bytes())
        return "whole"

    @property
    def files(self) -> dict[str, bytes]:
        """The file."""
        return {self._output.name: self._output.read_bytes()}

    def forget(self) -> None:
        """There is nothing of the kind."""


@dataclass(frozen=True)
class Training:
    """Learns a small prior, with a checkpoint every few steps, and writes it as a preset."""

    folder: Path
    family: str

    @property
    def name(self) -> str:
        """Of the command."""
        return f"train {self.family}"

    @property
    def arguments(self) -> list[str]:
        """As users type it."""
        shared = ["--name", "small", "--id", "9", "--out", str(self._presets)]
        shared += ["--checkpoint", str(self._checkpoint), "--data", str(self.folder / "pictures")]
        own = {
            "siren": "siren --kind image --rate 0.004 --signals 4 --textured-share 1 --hidden 8 "
            "--layers 3 --frequencies 5 --updates 6 --steps-per-update 20 --batch 64 --device cpu",
            "multires": "multires image --steps 5 --batch 1 --crop 64 --device cpu",
        }[self.family]
        return ["-m", "combiner_core", "train", *own.split(), *shared]

    @property
    def _presets(self) -> Path:
        return self.folder / self.name / "presets"

    @property
    def _checkpoint(self) -> Path:
        return self.folder / self.name / "checkpoint.safetensors"

    def check(self) -> str:
        """Load preset and checkpoint, if they are there."""
        from safetensors.numpy import load_file

        if self._checkpoint.exists():
            load_file(self._checkpoint)
        if not (self._presets / "small.json").exists():
            return "checkpoint" if self._checkpoint.exists() else "none"
        library = cc.PresetLibrary(self._presets)
        if library.damage():
            raise CombinerError(library.damage()[0])
        for card in library.cards():
            library.load(card)
        return "whole"

    @property
    def files(self) -> dict[str, bytes]:
        """The prior; its card tells how long it took."""
        tensors = self._presets / "small.safetensors"
        return {tensors.name: tensors.read_bytes()}

    def forget(self) -> None:
        """The checkpoint."""
        self._checkpoint.unlink(missing_ok=True)


@dataclass(frozen=True)
class Benchmarking:
    """Measures rates and distortions, row by row, in two processes."""

    folder: Path

    @property
    def name(self) -> str:
        """Of the command."""
        return "benchmarks rd"

    @property
    def arguments(self) -> list[str]:
        """As users type it."""
        rates = "--rates 1 2 4 --unit bpp --limit 2 --codecs multires --efforts fast"
        shared = ["--data", str(self.folder / "pictures"), "--out", str(self._rows)]
        return ["-m", "benchmarks", "rd", *rates.split(), "--processes", "2", *shared]

    @property
    def _rows(self) -> Path:
        return self.folder / self.name / "rows.json"

    def check(self) -> str:
        """Read the rows, if they are there."""
        if not self._rows.exists():
            return "none"
        self._read()
        return "whole"

    @property
    def files(self) -> dict[str, bytes]:
        """What was measured, but for the seconds."""
        found = {f"{row['job']['file']} at {row['job']['rate']}": row for row in self._read()}
        return {name: f"{row['bytes']} {row['psnr_db']}".encode() for name, row in found.items()}

    def forget(self) -> None:
        """All rows."""
        self._rows.unlink(missing_ok=True)

    def _read(self) -> list[dict[str, Any]]:
        try:
            rows: list[dict[str, Any]] = json.loads(self._rows.read_text())["rows"]
        except ValueError as error:
            raise CombinerError(f"{self._rows.name} is half written.") from error
        return rows


def victims(folder: Path) -> list[Victim]:
    """All of them, and the pictures that they need, in a folder."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for number in range(_PICTURES):
        rows, columns = np.mgrid[0:_SIDE, 0:_SIDE] / _SIDE
        waves = np.sin(9 * rows + number) * np.cos(7 * columns) * 60
        grain = generator.normal(128, 12, (_SIDE, _SIDE, 3))
        pixels = (grain + waves[..., None]).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(pictures / f"{number}.png")
    trainings = [Training(folder, family) for family in ("siren", "multires")]
    return [Encoding(folder), *trainings, Benchmarking(folder)]


def measure(folder: Path, rounds: int, seed: int = 0) -> Iterator[dict[str, str | float]]:
    """Kill each victim so many times.

    Args:
        folder: empty, for everything that is written.
        rounds: of each victim.
        seed: of the moments.

    Yields:
        For each victim the rounds, in how many of them a whole file was there, how many runs ended
        by themselves besides, and seconds of the last of these.

    Raises:
        CombinerError: a file was half written, a last run failed, or something is left over.
    """
    generator = random.Random(seed)
    for victim in victims(folder):
        home = folder / victim.name
        home.mkdir()
        usual_s = _run(victim)
        expected = victim.files
        victim.forget()
        done = ended = whole = 0
        while done < rounds:
            run_s = _killed(victim, generator.uniform(0, usual_s))
            if run_s is not None:
                ended, usual_s = ended + 1, run_s
                victim.forget()
                continue
            done += 1
            whole += victim.check() == "whole"
        _run(victim)
        if victim.files != expected:
            raise CombinerError(f"{victim.name}: what is written differs after kills.")
        left = [path.name for path in home.rglob("*") if path.name.startswith(_HIDDEN)]
        if left:
            raise CombinerError(f"{victim.name}: {', '.join(left)} is left over.")
        yield {
            "command": victim.name,
            "rounds": rounds,
            "whole": whole,
            "ended": ended,
            "usual_s": round(usual_s, 2),
        }


def _run(victim: Victim) -> float:
    """Run a victim; returns the seconds that it took."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, *victim.arguments], capture_output=True, text=True)
    if done.returncode:
        raise CombinerError(f"{victim.name} failed: {done.stderr.strip().splitlines()[-1]}")
    return time.monotonic() - start


def _killed(victim: Victim, delay_s: float) -> float | None:
    """Kill a run after some time; seconds that it took if it had ended by itself."""
    start = time.monotonic()
    run = subprocess.Popen(
        [sys.executable, *victim.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        run.wait(delay_s)
        return time.monotonic() - start
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
        return None
