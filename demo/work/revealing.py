"""Work: what the file of an image tells beside the picture: detail, and where it is unsure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import combiner_core as cc
from demo.media import for_screen, lossless
from demo.workers import Engine

# Title of the map of expected errors; what is less than this in grey levels is nothing.
UNSURE = "Where it is unsure"
_LEAST_DEVIATION = 0.5


@dataclass(frozen=True, eq=False)
class Revealed:
    """What the file of an image tells.

    Attributes:
        faithful, natural: the picture without detail and with all of it, without loss; others lie
            between them, pixel by pixel.
        screens: both for the screen, if they are large; see `demo.media.for_screen`.
        detail: that the file suggests, from 0 to 1.
        unsure: map of the expected errors, without loss.
        most_levels: where it is white, in grey levels.
    """

    faithful: bytes
    natural: bytes
    screens: tuple[bytes, bytes]
    detail: float
    unsure: bytes
    most_levels: float


@dataclass(frozen=True, eq=False)
class Reveal:
    """Work: render what the file of an image tells; ``None`` if its model knows of no such thing.

    Attributes:
        data: the compressed file.
    """

    data: bytes

    def run(self, engine: Engine) -> Iterator[Revealed | None]:
        """See `demo.workers.Work`."""
        detail = cc.inspect(self.data, engine.models).intent.detail
        if detail is None:
            yield None
            return
        belief = cc.belief(self.data, device=engine.device, models=engine.models)
        yield Revealed(
            lossless(belief.mean),
            lossless(belief.sample),
            (for_screen(belief.mean), for_screen(belief.sample)),
            detail,
            lossless(unsure_map(belief.deviations)),
            most_levels(belief.deviations),
        )


def unsure_map(deviations: NDArray[np.float32]) -> cc.Signal:
    """Expected errors as a picture, white where they are largest."""
    levels = np.rint(255 * deviations / most_levels(deviations))
    return cc.Signal.image(np.repeat(levels.astype(np.uint8)[..., None], 3, 2))


def most_levels(deviations: NDArray[np.float32]) -> float:
    """What white stands for in a map of expected errors, in grey levels."""
    return max(float(deviations.max()), _LEAST_DEVIATION)
