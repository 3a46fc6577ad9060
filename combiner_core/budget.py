"""Bit budgets: how many bytes a file may have, however the user prefers to say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from combiner_core._numbers import is_real
from combiner_core.errors import BudgetError
from combiner_core.signals import Signal

Unit = Literal["bytes", "bpp", "kbps"]

_MAX_AMOUNT = 1e12


@dataclass(frozen=True)
class Budget:
    """The largest size of the whole file, header included.

    Attributes:
        amount: how much.
        unit: "bytes", "bpp" (bits per pixel, images) or "kbps" (1000 bits per second, audio).

    Raises:
        BudgetError: the amount is not a positive number, or absurdly large.
    """

    amount: float
    unit: Unit = "bytes"

    def __post_init__(self) -> None:
        if not is_real(self.amount):
            raise BudgetError(f"A budget is a number, not {self.amount!r}.")
        if self.amount >= _MAX_AMOUNT:
            raise BudgetError(f"A budget of {_MAX_AMOUNT:g} {self.unit} or more is not sensible.")
        if not self.amount > 0:
            raise BudgetError(f"A budget of {self.amount:g} {self.unit} is not a positive number.")

    def file_bytes(self, signal: Signal) -> int:
        """The budget for this signal in whole bytes.

        Raises:
            BudgetError: bits per pixel were asked of a clip, or bits per second of an image.
        """
        if self.unit == "bytes":
            return int(self.amount)
        if self.unit == "bpp":
            if signal.kind != "image":
                raise BudgetError("Bits per pixel are for images; give a clip kbps or bytes.")
            return int(self.amount * signal.pixels / 8)
        if signal.kind != "audio":
            raise BudgetError("Bits per second are for audio; give an image bpp or bytes.")
        return int(self.amount * 1000 * signal.duration_s / 8)
