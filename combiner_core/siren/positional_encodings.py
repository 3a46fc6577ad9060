"""Learned positional encodings: weights on a grid over a field, each of which acts near its node.

He et al. 2024 (RECOMBINER), section 3.2: beside the Fourier features of a coordinate a network sees
values that are learned for every signal, on a grid that is interpolated. Here these values are
amplitudes, of sines and cosines that have whole cycles from one node to the next: what all weights
of a network say of all of a segment, these say of a moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class PositionalEncodings:
    """Encodings of one coordinate from -0.5 to 0.5, a whole segment.

    Attributes:
        nodes: G, evenly spaced, the first and the last at the ends.
        frequencies: K; the amplitudes of a cosine and of a sine of 1 to K cycles between two nodes
            are a channel each.
    """

    nodes: int
    frequencies: int

    def __post_init__(self) -> None:
        if self.nodes < 2 or self.frequencies < 1:
            raise ValueError("positional encodings need two nodes and a frequency, or more")

    @property
    def channels(self) -> int:
        """C, what they add to the features of a coordinate."""
        return 2 * self.frequencies

    @property
    def weight_count(self) -> int:
        """Of a field: G C."""
        return self.nodes * self.channels

    def __call__(self, coordinates: Tensor, weights: Tensor) -> Tensor:
        """The encodings of coordinates (M or 1, B, 1) under weights (M, G C): (M, B, C)."""
        places = (coordinates + 0.5).clamp(0, 1) * (self.nodes - 1)
        nodes = torch.arange(self.nodes, dtype=places.dtype, device=places.device)
        # linear interpolation as a product of matrices, which is fast both ways
        hats = (nodes - places).abs_().neg_().add_(1).clamp_(min=0)
        amplitudes = hats @ weights.unflatten(1, (self.nodes, self.channels))
        cycles = torch.arange(1, self.frequencies + 1, dtype=places.dtype, device=places.device)
        phases = 2 * math.pi * places.frac() * cycles
        carriers = torch.cat([phases.cos(), phases.sin()], -1)
        encodings: Tensor = amplitudes * carriers
        return encodings
