"""Which coordinates a gradient step looks at: one of each stratum, more of them where errors are.

The gradient of a field's expected distortion is estimated from some of its data. Drawing a pair
with a probability in proportion to the root of its expected squared error, and weighting it by the
inverse, leaves the estimate without bias and makes it as exact as it can be, where gradients of the
field are as large everywhere (importance sampling: Owen 2013, Monte Carlo theory, methods and
examples, chapter 9). The errors are those of the pairs drawn before, by cells of the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.siren.coordinates import FieldData

_LEAST_DENSITY = 0.1
_CAP_ROUNDS = 50


@dataclass(frozen=True, eq=False)
class Minibatch:
    """B pairs of each of M fields, and what each of them counts.

    Attributes:
        coordinates: shape (M, B, in_dims).
        values: shape (M, B, out_dims).
        weights: of a mean over B that estimates the mean over all pairs, float32, (M, B).
        cells: where the pairs lie, int64, (M, B).
    """

    coordinates: Tensor
    values: Tensor
    weights: Tensor
    cells: Tensor


class Minibatches:
    """Draws B pairs of each of M fields at a time, evenly at first.

    Args:
        data: of the fields.
        count: B; every field's data are divided into as many cells of neighbours.
    """

    def __init__(self, data: Sequence[FieldData], count: int) -> None:
        device = data[0].coordinates.device
        self._data, self._count = data, count
        pairs = torch.tensor([[len(part.coordinates)] for part in data], dtype=torch.float64)
        self._pairs = pairs.to(device)
        self._numbers = torch.arange(count, dtype=torch.float64, device=device)
        # relative to an even one: its mean is 1
        self._density = torch.ones(len(data), count, dtype=torch.float64, device=device)
        self._ends = self._density.cumsum(1)
        self._errors = torch.zeros_like(self._density)
        self._drawn = torch.zeros_like(self._density)

    def draw(self, jitters: Tensor) -> Minibatch:
        """One pair of each stratum; all strata are as likely, and as many as are drawn.

        Args:
            jitters: its place within each stratum, float64, shape (M, B), 0 to 1.
        """
        places = self._numbers + jitters
        cells = torch.searchsorted(self._ends, places, right=True).clamp_(max=self._count - 1)
        density = self._density.gather(1, cells)
        # how far within its cell a place lies
        beyond = (places - self._ends.gather(1, cells)) / density + 1
        share = (cells + beyond.clamp_(0, 1)) / self._count
        indices = torch.minimum((share * self._pairs).long(), self._pairs.long() - 1)
        drawn = [part.pairs(index) for part, index in zip(self._data, indices, strict=True)]
        coordinates, values = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        return Minibatch(coordinates, values, density.reciprocal().float(), cells)

    def observe(self, drawn: Minibatch, errors: Tensor) -> None:
        """Remember the squared errors of pairs that were drawn, shape (M, B)."""
        self._errors.scatter_add_(1, drawn.cells, errors.double())
        self._drawn.scatter_add_(1, drawn.cells, torch.ones_like(self._errors))

    def follow_errors(self) -> None:
        """From now on draw by the errors observed since this was called last.

        No pair becomes more likely than once in a minibatch: where all are drawn, all stay so.
        """
        roots = (self._errors / self._drawn.clamp_min(1)).sqrt()
        # cells that nothing was drawn of are taken to be like the others
        seen = self._drawn > 0
        mean = (roots * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True)
        density = torch.where(seen, roots / mean.clamp_min(1e-12), 1.0)
        density = _LEAST_DENSITY + (1 - _LEAST_DENSITY) * density
        self._density = _capped(density, (self._pairs / self._count).clamp_min(1))
        self._ends = self._density.cumsum(1)
        self._errors.zero_()
        self._drawn.zero_()


def _capped(density: Tensor, most: Tensor) -> Tensor:
    """A density (M, C) times what makes its mean 1 when none of it exceeds `most` (M, 1) >= 1."""
    low = torch.zeros_like(most)
    high = most / density.amin(1, keepdim=True)
    for _ in range(_CAP_ROUNDS):
        middle = (low + high) / 2
        enough = torch.minimum(middle * density, most).mean(1, keepdim=True) >= 1
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return torch.minimum(high * density, most)
