"""Write tests/golden: files of today's encoder that every later decoder must read alike.

Run as `python tests/make_golden.py shipped` whenever the shipped presets change, and never
otherwise; with `tiny`, which takes the small multires presets of the tests, whenever that part of
the format does. Names of cases after that make these alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signal_files import picture, strokes, tone
from tiny_presets import MULTIRES_AUDIO, MULTIRES_IMAGE, weights_sha256, write_multires_presets

from combiner_core import Budget, Encoded, EncodeOptions, PresetLibrary, Signal, encode, load
from combiner_core.presets import DEFAULT_DIRECTORY

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
SHIPPED, TINY = GOLDEN / "shipped", GOLDEN / "multires"
# What a decoder may lose, in dB: fields are evaluated in floating point.
TOLERANCE_DB = 0.05


class Case(NamedTuple):
    """A signal, see `signal_named`, and how it is encoded."""

    signal: str
    model: str
    file_bytes: int
    options: EncodeOptions


FAST = EncodeOptions(effort="fast", device="cpu")
FOR_EARS = replace(FAST, tune="perceptual")
ASTAR = EncodeOptions(effort="fast", device="cpu", rec="astar")
SHIPPED_CASES: Mapping[str, Case] = {
    "image-trellis": Case("picture", "siren-image", 1200, FAST),
    "image-astar": Case("picture", "siren-image", 400, ASTAR),
    "tiles-trellis": Case("picture", "siren-image", 6000, replace(FAST, seed=3)),
    "stereo-trellis": Case("tone", "siren-speech", 1500, replace(FAST, seed=7)),
    "multires-image": Case("osprey.png", "multires-image", 2000, EncodeOptions(device="cpu")),
    "multires-image-small": Case("osprey.png", "multires-image", 700, FAST),
    "multires-speech": Case("reader-163.flac", "multires-speech", 1500, FAST),
    "multires-speech-perceptual": Case("reader-163.flac", "multires-speech", 1500, FOR_EARS),
    "multires-wide": Case("melody.flac", "multires-wide", 1500, FAST),
    "siren-image": Case("osprey.png", "siren-image", 2000, FAST),
    "siren-speech": Case("reader-163.flac", "siren-speech", 1500, FAST),
}
TINY_CASES: Mapping[str, Case] = {
    "image": Case("picture", MULTIRES_IMAGE, 900, FAST),
    "image-balanced": Case("picture", MULTIRES_IMAGE, 400, EncodeOptions(device="cpu")),
    "stereo": Case("tone", MULTIRES_AUDIO, 1500, replace(FAST, seed=7)),
    "stereo-perceptual": Case("tone", MULTIRES_AUDIO, 900, FOR_EARS),
    "windows": Case("strokes", MULTIRES_AUDIO, 900, FAST),
}


@cache
def signal_named(name: str) -> Signal:
    """A synthetic signal, or the middle of one of assets/examples."""
    if name == "picture":
        return Signal.image(picture(64, 96))
    if name == "strokes":
        return Signal.audio(strokes(16000, 16000), 16000)
    if name == "tone":
        return Signal.audio(tone(24000, 16000, channels=2), 16000)
    whole = load(ROOT / "assets" / "examples" / name)
    if whole.kind == "image":
        top, left = whole.height // 2 - 64, whole.width // 2 - 96
        return Signal.image(whole.values[top : top + 128, left : left + 192])
    assert whole.sample_rate is not None
    start = whole.samples // 2
    return Signal.audio(
        whole.values[:, start : start + 3 * whole.sample_rate // 2], whole.sample_rate
    )


def main() -> None:
    """Make the golden files that are named."""
    which, *names = sys.argv[1:]
    if which == "shipped":
        _write(SHIPPED, SHIPPED_CASES, names, PresetLibrary(DEFAULT_DIRECTORY))
    if which == "tiny":
        with tempfile.TemporaryDirectory() as folder:
            write_multires_presets(Path(folder))
            _write(TINY, TINY_CASES, names, PresetLibrary(Path(folder)))


def _write(
    folder: Path, cases: Mapping[str, Case], names: list[str], library: PresetLibrary
) -> None:
    """Encode cases, all if none is named, and write down what their decoder must find."""
    folder.mkdir(exist_ok=True)
    facts = folder / "golden.json"
    expected = json.loads(facts.read_text(encoding="utf-8")) if names else {}
    for name in names or cases:
        signal, model, file_bytes, options = cases[name]
        options = replace(options, model=model)
        *_, result = encode(signal_named(signal), Budget(file_bytes), options, library)
        assert isinstance(result, Encoded)
        (folder / f"{name}.cmb").write_bytes(result.data)
        expected[name] = {
            "signal": signal,
            "model": model,
            "weights_sha256": weights_sha256(result.data, library),
            "min_psnr_db": round(result.psnr_db - TOLERANCE_DB, 3),
        }
        print(f"{name}: {len(result.data)} bytes, {result.psnr_db:.3f} dB")
    facts.write_text(json.dumps(expected, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
