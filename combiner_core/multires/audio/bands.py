"""Bands of a clip's spectrum in which levels of noise and error bars are told."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

# the bins at which bands begin
_EDGES = (
    *(0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96),
    *(128, 160, 192, 256, 320, 384, 512, 640, 768),
)


def spans(hop: int) -> list[tuple[int, int]]:
    """First bin and the one after the last of each band of frames of `hop` bins."""
    return list(pairwise([*(edge for edge in _EDGES if edge < hop), hop]))


def sums(weights: Tensor) -> Tensor:
    """Over the bins of each band: (..., hop) to (..., bands)."""
    parts = spans(weights.shape[-1])
    return torch.stack([weights[..., start:stop].sum(-1) for start, stop in parts], -1)


def widths(hop: int, device: torch.device | None = None) -> Tensor:
    """Bins of each band."""
    return torch.tensor([stop - start for start, stop in spans(hop)], device=device)
