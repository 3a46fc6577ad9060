"""What the file of a picture is made of, to be looked at: levels, expectations, bits, a path."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LevelAnatomy:
    """A level of weights, as a decoder meets it.

    Attributes:
        weights: how many it has.
        bits: information of their codes.
        picture: what this level and those before give, uint8 (h, w, 3).
        expected: what the prior's means add to the picture before, known group by group before its
            weights were decoded; float32 (h, w, 3) in grey levels.
        came: what the decoded weights add, likewise.
        deviation: by how much the prior thought it could be off, the root of the mean over colours,
            float32 (h, w).
    """

    weights: int
    bits: float
    picture: NDArray[np.uint8]
    expected: NDArray[np.float32]
    came: NDArray[np.float32]
    deviation: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PathStep:
    """A weight on the path that an encoder chose through the trellis; all values in grey levels.

    Attributes:
        state: of the trellis before it, whose lowest bit is the quantiser that it had.
        mean, deviation: of its prior.
        points: what the sizes 0, 1 and so on stand for above the mean, under either quantiser:
            float32 (2, sizes). Those below the mean mirror them.
        size: which was sent, with its sign.
        value: what it stands for.
        bits: information of its code.
    """

    state: int
    mean: float
    deviation: float
    points: NDArray[np.float32]
    size: int
    value: float
    bits: float

    @property
    def quantiser(self) -> int:
        """0 has the even multiples of a step, 1 the odd ones and zero."""
        return self.state & 1


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The file of a picture, taken apart.

    Attributes:
        levels: from the coarsest to the finest.
        bit_map: bits of the weights over the picture, float32 (rows, columns).
        side_bits: of what the payload holds besides weights.
        states: of the trellis.
        path: some weights that follow each other, where the file says most; may be empty.
    """

    levels: tuple[LevelAnatomy, ...]
    bit_map: NDArray[np.float32]
    side_bits: float
    states: int
    path: tuple[PathStep, ...]

    @property
    def bits(self) -> float:
        """Information in the payload."""
        return self.side_bits + sum(level.bits for level in self.levels)
