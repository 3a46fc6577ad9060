"""Which manner a picture gets: by its tune, and by what matters to whoever encodes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from combiner_core.importance import Importance
from combiner_core.multires.image.activity import activity_octaves
from combiner_core.multires.image.manner import ImageManner
from combiner_core.multires.image.noise_map import CELL, MAX_STEPS, STEPS_PER_OCTAVE, NoiseMap
from combiner_core.options import TuneName

Cells = NDArray[np.int8]


@dataclass(frozen=True)
class ImageTuning:
    """How the noise scale follows a picture.

    Attributes:
        strength: octaves of the noise scale for an octave of activity.
        most_activity: beyond which octaves of activity count no further.
        finest, second, chroma: see `NoiseMap`.
        detail: see `ImageManner`.
        structure: share of the structural error in latent optimisation, see `distortion`.
    """

    strength: float = 0.0
    most_activity: float = 2.0
    finest: int = 0
    second: int = 0
    chroma: int = 0
    detail: float = 0.0
    structure: float = 0.0


# chosen by SSIMULACRA2 on validation pictures
TUNINGS: Mapping[TuneName, ImageTuning] = MappingProxyType(
    {
        "psnr": ImageTuning(),
        "perceptual": ImageTuning(
            strength=0.5, finest=2, second=1, chroma=1, detail=0.3, structure=0.6
        ),
    }
)
# of a file, what a message of the cells may take; blocks grow until it does
_SHARE = 0.03
_LOG_SIDES = (1, 2)
# precisions are of variances: an octave of them is half of one of the noise scale
_OCTAVES_PER_PRECISION = 0.5


def manner_for(
    pixels: Tensor, tuning: ImageTuning, importance: Importance | None, payload_bytes: int
) -> ImageManner:
    """That of a picture.

    Args:
        pixels: (3, H, W) from 0 to 255.
        tuning: what it follows.
        importance: what else.
        payload_bytes: of the file.
    """
    rows, columns = (-(-side // CELL) for side in pixels.shape[1:])
    octaves = torch.zeros(rows, columns)
    if tuning.strength:
        most = tuning.most_activity
        octaves += tuning.strength * activity_octaves(pixels).cpu().clamp(-most, most)
    if importance is not None:
        octaves -= _OCTAVES_PER_PRECISION * _over_cells(importance, rows, columns)
    for log_side in _LOG_SIDES:
        cells = _in_steps(octaves, 1 << log_side)
        manner = _manner(cells, tuning)
        if len(manner.message) <= _SHARE * payload_bytes:
            return manner
    return _manner(np.zeros_like(cells), tuning)


def _manner(cells: Cells, tuning: ImageTuning) -> ImageManner:
    noise_map = NoiseMap(cells, tuning.finest, tuning.second, tuning.chroma)
    return ImageManner(noise_map, tuning.detail)


def _over_cells(importance: Importance, rows: int, columns: int) -> Tensor:
    mask = torch.from_numpy(importance.octaves)[None, None]
    size = (rows, columns)
    return functional.interpolate(mask, size=size, mode="bilinear", antialias=True)[0, 0]


def _in_steps(octaves: Tensor, side: int) -> Cells:
    """Whole steps, one for each block of cells."""
    rows, columns = octaves.shape
    wide = functional.pad(octaves[None], (0, -columns % side, 0, -rows % side), mode="replicate")
    blocks = torch.round(STEPS_PER_OCTAVE * functional.avg_pool2d(wide, side))[0]
    cells = blocks.clamp(-MAX_STEPS, MAX_STEPS).to(torch.int8).numpy()
    return np.ascontiguousarray(cells.repeat(side, 0).repeat(side, 1)[:rows, :columns])
