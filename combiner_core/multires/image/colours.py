"""The orthonormal basis of colours in which pictures are transformed: luma and two of chroma."""

from __future__ import annotations

import torch
from torch import Tensor

# orthonormal: grey, red against blue, green against both (Ohta, Kanade & Sakai 1980, normalised)
_COLOURS = torch.tensor(
    [[3**-0.5, 3**-0.5, 3**-0.5], [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]]
)


def to_colours(pixels: Tensor) -> Tensor:
    """RGB (B, 3, H, W) to luma and two chroma channels, orthonormal."""
    return _mix(_COLOURS, pixels)


def to_pixels(colours: Tensor) -> Tensor:
    """The inverse of `to_colours`."""
    return _mix(_COLOURS.T, colours)


def _mix(matrix: Tensor, values: Tensor) -> Tensor:
    # in full precision even while networks are trained in half of it
    with torch.autocast(values.device.type, enabled=False):
        return torch.einsum("ij,bjhw->bihw", matrix.to(values), values)
