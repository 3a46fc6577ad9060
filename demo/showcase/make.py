"""`python -m demo.showcase.make`: files and figures of the showcases, from real runs.

JPEG and AVIF stand there as the very files that their encoders wrote. The other pictures, which
browsers do not read, are WebP of a high quality; clips are FLAC of what was decoded, which all
browsers play alike. All measures are of the pixels and samples themselves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import combiner_core as cc
from benchmarks.measures.images import ssimulacra2
from combiner_core import codecs
from combiner_core.events import result_of
from combiner_core.options import EffortName, TuneName
from combiner_core.signals import Kind
from demo.showcase.figures import FOLDER, ORIGINAL, OURS, Shown
from demo.ui import examples

_EFFORT: EffortName = "balanced"
_DISPLAY_QUALITY, _THUMBNAIL_QUALITY, _THUMBNAIL_PX = 90, 70, (168, 112)


@dataclass(frozen=True)
class _Scene:
    """What is compressed, by whom.

    Attributes:
        example: name among the examples.
        budget: of the others' files; ours may be no larger than the least of them.
        tune: of our run.
        suffix: of the files that stand for what browsers do not read, or read differently.
        others: codecs, with the suffix of their own files where browsers read these.
    """

    example: str
    budget: cc.Budget
    tune: TuneName
    suffix: str
    others: Mapping[str, str | None]


_SCENES: Mapping[Kind, _Scene] = MappingProxyType(
    {
        "image": _Scene(
            "osprey",
            cc.Budget(0.2, "bpp"),
            "psnr",
            ".webp",
            MappingProxyType({"jpeg": ".jpg", "avif-iq": ".avif"}),
        ),
        "audio": _Scene(
            "strings",
            cc.Budget(12, "kbps"),
            "perceptual",
            ".flac",
            MappingProxyType({"mp3": None, "opus": None}),
        ),
    }
)


def make(kind: Kind, folder: Path = FOLDER) -> None:
    """Compress an example by all codecs at one size, and write what came of it."""
    scene, folder = _SCENES[kind], folder / kind
    file = examples.path_of(kind, scene.example)
    signal = cc.load(file)
    others = {
        codec: codecs.encode_within(signal, codec, scene.budget.file_bytes(signal))
        for codec in scene.others
    }
    sizes = [other.bytes_count if other else 0 for other in others.values()]
    assert all(sizes), "a codec cannot go this small: choose a larger budget"
    options = cc.EncodeOptions(effort=_EFFORT, tune=scene.tune)
    ours = result_of(cc.encode(signal, cc.Budget(min(sizes)), options))
    folder.mkdir(parents=True, exist_ok=True)
    sides = {
        ORIGINAL: Shown(f"original{scene.suffix}", file.stat().st_size),
        OURS: _measured(signal, ours.reconstruction, f"ours{scene.suffix}", len(ours.data)),
    }
    _write(signal, folder / sides[ORIGINAL].file)
    _write(ours.reconstruction, folder / sides[OURS].file)
    (folder / f"{scene.example}.cmb").write_bytes(ours.data)
    for codec, suffix in scene.others.items():
        other = others[codec]
        assert other is not None
        name = f"{codec}{suffix or scene.suffix}"
        sides[codec] = _measured(signal, other.reconstruction, name, other.bytes_count)
        if suffix is None:
            _write(other.reconstruction, folder / name)
        else:
            (folder / name).write_bytes(other.data)
    content: dict[str, Any] = {
        "example": scene.example,
        "effort": _EFFORT,
        "tune": scene.tune,
        scene.budget.unit: scene.budget.amount,
        "model": ours.model,
        "sides": {name: asdict(side) for name, side in sides.items()},
    }
    if kind == "image":
        content["size"] = [signal.width, signal.height]
    (folder / "figures.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def make_thumbnails(folder: Path = examples.THUMBNAILS) -> None:
    """Write small pictures of the examples."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(examples.EXAMPLES.glob("*.png")):
        picture = cc.load(path).to_pil()
        picture.thumbnail(_THUMBNAIL_PX)
        picture.save(folder / f"{path.stem}.webp", quality=_THUMBNAIL_QUALITY, method=6)


def _measured(original: cc.Signal, shown: cc.Signal, file: str, bytes_count: int) -> Shown:
    seen = ssimulacra2(original, shown) if original.kind == "image" else None
    psnr_db = round(cc.psnr_db(original, shown), 2)
    return Shown(file, bytes_count, psnr_db, None if seen is None else round(seen, 1))


def _write(signal: cc.Signal, path: Path) -> None:
    if signal.kind == "audio":
        cc.save(signal, path)
        return
    stream = BytesIO()
    signal.to_pil().save(stream, "WEBP", quality=_DISPLAY_QUALITY, method=6)
    path.write_bytes(stream.getvalue())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo.showcase.make", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=tuple(_SCENES), default=tuple(_SCENES))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parsed = parser.parse_args()
    make_thumbnails()
    for one in parsed.kinds:
        make(one, parsed.folder)
