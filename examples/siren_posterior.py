"""Fit a siren's posterior to a picture; see q, p and their KL divergence layer by layer."""

import sys
from pathlib import Path

import combiner_core as cc
from combiner_core.siren.codec import SirenCodec

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"


def main(path: str | Path = EXAMPLES / "osprey.png", *, steps: int = 300) -> None:
    """Print a line for each layer."""
    codec = cc.PresetLibrary().named("siren-image", SirenCodec)
    fit = codec.fit(cc.load(path), steps=steps)
    q, p, kl_bits = fit.posterior(), fit.prior, fit.kl_bits()[0]
    for layer, weights in fit.field.groups.items():
        moved = ((q.mean[0] - p.mean) / p.std)[weights].std()
        narrower = (q.std[0] / p.std)[weights].mean()
        bits = kl_bits[weights].sum()
        print(f"{layer}: q moved by {moved:.2f} std of p, std {narrower:.2f} of p, {bits:.0f} bits")


if __name__ == "__main__":
    main(*sys.argv[1:2])
