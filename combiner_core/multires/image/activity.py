"""How much goes on in the places of a picture: where errors are seen less."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.noise_map import CELL


def activity_octaves(pixels: Tensor) -> Tensor:
    """log2 of the deviation in the calmest quarter of each cell, less the picture's mean of that.

    Args:
        pixels: (3, H, W) from 0 to 255.

    Returns:
        (ceil(H / 16), ceil(W / 16)).
    """
    grey = pixels.mean(0)[None, None]
    rows, columns = (-(-side // CELL) for side in grey.shape[2:])
    missing = (columns * CELL - grey.shape[3], rows * CELL - grey.shape[2])
    grey = functional.pad(grey, (0, missing[0], 0, missing[1]), mode="replicate")
    mean = functional.avg_pool2d(grey, CELL // 2)
    variance = functional.avg_pool2d(grey.square(), CELL // 2) - mean.square()
    calmest = -functional.max_pool2d(-variance, 2)[0, 0]
    logs = 0.5 * torch.log2(calmest.clamp_min(0) + 1.0)
    return logs - logs.mean()
