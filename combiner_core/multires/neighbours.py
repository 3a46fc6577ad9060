"""Neighbours: which weights of a level, decoded before, tell how large a weight's error will be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from combiner_core.rec import Taps
from combiner_core.rec.entropy_tables import WEIGHT_UNITS


class Neighbour(NamedTuple):
    """A place seen from a weight.

    Attributes:
        kind: neighbours of one kind count alike.
        channel: of the level.
        row, column: from the weight's own.
    """

    kind: int
    channel: int
    row: int = 0
    column: int = 0


# of the weights of each channel
Neighbours = tuple[tuple[Neighbour, ...], ...]

CROSS = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
# only those before in the order of rows: the others of the same channel are seldom decoded
FARTHER = ((-2, 0), (0, -2))


def around(kind: int, channel: int, places: tuple[tuple[int, int], ...]) -> list[Neighbour]:
    """Neighbours of one kind in one channel."""
    return [Neighbour(kind, channel, row, column) for row, column in places]


def kinds_of(neighbours: Neighbours) -> int:
    """How many kinds there are."""
    return 1 + max(one.kind for channel in neighbours for one in channel)


def taps_of(neighbours: Neighbours, weights: NDArray[np.floating]) -> Taps:
    """What the entropy coder is told.

    Args:
        neighbours: of the weights of each channel.
        weights: by class of groups (classes, 3 + kinds): of the prior's deviation, of the
            magnitudes of each kind, of the weight's parent, and of a noise scale.
    """
    units = np.rint(WEIGHT_UNITS * weights).astype(np.int16)
    channels, longest = len(neighbours), max(map(len, neighbours))
    places = np.zeros((channels, longest, 3), np.int8)
    of_places = np.zeros((len(units), channels, longest), np.int16)
    for channel, ones in enumerate(neighbours):
        for number, one in enumerate(ones):
            places[channel, number] = one[1:]
            of_places[:, channel, number] = units[:, 1 + one.kind]
    parents = np.repeat(units[:, -2, None], channels, 1)
    return Taps(places, of_places, parents, np.ascontiguousarray(units[:, [0, -1]]))
