"""Random maps of the noise scale, so that networks learn to serve every map."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.activity import activity_octaves
from combiner_core.multires.image.noise_map import STEPS_PER_OCTAVE, NoiseMap

# a map is flat, follows activity, has some smooth part, or differs by level and colour
_FLAT, _ACTIVE, _SMOOTH, _OFFSET = 0.5, 0.75, 0.3, 0.75
_MOST_ACTIVITY, _MOST_CELLS = 2.0, 1.5
_STRENGTH = 0.6
_FINEST, _SECOND, _CHROMA = (0.0, 0.6), (0.0, 0.35), (-0.25, 0.5)


def random_noise_map(pixels: Tensor, generator: np.random.Generator) -> NoiseMap:
    """A map for a picture (3, H, W), from 0 to 255."""
    activity = activity_octaves(pixels)
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
