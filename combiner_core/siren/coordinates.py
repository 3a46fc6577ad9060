"""Where the samples of a signal lie: coordinates with the same detail per unit for every size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# of values from -1 to 1
FIELD_PEAK = 2.0
_TILE = 8


@dataclass(frozen=True, eq=False)
class FieldData:
    """The data D of one field: P pairs of coordinate and value.

    The pairs are ordered so that neighbours in the list are neighbours in the signal: equal
    stretches of the list are then strata, and one draw from each is a low-variance minibatch.

    Attributes:
        coordinates: float32, shape (P, in_dims).
        values: shape (P, out_dims); uint8 (0..255) or float32 in [-1, 1].
    """

    coordinates: Tensor
    values: Tensor

    @classmethod
    def image(cls, pixels: NDArray[Any], device: torch.device | str = "cpu") -> FieldData:
        """All pixels of an image, uint8 or float32 up to 255, (height, width, 3), tile by tile."""
        if pixels.dtype != np.uint8:
            pixels = pixels / np.float32(127.5) - 1
        height, width = pixels.shape[:2]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        tile = (rows // _TILE) * (width // _TILE + 1) + columns // _TILE
        order = torch.argsort(tile.flatten(), stable=True)
        return cls(
            image_coordinates(height, width)[order].to(device),
            torch.tensor(pixels).reshape(-1, 3)[order].to(device),
        )

    @classmethod
    def audio(
        cls,
        samples: NDArray[np.float32],
        samples_per_unit: float,
        device: torch.device | str = "cpu",
    ) -> FieldData:
        """All samples of one channel, float32, shape (samples,)."""
        coordinates = audio_coordinates(len(samples), samples_per_unit)
        return cls(coordinates.to(device), torch.tensor(samples)[:, None].to(device))

    def pairs(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs by their places in the list: (count, in_dims), float32 (count, out_dims)."""
        values = self.values[indices]
        if values.dtype == torch.uint8:
            values = values.float() / 127.5 - 1
        return self.coordinates[indices], values


def image_coordinates(
    height: int, width: int, rows: int | None = None, columns: int | None = None
) -> Tensor:
    """Centres of the cells of a rows x columns grid over an image, in raster order: (cells, 2).

    The image has area 4, its centre is the origin, and the first coordinate runs along its
    longer side. By default the cells are its pixels; there may be none.
    """
    rows = height if rows is None else rows
    columns = width if columns is None else columns
    unit = (height * width) ** 0.5
    y = ((2 * torch.arange(rows, dtype=torch.float64) + 1) / rows - 1) * (height / unit)
    x = ((2 * torch.arange(columns, dtype=torch.float64) + 1) / columns - 1) * (width / unit)
    down, across = torch.meshgrid(y.float(), x.float(), indexing="ij")
    longer_first = (across, down) if width >= height else (down, across)
    return torch.stack(longer_first, -1).reshape(-1, 2)


def audio_coordinates(samples: int, samples_per_unit: float, count: int | None = None) -> Tensor:
    """Times around the middle of a clip of `samples` samples, at `count` even steps: (count, 1)."""
    count = samples if count is None else count
    steps = (2 * torch.arange(count, dtype=torch.float64) + 1) / count - 1
    return (steps * (samples / (2 * samples_per_unit))).float()[:, None]
