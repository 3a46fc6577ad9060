"""What eyes might say of a picture."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from combiner_core.signals import Signal

_MIN_SIDE = 8
_STRIP_PIXELS = 1_000_000


def ssimulacra2(original: Signal, reconstruction: Signal) -> float | None:
    """SSIMULACRA2 (Sneyers, Cloudinary, 2023): 100 at most; 30 is low, 50 medium, 70 high quality.

    Of a picture of more than a million pixels the mean over strips of about that size, to bound the
    memory. ``None`` without the package `ssimulacra2`, or for a side shorter than 8 pixels.

    Args:
        original, reconstruction: pictures of the same size.
    """
    if find_spec("ssimulacra2") is None or min(original.width, original.height) < _MIN_SIDE:
        return None
    strips = min(original.pixels // _STRIP_PIXELS, original.height // _MIN_SIDE) or 1
    pairs = zip(
        *(np.array_split(image.values, strips) for image in (original, reconstruction)), strict=True
    )
    return float(np.mean([_of_strip(*pair) for pair in pairs]))


def _of_strip(*pair: NDArray[np.uint8]) -> float:
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(*map(_file, pair)))


def _file(pixels: NDArray[np.uint8]) -> io.BytesIO:
    """The package opens files."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PPM")
    stream.seek(0)
    return stream
