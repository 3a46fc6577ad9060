"""Neighbours of the weights of a picture: around them, in the other bands, in the other colours."""

from __future__ import annotations

from combiner_core.multires.neighbours import CORNERS, CROSS, FARTHER, Neighbour, Neighbours, around

_COLOURS, _BANDS = 3, 3


def _of(channel: int) -> tuple[Neighbour, ...]:
    band, colour = divmod(channel, _COLOURS)
    others = [_COLOURS * ((band + step) % _BANDS) for step in (1, 2)]
    found = [
        *around(0, channel, CROSS),
        *around(1, channel, CORNERS),
        *around(2, channel, FARTHER),
        *(Neighbour(3, other + colour) for other in others),
        *(Neighbour(4 + before, _COLOURS * band + before) for before in range(colour)),
    ]
    if not colour:
        found += [place for other in others for place in around(6, other, CROSS)]
    return tuple(found)


IMAGE_NEIGHBOURS: Neighbours = tuple(_of(channel) for channel in range(_COLOURS * _BANDS))
