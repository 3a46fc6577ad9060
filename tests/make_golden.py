"""Write tests/golden: files of today's encoder that every later decoder must read alike.

Run as `python tests/make_golden.py` whenever the shipped presets change, and never otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signal_files import picture, tone
from tiny_presets import weights_sha256

from combiner_core import Budget, Encoded, EncodeOptions, PresetLibrary, Signal, encode
from combiner_core.presets import DEFAULT_DIRECTORY

GOLDEN = Path(__file__).resolve().parent / "golden"
SIGNALS = {
    "image": Signal.image(picture(64, 96)),
    "audio": Signal.audio(tone(24000, 16000, channels=2), 16000),
}
CASES = {
    "image-trellis": ("image", "siren-image", 1200, EncodeOptions(effort="fast")),
    "image-astar": ("image", "siren-image", 400, EncodeOptions(effort="fast", rec="astar")),
    "tiles-trellis": ("image", "siren-image", 6000, EncodeOptions(effort="fast", seed=3)),
    "stereo-trellis": ("audio", "siren-speech-16", 1500, EncodeOptions(effort="fast", seed=7)),
}


def main() -> None:
    """Encode every case with the shipped presets and write down what its decoder must find."""
    library = PresetLibrary(DEFAULT_DIRECTORY)
    GOLDEN.mkdir(exist_ok=True)
    expected = {}
    for name, (kind, model, file_bytes, options) in CASES.items():
        options = EncodeOptions(model, options.effort, options.rec, options.seed, "cpu")
        *_, result = encode(SIGNALS[kind], Budget(file_bytes), options, library)
        assert isinstance(result, Encoded)
        (GOLDEN / f"{name}.cmb").write_bytes(result.data)
        expected[name] = {
            "kind": kind,
            "model": model,
            "weights_sha256": weights_sha256(result.data, library),
            "psnr_db": round(result.psnr_db, 3),
        }
    text = json.dumps(expected, indent=2) + "\n"
    (GOLDEN / "golden.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
