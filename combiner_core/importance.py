"""Importance maps: where in a picture the bits should go, drawn by whoever knows what matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.errors import SignalError

_COLOUR_AXES = 3


@dataclass(frozen=True, eq=False)
class Importance:
    """A grey picture of any size, stretched over the one that it is for.

    Attributes:
        octaves: of the precision that weights are wanted with: 1 where it is white, for twice the
            usual one, 0 where it is grey, -1 where it is black: float32 (h, w).
    """

    octaves: NDArray[np.float32]

    @classmethod
    def of(cls, source: Any) -> Importance:
        """From grey levels, or from a picture, whose colours count as their mean.

        Args:
            source: uint8 (h, w) or (h, w, 3), or anything that numpy makes that of.

        Raises:
            SignalError: it is none of these.
        """
        levels = np.asarray(source)
        if levels.dtype != np.uint8 or levels.ndim not in (2, _COLOUR_AXES) or not levels.size:
            raise SignalError("An importance map is a picture of 8 bits in grey or in colour.")
        if levels.ndim == _COLOUR_AXES:
            levels = levels.mean(2)
        return cls((levels.astype(np.float32) - 127.5) / 127.5)
