"""Budgets: what a number of bytes comes to for a signal, and how few and many make sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from combiner_core.signals import Kind
from demo.media import Extent

# In bits a pixel the paper's five; in kilobits a second those at which speech codecs compete.
PICKS: Mapping[Kind, tuple[float, ...]] = MappingProxyType(
    {"image": (0.07, 0.11, 0.13, 0.22, 0.29), "audio": (4, 8, 16, 32)}
)
MIN_BYTES = 64

_DEFAULT_RATES: Mapping[Kind, float] = MappingProxyType({"image": 0.2, "audio": 8})
_MAX_RATES: Mapping[Kind, float] = MappingProxyType({"image": 4, "audio": 256})


def bytes_at(extent: Extent, rate: float) -> int:
    """Whole bytes of a file at a rate in bpp or kbps, at least `MIN_BYTES`."""
    return max(MIN_BYTES, extent.bytes_at(rate))


def default_bytes(extent: Extent) -> int:
    """A budget that suits most signals of this kind."""
    return bytes_at(extent, _DEFAULT_RATES[extent.kind])


def max_bytes(extent: Extent) -> int:
    """More is not worth asking for."""
    return max(2 * MIN_BYTES, bytes_at(extent, _MAX_RATES[extent.kind]))


def describe(extent: Extent, file_bytes: int) -> str:
    """What a budget comes to, in words."""
    ratio = extent.raw_bytes / max(1, file_bytes)
    ratio_text = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
    return (
        f"{extent.text}: at most {file_bytes:,} bytes, {extent.rate_text(file_bytes)}, "
        f"{ratio_text} times smaller than uncompressed"
    )


def slider_position(file_bytes: float) -> float:
    """Position of a number of bytes on the slider, which counts doublings."""
    return round(math.log2(max(1.0, file_bytes)), 2)
