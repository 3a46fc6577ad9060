"""The figures of a showcase: what was compressed, and what each codec made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from combiner_core.signals import Kind
from demo import ROOT

FOLDER = ROOT / "assets" / "showcase"
OURS, ORIGINAL = "ours", "original"


@dataclass(frozen=True)
class Shown:
    """One of the things that a showcase compares.

    Attributes:
        file: in the folder of the showcase: what a browser can show or play.
        bytes_count: size of the compressed file; of the original as it lies among the examples.
        psnr_db: against the original; ``None`` for the original itself.
        ssimulacra2: likewise, of pictures.
    """

    file: str
    bytes_count: int
    psnr_db: float | None = None
    ssimulacra2: float | None = None


@dataclass(frozen=True)
class Figures:
    """What a showcase shows.

    Attributes:
        folder: of its files.
        example: name of the signal among the examples.
        effort: of our run.
        size: width and height of a picture in pixels.
        sides: by codec, `OURS` and `ORIGINAL` among them.
    """

    folder: Path
    example: str
    effort: str
    size: tuple[int, int] | None
    sides: Mapping[str, Shown]

    @classmethod
    def read(cls, kind: Kind, folder: Path = FOLDER) -> Figures:
        """Those of a kind of signal that `demo.showcase.make` wrote."""
        content = json.loads((folder / kind / "figures.json").read_text("utf-8"))
        sides = {name: Shown(**side) for name, side in content["sides"].items()}
        size = tuple(content["size"]) if "size" in content else None
        return cls(folder / kind, content["example"], content["effort"], size, sides)

    def path_of(self, side: Shown) -> Path:
        """The file of a side."""
        return self.folder / side.file
