"""`python -m demo.compress.fit_quality PICTURES...`: the PSNR that `purposes` foretells."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np

import combiner_core as cc
from combiner_core.options import TuneName
from demo.compress import purposes
from demo.work.source import most_bytes_of

_PART_WIDTH, _PART_HEIGHT = 384, 320
# Each picture at two of these, in turn.
_RATES_BPP = ((0.1, 0.9), (0.3, 2.2))
_SHARE_WITHIN = 0.8


def fit(files: list[Path]) -> None:
    """Compress the middles of pictures; print the coefficients of each tune, and the spread."""
    signals = [_middle(file) for file in files]
    for tune in get_args(TuneName):
        terms, measured_db = [], []
        for number, signal in enumerate(signals):
            pixels = signal.width * signal.height
            most_rate = 8 * most_bytes_of(signal) / pixels
            for rate in _RATES_BPP[number % 2]:
                made = cc.compress(signal, bpp=rate, tune=tune, effort="fast")
                terms.append(purposes.terms(8 * len(made) / pixels, most_rate))
                measured_db.append(made.encoded.psnr_db)
        found, *_ = np.linalg.lstsq(np.array(terms), np.array(measured_db), rcond=None)
        errors_db = np.abs(np.array(terms) @ found - measured_db)
        print(f"{tune}: {found.round(2)}, spread {np.quantile(errors_db, _SHARE_WITHIN):.1f} dB")


def _middle(file: Path) -> cc.Signal:
    pixels = cc.load(file).values
    top = max(0, (pixels.shape[0] - _PART_HEIGHT) // 2)
    left = max(0, (pixels.shape[1] - _PART_WIDTH) // 2)
    return cc.Signal.image(pixels[top:, left:][:_PART_HEIGHT, :_PART_WIDTH])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    fit(parser.parse_args().files)
