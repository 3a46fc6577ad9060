"""Belief: what a decoder knows of a picture when it has read its file, and how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from combiner_core.signals import Signal


@dataclass(frozen=True, eq=False)
class Belief:
    """A picture as a decoder takes it to be; what it decodes lies between mean and sample.

    Attributes:
        mean: what was not coded is as its prior's mean, as with `decode(detail=0)`.
        sample: what was not coded is sampled from its prior, as with `decode(detail=1)`.
        deviations: by how much each pixel of the mean is expected to be off, as `uncertainty` gives
            it: float32 (H, W) in grey levels.
    """

    mean: Signal
    sample: Signal
    deviations: NDArray[np.float32]
