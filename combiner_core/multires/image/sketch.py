"""What a picture looks like while it is coded: for whoever watches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.image.folding import PHASES, unfold
from combiner_core.multires.image.prior import DETAILS
from combiner_core.multires.image.wavelets import join
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.previews import LARGE_SIDE, SMALL_SIDE, PreviewTimes

# of a low-pass array, a noise scale and how often its sides are halves of the picture's
PictureOf = Callable[[Tensor, NoiseScale, int], NDArray[np.uint8]]


class Sketch:
    """Pictures of what is decoded: of whole levels, and of the finest one as far as it goes.

    Args:
        size: height and width of the picture.
        picture_of: what makes them.
    """

    def __init__(self, size: tuple[int, int], picture_of: PictureOf) -> None:
        self._size, self._picture_of = size, picture_of
        self._details: Tensor | None = None
        self._seen_level, self._seen_side, self._times = 0, 0, PreviewTimes()

    def begin(self) -> None:
        """The picture is coded anew."""
        self._details, self._seen_level = None, 0

    def enter(self, prior: GroupPrior, values: Tensor) -> None:
        """Take the weights of a group, int32 (1, channels, H, W)."""
        group = prior.group
        if group.level != 1 or max(self._size) > LARGE_SIDE:
            return
        if self._details is None:
            rows, columns = (-(-side // 4) for side in self._size)
            self._details = values.new_zeros(1, DETAILS * PHASES, rows, columns)
        rows_here = slice(group.first_row, group.first_row + values.shape[2])
        self._details[:, list(group.channels), rows_here] = values

    def look(self, prior: GroupPrior, noise: NoiseScale) -> NDArray[np.uint8] | None:
        """The picture with this group, if it is a new one and not too large or too soon."""
        level, low, details = prior.group.level, prior.low, self._details
        if low is None:
            return None
        most_side = self._times.most_side
        if level > 1 or max(self._size) > most_side:
            details = None
        side = max(low.shape[2:] if details is None else self._size)
        is_known = details is None and level == self._seen_level
        # an encoder goes through the levels several times: never a smaller one again
        if is_known or not self._seen_side <= side <= most_side:
            return None
        self._seen_level, self._seen_side = level, side
        if side <= SMALL_SIDE:
            return self._picture(low, details, noise, level)
        with self._times.making():
            return self._picture(low, details, noise, level)

    def _picture(
        self, low: Tensor, details: Tensor | None, noise: NoiseScale, level: int
    ) -> NDArray[np.uint8]:
        """Of a level's low-pass array, and of its folded details if they are to be in it."""
        if details is None:
            return self._picture_of(low, noise, level)
        height, width = self._size
        unfolded = unfold(details, -(-height // 2), -(-width // 2))
        return self._picture_of(join(low, unfolded, height, width), noise, level - 1)
