"""The figures of the showcase: what was compressed, and what each codec made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo import ROOT

FOLDER = ROOT / "assets" / "showcase"
OURS, ORIGINAL = "ours", "original"


@dataclass(frozen=True)
class Shown:
    """One side of the showcase.

    Attributes:
        file: in the folder of the showcase: what a browser can show.
        bytes_count: size of the compressed file; of the original as a PNG.
        psnr_db, ssimulacra2: against the original; ``None`` for the original itself.
    """

    file: str
    bytes_count: int
    psnr_db: float | None = None
    ssimulacra2: float | None = None

    @property
    def path(self) -> Path:
        """Of the file."""
        return FOLDER / self.file


@dataclass(frozen=True)
class Figures:
    """What the showcase shows.

    Attributes:
        example: name of the picture among the examples.
        effort: of our run.
        size: width and height in pixels.
        sides: by codec, `OURS` and `ORIGINAL` among them.
    """

    example: str
    effort: str
    size: tuple[int, int]
    sides: Mapping[str, Shown]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Figures:
        """Those that `demo.showcase.make` wrote."""
        content = json.loads((folder / "figures.json").read_text("utf-8"))
        sides = {name: Shown(**side) for name, side in content["sides"].items()}
        width, height = content["size"]
        return cls(content["example"], content["effort"], (width, height), sides)
