"""The noise scale s = sqrt(beta / 2): `gaussians` has the beta-ELBO in its units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# the noise scale of index i is 2^(i / 256), about, in steps of the signal's eight or sixteen bits
NOISE_STEPS_PER_OCTAVE = 256
# the finest scale whose integers cannot overflow, and one so coarse that nothing is left
MIN_INDEX, MAX_INDEX = -4 * NOISE_STEPS_PER_OCTAVE, 11 * NOISE_STEPS_PER_OCTAVE
# scales are multiples of 1 / units: coarse ones, and those of a smaller index than that
_UNITS, _FINE_UNITS, _FINE_INDEX = 64, 4096, NOISE_STEPS_PER_OCTAVE


@dataclass(frozen=True)
class NoiseScale:
    """The noise scale that an index stands for, as both sides compute with it.

    Attributes:
        index: from MIN_INDEX to MAX_INDEX.
        unit: of the signal's values in which s is 2^(index / 256): 1 for pixels, 2^-15 for samples.
    """

    index: int
    unit: float = 1.0

    @classmethod
    def near(cls, value: float, unit: float = 1.0) -> NoiseScale:
        """The one nearest to s in units of `unit`, of those that a file can name."""
        index = round(NOISE_STEPS_PER_OCTAVE * math.log2(value))
        return cls(min(max(index, MIN_INDEX), MAX_INDEX), unit)

    @property
    def value(self) -> float:
        """s: a multiple of unit / 4096 at most, so that it is exactly the same everywhere."""
        scale = math.exp2(self.index / NOISE_STEPS_PER_OCTAVE)
        units = _UNITS if self.index >= _FINE_INDEX else _FINE_UNITS
        return round(scale * units) / units * self.unit

    def tensors(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """s and its log2, both (batch,) float64."""
        log_value = self.index / NOISE_STEPS_PER_OCTAVE + torch.log2(
            torch.tensor(self.unit, dtype=torch.float64)
        )
        value = torch.full((batch,), self.value, dtype=torch.float64, device=device)
        return value, log_value.to(device).expand(batch)
