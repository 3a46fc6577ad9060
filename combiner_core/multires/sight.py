"""What networks see at noise scales finer than any they know: weights in units of the finest.

There they go on as at that scale: it is what they are told, context is brought to its units, and
their means are brought back. The code alone becomes finer. At all other scales nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.multires.coding_order import real_units
from combiner_core.rec.wire import VALUE_UNITS


@dataclass(frozen=True, eq=False)
class Sight:
    """How the networks see B signals.

    Attributes:
        log_noise: log2 of the noise scale that they are told (B,).
        share: what of it the noise scale is (B, 1, 1, 1), float64; None if all have their own.
    """

    log_noise: Tensor
    share: Tensor | None

    @classmethod
    def of(cls, noise: Tensor, log_noise: Tensor, finest: int) -> Sight:
        """That of networks which know scales from 2^finest on.

        Args:
            noise: scale s of each signal (B,), float64.
            log_noise: its log2 (B,).
            finest: log2 of a scale.
        """
        if bool((log_noise >= finest).all()):
            return cls(log_noise, None)
        # by a power of two, without rounding
        share = (noise.double() * 2.0**-finest).clamp_max(1.0)
        return cls(log_noise.clamp_min(finest), share[:, None, None, None])

    def real(self, values: Tensor) -> Tensor:
        """Weights in units of s from either representation, so that their sums are exact."""
        if self.share is None or values.is_floating_point():
            return real_units(values)
        return values.double() / VALUE_UNITS

    def seen(self, real: Tensor) -> Tensor:
        """What is in units of s in those that networks see."""
        return real if self.share is None else real * self.share

    def own(self, mean: Tensor) -> Tensor:
        """What a network foretells in units of s."""
        return mean if self.share is None else mean.to(torch.float64) / self.share
