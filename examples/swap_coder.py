"""Change the relative entropy coder of a codec, and compare bytes, PSNR and KL divergence."""

import sys
from pathlib import Path

import combiner_core as cc
from combiner_core.rec import BlockCoder
from combiner_core.siren.codec import SirenCodec

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"


def main(path: str | Path = EXAMPLES / "osprey.png", *, bpp: float = 0.1) -> None:
    """Print a line for each coder."""
    preset = cc.PresetLibrary().named("siren-image", SirenCodec).preset
    codec = SirenCodec(preset, coder=BlockCoder(commit_blocks=32))  # changed: the coder
    trellis = cc.compress(path, bpp=bpp, effort="fast", model="siren-image")
    astar = cc.compress(path, bpp=bpp, effort="fast", model=codec)  # changed: the codec
    for name, file in (("trellis", trellis), ("A*", astar)):
        result = file.encoded
        print(f"{name}: {len(file)} bytes, {result.psnr_db:.2f} dB, KL {result.kl_bits:.0f} bits")


if __name__ == "__main__":
    main(*sys.argv[1:2])
