"""Code points of video and stills (ITU-T H.273): what cICP, nclx and video streams say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from combiner_core.signals.colour import primaries, transfer
from combiner_core.signals.colour.encoding import Encoding
from combiner_core.signals.colour.primaries import Primaries
from combiner_core.signals.colour.transfer import Transfer

UNSPECIFIED = 2
PQ, HLG = 16, 18

_PRIMARIES: Mapping[int, Primaries] = MappingProxyType(
    {
        1: primaries.BT709,
        UNSPECIFIED: primaries.BT709,
        4: primaries.BT470M,
        5: primaries.BT470BG,
        6: primaries.SMPTE170M,
        7: primaries.SMPTE170M,
        8: primaries.FILM,
        9: primaries.BT2020,
        11: primaries.DCI_P3,
        12: primaries.DISPLAY_P3,
        22: primaries.EBU3213,
    }
)
# Functions of cameras (1, 6, 14, 15) say how light became numbers. Screens show those by curves
# close to that of sRGB, as players and browsers do.
_TRANSFERS: Mapping[int, Transfer] = MappingProxyType(
    {
        1: transfer.SRGB,
        UNSPECIFIED: transfer.SRGB,
        4: transfer.Parametric(2.2),
        5: transfer.Parametric(2.8),
        6: transfer.SRGB,
        7: transfer.SMPTE240M,
        8: transfer.LINEAR,
        9: transfer.Logarithmic(2.0),
        10: transfer.Logarithmic(2.5),
        11: transfer.SRGB,
        12: transfer.SRGB,
        13: transfer.SRGB,
        14: transfer.SRGB,
        15: transfer.SRGB,
        PQ: transfer.PerceptualQuantiser(),
        17: transfer.SMPTE428,
        HLG: transfer.HybridLogGamma(),
    }
)


def encoding_of(primaries_code: int, transfer_code: int) -> Encoding | None:
    """The encoding of two code points, ``None`` if one has no meaning."""
    known = _PRIMARIES.get(primaries_code), _TRANSFERS.get(transfer_code)
    if known[0] is None or known[1] is None:
        return None
    return Encoding.of(known[0], known[1])
