"""Channels and the loudspeakers they are for, in the order and with the masks of WAVE files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

# Bit i of a mask is the loudspeaker number i; channels come in this order.
_SPEAKERS = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC"),
    *("SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
_NUMBERS: Mapping[str, int] = MappingProxyType(
    # a downmix is played as the stereo that it is
    {name: number for number, name in enumerate(_SPEAKERS)} | {"DL": 0, "DR": 1}
)
_ALL_SPEAKERS = (1 << len(_SPEAKERS)) - 1
# What channels are where nothing is said, by their number: as FLAC has it.
_USUAL_MASKS: Mapping[int, int] = MappingProxyType(
    {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
)
# the loudspeakers of Vorbis and Opus, by their number
VORBIS_ORDER: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        3: ("FL", "FC", "FR"),
        4: ("FL", "FR", "BL", "BR"),
        5: ("FL", "FC", "FR", "BL", "BR"),
        6: ("FL", "FC", "FR", "BL", "BR", "LFE"),
        7: ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
        8: ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
    }
)


def usual_mask(channels: int) -> int:
    """The loudspeakers of so many channels where nothing is said, 0 if they have none."""
    return _USUAL_MASKS.get(channels, 0)


def is_mask(mask: int, channels: int) -> bool:
    """Whether a mask names one loudspeaker, of those that are known, for each channel."""
    return 0 < mask <= _ALL_SPEAKERS and mask.bit_count() == channels


def unusual(mask: int | None, channels: int) -> int | None:
    """A mask worth keeping: one for these channels that is not the usual one."""
    if mask is None or not is_mask(mask, channels) or mask == usual_mask(channels):
        return None
    return mask


def wave_order(names: Sequence[str]) -> tuple[list[int], int | None]:
    """Where to take the channels of a WAVE file from, and its mask.

    Args:
        names: of the loudspeaker of each channel, as libav calls them.

    Returns:
        An index for each channel, and the mask; ``None`` where these are no such loudspeakers,
        whose channels stay as they are.
    """
    numbers = [_NUMBERS.get(name, -1) for name in names]
    if -1 in numbers or len(set(numbers)) < len(numbers):
        return list(range(len(names))), None
    order = sorted(range(len(names)), key=numbers.__getitem__)
    return order, sum(1 << number for number in numbers)
