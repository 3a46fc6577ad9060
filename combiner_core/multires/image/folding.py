"""Folded grids: four neighbouring places of a level as one place with four times the channels."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.nn import functional

from combiner_core.rec import Plane

# neighbouring places that become one: above left, above right, below left, below right
PHASES = 4
_SIDE = 2
_COLOURS = 3


def fold(values: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 4 C, ceil(H / 2), ceil(W / 2)), zeros where there is nothing.

    Folded channel 4 c + p has phase p of channel c.
    """
    height, width = values.shape[2:]
    if height % _SIDE or width % _SIDE:
        values = functional.pad(values, (0, width % _SIDE, 0, height % _SIDE))
    # as `pixel_unshuffle`, which takes longer
    batch, channels, height, width = values.shape
    parts = values.reshape(batch, channels, height // _SIDE, _SIDE, width // _SIDE, _SIDE)
    return parts.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)


def unfold(values: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `fold`: (B, C, height, width)."""
    batch, channels, *size = values.shape
    parts = values.reshape(batch, channels // PHASES, _SIDE, _SIDE, *size)
    return parts.permute(0, 1, 4, 2, 5, 3).flatten(4).flatten(2, 3)[..., :height, :width]


def folded_channels(
    channels: Iterable[int], phases: Iterable[int] = range(PHASES)
) -> tuple[int, ...]:
    """Numbers of folded channels: these phases of these channels."""
    chosen = tuple(phases)
    return tuple(PHASES * channel + phase for channel in channels for phase in chosen)


def plane_of(channel: int, first_row: int) -> Plane:
    """Where the places of a folded channel, from a folded row on, lie on the grid of the level."""
    row, column = divmod(channel % PHASES, _SIDE)
    return Plane(channel // PHASES, _SIDE * first_row + row, column, _SIDE, _SIDE)


def is_of_chroma(channels: tuple[int, ...]) -> bool:
    """Whether the folded channels of a stage are of colours other than luma.

    Raises:
        ValueError: some are and some are not.
    """
    kinds = {channel // PHASES % _COLOURS > 0 for channel in channels}
    if len(kinds) != 1:
        raise ValueError("a stage has luma or chroma")
    return kinds.pop()
