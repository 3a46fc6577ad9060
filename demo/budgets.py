"""The budgets the page offers, and what they come to for a signal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from combiner_core import Budget, BudgetError, Signal
from combiner_core.metrics import bpp, kbps
from combiner_core.signals import Kind

CUSTOM = "custom"
DEFAULTS: Mapping[Kind, str] = MappingProxyType({"image": "0.07 bpp", "audio": "16 kbps"})

_OFFERED: Mapping[Kind, Mapping[str, Budget]] = MappingProxyType(
    {
        "image": {f"{x:g} bpp": Budget(x, "bpp") for x in (0.07, 0.11, 0.13, 0.22, 0.29)},
        "audio": {f"{x:g} kbps": Budget(x, "kbps") for x in (5.3, 8, 16)},
    }
)


def choices(kind: Kind) -> list[tuple[str, str]]:
    """Labels and values of the budgets for a kind of signal."""
    return [*((name, name) for name in _OFFERED[kind]), ("Custom", CUSTOM)]


def budget_of(kind: Kind, choice: str, custom_bytes: int | None) -> Budget:
    """The budget that was chosen.

    Raises:
        BudgetError: it is to be a number of bytes, and there is none or it is not positive.
    """
    if choice != CUSTOM:
        return _OFFERED[kind][choice]
    if custom_bytes is None:
        raise BudgetError("Type the number of bytes the file may have.")
    return Budget(custom_bytes, "bytes")


def rate_text(file_bytes: int, signal: Signal) -> str:
    """Bits per pixel of an image, or kilobits per second of a clip."""
    bits = 8 * file_bytes
    if signal.kind == "image":
        return f"{bpp(bits, signal):.3f} bpp"
    return f"{kbps(bits, signal):.2f} kbps"


def size_text(signal: Signal) -> str:
    """Dimensions of a signal in words."""
    if signal.kind == "image":
        return f"{signal.width} × {signal.height} pixels"
    channels = {1: "mono", 2: "stereo"}.get(signal.channels, f"{signal.channels} channels")
    return f"{signal.duration_s:.2f} s, {channels}, {signal.sample_rate:,} Hz"
