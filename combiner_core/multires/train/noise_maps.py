"""Random maps of the noise scale, so that networks learn to serve every map."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.noise_map import CELL, STEPS_PER_OCTAVE, NoiseMap

# a map is flat, follows activity, has some smooth part, or differs by level and colour
_FLAT, _ACTIVE, _SMOOTH, _OFFSET = 0.5, 0.75, 0.3, 0.75
_MOST_ACTIVITY, _MOST_CELLS = 2.0, 1.5
_STRENGTH = 0.6
_FINEST, _SECOND, _CHROMA = (0.0, 0.6), (0.0, 0.35), (-0.25, 0.5)


def random_noise_map(pixels: Tensor, generator: np.random.Generator) -> NoiseMap:
    """A map for a picture (3, H, W), from 0 to 255."""
    activity = _activity(pixels)
    rows, columns = activity.shape
    octaves = torch.zeros(rows, columns)
    finest = second = chroma = 0.0
    if generator.random() >= _FLAT:
        if generator.random() < _ACTIVE:
            held = activity.clamp(-_MOST_ACTIVITY, _MOST_ACTIVITY)
            octaves += float(generator.uniform(0, _STRENGTH)) * held
        if generator.random() < _SMOOTH:
            coarse = torch.from_numpy(generator.normal(0, 0.5, (1, 1, 4, 4))).float()
            smooth = functional.interpolate(coarse, size=(rows, columns), mode="bicubic")
            octaves += smooth[0, 0].clamp(-1, 1)
        if generator.random() < _OFFSET:
            finest, second, chroma = (
                float(generator.uniform(*span)) for span in (_FINEST, _SECOND, _CHROMA)
            )
    octaves = octaves.clamp(-_MOST_CELLS, _MOST_CELLS)
    cells = torch.round(STEPS_PER_OCTAVE * octaves).to(torch.int8).numpy()
    return NoiseMap(cells, *(round(STEPS_PER_OCTAVE * part) for part in (finest, second, chroma)))


def _activity(pixels: Tensor) -> Tensor:
    """log2 of the deviation in each cell's calmest quarter, less the picture's mean of that."""
    grey = pixels.mean(0)[None, None]
    rows, columns = (-(-side // CELL) for side in grey.shape[2:])
    missing = (columns * CELL - grey.shape[3], rows * CELL - grey.shape[2])
    grey = functional.pad(grey, (0, missing[0], 0, missing[1]), mode="replicate")
    mean = functional.avg_pool2d(grey, CELL // 2)
    variance = functional.avg_pool2d(grey.square(), CELL // 2) - mean.square()
    calmest = -functional.max_pool2d(-variance, 2)[0, 0]
    logs = 0.5 * torch.log2(calmest.clamp_min(0) + 1.0)
    return logs - logs.mean()
