"""Budgets: what a number of bytes comes to for a file, and how few and many make sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType

import combiner_core as cc
from combiner_core.signals import Kind
from demo.compress import purposes
from demo.media import RATE_UNITS, Extent, bytes_text
from demo.ui.legends import RATE_WORDS

MIN_BYTES = 64

# Below the first there is hardly a picture, beyond the last more bytes bring next to nothing.
_MIN_RATES: Mapping[Kind, float] = MappingProxyType({"image": 0.02, "audio": 1})
_MAX_RATES: Mapping[Kind, float] = MappingProxyType({"image": 4, "audio": 256})

_TOO_FEW: Mapping[Kind, str] = MappingProxyType(
    {"image": "Hardly anything would be seen", "audio": "Hardly anything would be heard"}
)
_TOO_FEW_BYTES = "No file has so few bytes."
_GAIN_ENDS = "The gain ends about here: more bytes would bring next to nothing."
_NO_COMPRESSION = "Your own file has no more bytes: a larger one would be no compression."


@dataclass(frozen=True)
class Known:
    """A file that was looked into.

    Attributes:
        path: of the file, as visitors name it.
        extent: size of its signal.
        file_bytes: its own size; 0 if nobody knows, or if it holds more than the signal.
        gain_bytes: more bring next to nothing.
    """

    path: str
    extent: Extent
    file_bytes: int
    gain_bytes: int

    @property
    def most_bytes(self) -> int:
        """More bring next to nothing, or are more than the file has: no compression."""
        return max(2 * MIN_BYTES, min(self.gain_bytes, self.file_bytes or self.gain_bytes))

    @property
    def least_bytes(self) -> int:
        """Fewer are of no use."""
        return min(min_bytes(self.extent), self.most_bytes // 2)

    def within(self, file_bytes: int) -> int:
        """The nearest budget that is of use; too few bytes are for the engine to refuse."""
        return min(file_bytes, self.most_bytes)


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        purpose: name of a purpose, or `purposes.OWN`.
        own_bytes: the number in the field, ``None`` if it is empty.
    """

    purpose: str
    own_bytes: int | None

    def budget(self, kind: Kind, known: Known | None) -> cc.Budget:
        """The same for the engine; of a file that nobody looked into yet, by its rate.

        Raises:
            BudgetError: no number was given.
        """
        purpose = purposes.named(kind, self.purpose)
        if purpose is not None:
            if known is None:
                return cc.Budget(purpose.rate, RATE_UNITS[kind])
            return cc.Budget(known.within(bytes_at(known.extent, purpose.rate)))
        if self.own_bytes is None:
            raise cc.BudgetError("Type the number of bytes the file may have.")
        return cc.Budget(self.own_bytes if known is None else known.within(self.own_bytes))

    def budget_each(self, kind: Kind, known: Known | None) -> cc.Budget:
        """The same for each of several files, of which the known one is the first.

        Raises:
            BudgetError: no number was given, or nobody looked into the first file yet.
        """
        if purposes.named(kind, self.purpose) is not None:
            return self.budget(kind, None)
        budget = self.budget(kind, known)
        if known is None:
            raise cc.BudgetError("The first file is still being looked into: try again.")
        return cc.Budget(known.extent.rate(int(budget.amount)), RATE_UNITS[kind])

    def bytes_for(self, known: Known) -> int | None:
        """Its number of bytes for a file, of use or too few; ``None`` if there is none."""
        if self.purpose == purposes.OWN:
            return None if self.own_bytes is None else known.within(self.own_bytes)
        return int(self.budget(known.extent.kind, known).amount)


def own_bytes(path: Path) -> int:
    """The most that make sense for a file that nobody looked into: its own size."""
    return max(2 * MIN_BYTES, size_of(str(path)))


def bytes_at(extent: Extent, rate: float) -> int:
    """Whole bytes of a file at a rate in bpp or kbps, at least `MIN_BYTES`."""
    return max(MIN_BYTES, extent.bytes_at(rate))


def min_bytes(extent: Extent) -> int:
    """Fewer are not worth asking for."""
    return bytes_at(extent, _MIN_RATES[extent.kind])


def max_bytes(extent: Extent, found: int | None = None) -> int:
    """More are not worth asking for: what was found for a signal, or a rate for all of its kind."""
    return max(2 * MIN_BYTES, found or bytes_at(extent, _MAX_RATES[extent.kind]))


def matching(extent: Extent, file_bytes: int) -> str:
    """Name of the purpose that comes to a budget."""
    for each in purposes.PURPOSES[extent.kind]:
        if bytes_at(extent, each.rate) == file_bytes:
            return each.name
    return purposes.OWN


def describe(known: Known, file_bytes: int, options: cc.EncodeOptions, usual_s: float) -> str:
    """What a budget comes to, as HTML: for people first, in the units of the field below."""
    extent = known.extent
    if file_bytes < MIN_BYTES:
        warning = f"{_TOO_FEW_BYTES} {_least_text(known)}"
        return f'<p class="job-warning">{warning}</p><p>{escape(extent.text)}</p>'
    seconds = purposes.duration_text(usual_s)
    quality = ""
    if options.model == "multires" and file_bytes >= known.least_bytes:
        sizes = (file_bytes, known.gain_bytes)
        rate, most_rate = (extent.rate(size) / extent.channels for size in sizes)
        quality = purposes.quality_text(extent.kind, rate, most_rate, options.tune)
    lines = [
        saving_text(known.file_bytes, file_bytes, at_most=True),
        f"{seconds}{f', {quality}' if quality else ''}",
        f"{extent.text}: at most {file_bytes:,} bytes, {extent.rate_text(file_bytes)} "
        f"({RATE_WORDS[extent.kind]})",
    ]
    warning = ""
    if file_bytes >= known.most_bytes:
        warning = _GAIN_ENDS if known.most_bytes >= known.gain_bytes else _NO_COMPRESSION
    elif file_bytes < known.least_bytes:
        warning = f"{_TOO_FEW[extent.kind]}. {_least_text(known)}"
    first, *rest = lines
    texts = [
        f"<p><strong>{escape(first)}</strong></p>",
        *(f"<p>{escape(line)}</p>" for line in rest),
    ]
    if warning:
        texts.insert(1, f'<p class="job-warning">{escape(warning)}</p>')
    return "".join(texts)


def _least_text(known: Known) -> str:
    return f"The least useful size is {known.least_bytes:,} bytes."


def saving_text(before_bytes: int, after_bytes: int, *, at_most: bool = False) -> str:
    """How much smaller a file gets, in words; only how large it gets if `before_bytes` is 0."""
    after = f"{'at most ' if at_most else ''}{bytes_text(after_bytes)}"
    if not before_bytes:
        return after[0].upper() + after[1:]
    words = f"{bytes_text(before_bytes)} to {after}"
    if after_bytes >= before_bytes:
        return f"{words}: your file is no larger already"
    saved = 100 * (1 - after_bytes / before_bytes)
    return f"{words}, {math.floor(saved * 10) / 10 if saved > 99 else round(saved):g} % smaller"


def slider_position(file_bytes: float) -> float:
    """Position of a number of bytes on the slider, which counts doublings."""
    return round(math.log2(max(1.0, file_bytes)), 2)


def size_of(path: str) -> int:
    """Bytes of a file that was handed in; 0 if it is gone."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
