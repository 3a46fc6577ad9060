"""See posterior, prior and KL divergence of a picture's multires field, level by level."""

import sys
from itertools import groupby
from pathlib import Path

import combiner_core as cc
from combiner_core.multires.codec import MultiresCodec

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"


def main(path: str | Path = EXAMPLES / "osprey.png", *, noise_scale: float = 12.0) -> None:
    """Print a line for each level, coarse ones first."""
    codec = cc.PresetLibrary().named("multires-image", MultiresCodec)
    groups = codec.posteriors(cc.load(path), noise_scale=noise_scale)
    for level, members in groupby(groups, key=lambda group: group.level):
        found = list(members)
        q, p = found[0].posterior, found[0].prior  # in units of the noise scale
        stds = f"std of q {q.std.mean():.2f}, of p {p.std.mean():.2f}"
        bits = sum(float(group.kl_bits.sum()) for group in found)
        print(f"level {level}: {stds}, {bits:.0f} bits in all its groups")


if __name__ == "__main__":
    main(*sys.argv[1:2])
