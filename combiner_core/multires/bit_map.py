"""Where the bits go: information by region of an image, or by time and frequency of a clip."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

Span = tuple[float, float]
WHOLE: Span = (0.0, 1.0)


class BitMap:
    """Adds up the bits of arrays of weights that lie over the same area on grids of any size.

    Attributes:
        bits: in each cell, (rows, columns) float32.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.bits = np.zeros((rows, columns), np.float32)

    def add(self, bits: NDArray[np.float32], rows: Span = WHOLE, columns: Span = WHOLE) -> None:
        """Spread the bits (h, w) of weights that cover these shares of the area evenly."""
        heights, widths = self.bits.shape
        down = _overlap(heights, bits.shape[0], rows)
        across = _overlap(widths, bits.shape[1], columns)
        # not by numpy, whose threads would wait for those of torch
        spread = torch.from_numpy(down) @ torch.from_numpy(bits) @ torch.from_numpy(across).T
        self.bits += spread.numpy()


def _overlap(cells: int, parts: int, span: Span) -> NDArray[np.float32]:
    """Which share of each of the equal parts of a span lies in each cell: (cells, parts)."""
    edges = (span[0] + (span[1] - span[0]) * np.arange(parts + 1) / parts) * cells
    low = np.maximum(edges[:-1], np.arange(cells)[:, None])
    high = np.minimum(edges[1:], np.arange(1, cells + 1)[:, None])
    share = np.clip(high - low, 0, None) / np.maximum(edges[1:] - edges[:-1], 1e-12)
    result: NDArray[np.float32] = share.astype(np.float32)
    return result
