"""How much goes on in the places of a picture: where errors are seen less."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.noise_map import CELL

_TOGETHER = 1 << 17


def activity_octaves(pixels: Tensor) -> Tensor:
    """log2 of the deviation in the calmest quarter of each cell, less the picture's mean of that.

    Args:
        pixels: (3, H, W) from 0 to 255.

    Returns:
        (ceil(H / 16), ceil(W / 16)).
    """
    # rows of cells, so many at a time as a processor keeps at hand
    rows = max(1, _TOGETHER // (CELL * pixels.shape[2])) * CELL
    logs = torch.cat([_logs(part) for part in pixels.split(rows, 1)])
    return logs - logs.mean()


def _logs(pixels: Tensor) -> Tensor:
    """log2 of the deviation in the calmest quarter of each cell."""
    grey = pixels.mean(0)[None, None]
    missing = (-grey.shape[3] % CELL, -grey.shape[2] % CELL)
    grey = functional.pad(grey, (0, missing[0], 0, missing[1]), mode="replicate")
    mean = functional.avg_pool2d(grey, CELL // 2)
    variance = functional.avg_pool2d(grey.square(), CELL // 2) - mean.square()
    calmest = -functional.max_pool2d(-variance, 2)[0, 0]
    return 0.5 * torch.log2(calmest.clamp_min(0) + 1.0)
