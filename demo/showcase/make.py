"""`python -m demo.showcase.make`: pictures and figures of the showcase, from a real run.

JPEG and AVIF stand there as the very files that their encoders wrote; the original and ours, which
browsers do not read, as WebP of a high quality. All measures are of the pixels themselves.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

import combiner_core as cc
from benchmarks.measures.images import ssimulacra2
from combiner_core import codecs
from combiner_core.options import EffortName
from demo.showcase.figures import FOLDER, ORIGINAL, OURS, Shown
from demo.ui.examples import EXAMPLES, THUMBNAILS

_EXAMPLE, _BPP = "osprey", 0.2
_EFFORT: EffortName = "balanced"
_SUFFIXES = {"jpeg": ".jpg", "avif-iq": ".avif"}
_DISPLAY_QUALITY, _THUMBNAIL_QUALITY, _THUMBNAIL_PX = 90, 70, (168, 112)


def make(example: str = _EXAMPLE, bpp: float = _BPP, folder: Path = FOLDER) -> None:
    """Compress an example by all codecs at one size, and write what came of it."""
    file = EXAMPLES / f"{example}.png"
    signal = cc.load(file)
    *_, ours = cc.encode(signal, cc.Budget(bpp, "bpp"), cc.EncodeOptions(effort=_EFFORT))
    assert isinstance(ours, cc.Encoded)
    folder.mkdir(parents=True, exist_ok=True)
    sides = {
        ORIGINAL: Shown("original.webp", file.stat().st_size),
        OURS: Shown(
            "ours.webp",
            len(ours.data),
            round(ours.psnr_db, 2),
            _seen(signal, ours.reconstruction),
        ),
    }
    (folder / "original.webp").write_bytes(_webp(signal, _DISPLAY_QUALITY))
    (folder / "ours.webp").write_bytes(_webp(ours.reconstruction, _DISPLAY_QUALITY))
    (folder / f"{example}.cmb").write_bytes(ours.data)
    for codec, suffix in _SUFFIXES.items():
        other = codecs.encode_within(signal, codec, len(ours.data))
        assert other is not None, f"{codec} cannot go this small: choose a larger budget"
        (folder / f"{codec}{suffix}").write_bytes(other.data)
        sides[codec] = Shown(
            f"{codec}{suffix}",
            other.bytes_count,
            round(cc.psnr_db(signal, other.reconstruction), 2),
            _seen(signal, other.reconstruction),
        )
    content = {
        "example": example,
        "effort": _EFFORT,
        "size": [signal.width, signal.height],
        "bpp": bpp,
        "model": ours.model,
        "sides": {name: asdict(side) for name, side in sides.items()},
    }
    (folder / "figures.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def make_thumbnails(folder: Path = THUMBNAILS) -> None:
    """Write small pictures of the examples."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(EXAMPLES.glob("*.png")):
        picture = cc.load(path).to_pil()
        picture.thumbnail(_THUMBNAIL_PX)
        picture.save(folder / f"{path.stem}.webp", quality=_THUMBNAIL_QUALITY, method=6)


def _webp(signal: cc.Signal, quality: int) -> bytes:
    stream = BytesIO()
    signal.to_pil().save(stream, "WEBP", quality=quality, method=6)
    return stream.getvalue()


def _seen(original: cc.Signal, reconstruction: cc.Signal) -> float | None:
    score = ssimulacra2(original, reconstruction)
    return None if score is None else round(score, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo.showcase.make", description=__doc__)
    parser.add_argument("--example", default=_EXAMPLE)
    parser.add_argument("--bpp", type=float, default=_BPP)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parsed = parser.parse_args()
    make_thumbnails()
    make(parsed.example, parsed.bpp, parsed.folder)
