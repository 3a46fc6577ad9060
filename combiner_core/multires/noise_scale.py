"""The noise scale s = sqrt(beta / 2): `gaussians` has the beta-ELBO in its units."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# the noise scale of index i is 2^(i / 256), about, in steps of the signal's eight or sixteen bits
NOISE_STEPS_PER_OCTAVE = 256
# the finest scale whose integers cannot overflow, and one so coarse that nothing is left
MIN_INDEX, MAX_INDEX = NOISE_STEPS_PER_OCTAVE, 11 * NOISE_STEPS_PER_OCTAVE
_UNITS = 64


@dataclass(frozen=True)
class NoiseScale:
    """The noise scale that an index stands for, as both sides compute with it.

    Attributes:
        index: 0 to 65535.
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
        """s: a multiple of unit / 64, so that it is exactly the same everywhere."""
        scale = math.exp2(self.index / NOISE_STEPS_PER_OCTAVE)
        return round(scale * _UNITS) / _UNITS * self.unit

    def tensors(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """s and its log2, both (batch,) float64."""
        log_value = self.index / NOISE_STEPS_PER_OCTAVE + torch.log2(
            torch.tensor(self.unit, dtype=torch.float64)
        )
        value = torch.full((batch,), self.value, dtype=torch.float64, device=device)
        return value, log_value.to(device).expand(batch)
