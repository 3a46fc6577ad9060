"""Commands killed at random moments: no file may be half written, and the work must go on.

Each victim is run once undisturbed, which says how long it takes and what it writes. Then it is
killed with SIGKILL again and again, after a random part of that time, on top of what the rounds
before have left; after each round everything under the names of its files must be whole. At the
end it is run undisturbed once more: it must succeed, write the same, and leave nothing else.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

import combiner_core as cc
from combiner_core.errors import CombinerError

# of the undisturbed time, so that a few rounds come to their end
_LONGEST_SHARE = 1.1
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
            "multires": "multires image --likelihood-steps 3 --elbo-steps 2 --batch 1 --crop 64 "
            "--device cpu",
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
    return [Encoding(folder), Training(folder, "siren"), Training(folder, "multires")]


def measure(folder: Path, rounds: int, seed: int = 0) -> Iterator[dict[str, str | float]]:
    """Kill each victim so many times.

    Args:
        folder: empty, for everything that is written.
        rounds: of each victim.
        seed: of the moments.

    Yields:
        For each victim the rounds, how many of them ended by themselves, in how many the files
        were found whole, and seconds of an undisturbed run.

    Raises:
        CombinerError: a file was half written, a last run failed, or something is left over.
    """
    generator = random.Random(seed)
    for victim in victims(folder):
        home = folder / victim.name
        home.mkdir()
        start = time.monotonic()
        _run(victim)
        undisturbed_s = time.monotonic() - start
        expected = victim.files
        for checkpoint in home.glob("checkpoint*"):
            checkpoint.unlink()
        ended = whole = 0
        for _ in range(rounds):
            delay_s = generator.uniform(0, _LONGEST_SHARE * undisturbed_s)
            ended += _killed(victim, delay_s)
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
            "ended": ended,
            "whole": whole,
            "undisturbed_s": round(undisturbed_s, 2),
        }


def _run(victim: Victim) -> None:
    done = subprocess.run([sys.executable, *victim.arguments], capture_output=True, text=True)
    if done.returncode:
        raise CombinerError(f"{victim.name} failed: {done.stderr.strip().splitlines()[-1]}")


def _killed(victim: Victim, delay_s: float) -> bool:
    """Kill a run; whether it had ended before."""
    run = subprocess.Popen(
        [sys.executable, *victim.arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        run.wait(delay_s)
        return True
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()
        return False
