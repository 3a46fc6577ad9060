"""Write tests/golden: files of today's encoder that every later decoder must read alike.

Run as `python tests/make_golden.py siren` whenever the shipped presets change, and never otherwise;
with `multires`, which takes the presets of the tests, whenever that part of the format does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signal_files import picture, tone
from tiny_presets import MULTIRES_AUDIO, MULTIRES_IMAGE, weights_sha256, write_multires_presets

from combiner_core import Budget, Encoded, EncodeOptions, PresetLibrary, Signal, encode
from combiner_core.presets import DEFAULT_DIRECTORY

GOLDEN = Path(__file__).resolve().parent / "golden"
GOLDEN_MULTIRES = GOLDEN / "multires"
Case = tuple[str, str, int, EncodeOptions]
SIGNALS = {
    "image": Signal.image(picture(64, 96)),
    "audio": Signal.audio(tone(24000, 16000, channels=2), 16000),
}
SIREN_CASES: dict[str, Case] = {
    "image-trellis": ("image", "siren-image", 1200, EncodeOptions(effort="fast")),
    "image-astar": ("image", "siren-image", 400, EncodeOptions(effort="fast", rec="astar")),
    "tiles-trellis": ("image", "siren-image", 6000, EncodeOptions(effort="fast", seed=3)),
    "stereo-trellis": ("audio", "siren-speech-16", 1500, EncodeOptions(effort="fast", seed=7)),
}
MULTIRES_CASES: dict[str, Case] = {
    "image-trellis": ("image", MULTIRES_IMAGE, 900, EncodeOptions(effort="fast")),
    "image-astar": ("image", MULTIRES_IMAGE, 400, EncodeOptions(effort="fast", rec="astar")),
    "stereo-trellis": ("audio", MULTIRES_AUDIO, 1500, EncodeOptions(effort="fast", seed=7)),
}


def main() -> None:
    """Make the golden files of the families that are named."""
    for family in sys.argv[1:]:
        if family == "siren":
            _write(GOLDEN, SIREN_CASES, PresetLibrary(DEFAULT_DIRECTORY))
        if family == "multires":
            with tempfile.TemporaryDirectory() as folder:
                write_multires_presets(Path(folder))
                _write(GOLDEN_MULTIRES, MULTIRES_CASES, PresetLibrary(Path(folder)))


def _write(folder: Path, cases: Mapping[str, Case], library: PresetLibrary) -> None:
    """Encode every case and write down what its decoder must find."""
    folder.mkdir(exist_ok=True)
    expected = {}
    for name, (kind, model, file_bytes, options) in cases.items():
        options = EncodeOptions(model, options.effort, options.rec, options.seed, "cpu")
        *_, result = encode(SIGNALS[kind], Budget(file_bytes), options, library)
        assert isinstance(result, Encoded)
        (folder / f"{name}.cmb").write_bytes(result.data)
        expected[name] = {
            "kind": kind,
            "model": model,
            "weights_sha256": weights_sha256(result.data, library),
            "psnr_db": round(result.psnr_db, 3),
        }
    text = json.dumps(expected, indent=2) + "\n"
    (folder / "golden.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
