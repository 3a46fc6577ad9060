"""Learn a small siren prior by coordinate descent on a few pictures, and compress with it."""

import sys
from pathlib import Path

import combiner_core as cc
from combiner_core.siren import coordinate_descent as cd
from combiner_core.siren.codec import SirenCodec, SirenEffort
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.network import SirenConfig
from combiner_core.siren.preset import SirenPreset

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"


def main(*paths: str | Path, updates: int = 25) -> None:
    """Learn from all pictures but the first; print what becomes of that one in 300 bytes."""
    test, *training = [cc.load(path) for path in paths or sorted(EXAMPLES.glob("*.png"))]
    network = SirenConfig(in_dims=2, out_dims=3, frequencies=8, hidden=16, layers=3)
    config = cd.CoordinateDescentConfig(network, rate_bits=2400, updates=updates)
    descent = cd.CoordinateDescent(config, [FieldData.image(p.values) for p in training])
    *_, last, _ = descent.run()
    effort = SirenEffort(fit_steps=600, refine_steps=200, batch=1024)
    codec = SirenCodec(SirenPreset.unsaved(network, descent.prior), effort)
    file = cc.compress(test, bytes=300, model=codec)
    decoded = cc.decompress(file, model=codec)
    print(f"training pictures: {last}")
    print(f"{file!r}: {decoded}, {cc.psnr_db(test, decoded):.2f} dB")


if __name__ == "__main__":
    main(*sys.argv[1:])
