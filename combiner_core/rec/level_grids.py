"""Where the weights of a group lie: the grids of levels, and the parts of them that are coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_MAX_STRETCH = 2


class Plane(NamedTuple):
    """Weights of a group that lie on a regular part of one channel of a grid.

    Weight (i, j) of the plane is at `row + i * row_step`, `column + j * column_step`.
    """

    channel: int
    row: int = 0
    column: int = 0
    row_step: int = 1
    column_step: int = 1


@dataclass(frozen=True, eq=False)
class Grid:
    """The places of the weights of a level, on which one or more groups lie.

    Attributes:
        channels, height, width: of the level. With several signals coded together, the channels
            of the first come first.
        parent: the level before, if the weights of the same channel there tell something.
        stretch: how many rows and columns here one of the parent's becomes, 1 or 2 each.

    Raises:
        ValueError: a size is not positive, or a stretch another one.
    """

    channels: int
    height: int
    width: int
    parent: Grid | None = None
    stretch: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        if min(self.channels, self.height, self.width) < 1:
            raise ValueError("a grid has no places")
        if not all(1 <= factor <= _MAX_STRETCH for factor in self.stretch):
            raise ValueError(f"a grid cannot be stretched by {self.stretch}")

    @property
    def is_covered(self) -> bool:
        """Whether every place has one of the parent."""
        return self.parent is not None and (
            self.channels <= self.parent.channels
            and self.height <= self.parent.height * self.stretch[0]
            and self.width <= self.parent.width * self.stretch[1]
        )
