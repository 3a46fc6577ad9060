"""Neighbours of the weights of a clip: the bins next to them, and the frames before and after."""

from __future__ import annotations

from combiner_core.multires.neighbours import Neighbour, Neighbours

_BINS = 4
# kinds by distance in frames and bins
_KINDS = {(1, 0): 0, (2, 0): 1, (0, 1): 2, (0, 2): 3, (1, 1): 4, (0, 3): 5, (0, 4): 6, (1, 2): 7}


def _of(channel: int) -> tuple[Neighbour, ...]:
    found = []
    for frame in range(-2, 3):
        for step in range(-4, 5):
            kind = _KINDS.get((abs(frame), abs(step)))
            if kind is not None:
                place, other = divmod(channel + step, _BINS)
                found.append(Neighbour(kind, other, frame, place))
    return tuple(found)


AUDIO_NEIGHBOURS: Neighbours = tuple(_of(channel) for channel in range(_BINS))
