"""The table of codecs as HTML: ours beside the baselines at the same size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Literal

from combiner_core.signals import Kind
from demo.baselines import Entry
from demo.codecs import label
from demo.media import Extent
from demo.ui.legends import legend

TOO_SMALL = "cannot go this small"
COMPUTING = "computing …"

_Better = Literal["more is better", "less is better", ""]
_MORE: _Better = "more is better"
_LESS: _Better = "less is better"


@dataclass(frozen=True)
class _Column:
    """A figure of the entries.

    Attributes:
        title: of the column.
        value: of an entry.
        style, unit: how it is written.
        better: which figures are better, where that can be said.
    """

    title: str
    value: Callable[[Entry], float | None]
    style: str
    unit: str = ""
    better: _Better = ""

    def text(self, entry: Entry, is_complete: bool) -> str:
        value = self.value(entry)
        if value is None:
            return "–" if is_complete else "…"
        return self.written(value)

    def written(self, value: float) -> str:
        return f"{value:{self.style}}{self.unit}" if math.isfinite(value) else "∞"

    def best(self, entries: list[Entry]) -> float | None:
        """The best figure of several; they are all at about the same size."""
        values = [value for value in map(self.value, entries) if value is not None]
        if not self.better or len(values) < 2:
            return None
        return max(values) if self.better == _MORE else min(values)


_BYTES = _Column("Bytes", lambda entry: entry.bytes_count, ",")
_PSNR = _Column("PSNR", lambda entry: entry.psnr_db, ".2f", " dB", _MORE)
_TIMES = (
    _Column("Encode", lambda entry: entry.encode_s, ".2f", " s", _LESS),
    _Column("Decode", lambda entry: entry.decode_s, ".2f", " s", _LESS),
)
# First a measure of eyes or ears.
_COLUMNS: Mapping[Kind, tuple[_Column, ...]] = MappingProxyType(
    {
        "image": (
            _BYTES,
            _Column("SSIMULACRA2", lambda entry: entry.perceived, ".1f", "", _MORE),
            _PSNR,
            _Column("MS-SSIM", lambda entry: entry.similarity, ".4f", "", _MORE),
            *_TIMES,
        ),
        "audio": (
            _BYTES,
            _Column("Zimtohrli", lambda entry: entry.perceived, ".2f", "", _MORE),
            _PSNR,
            _Column("Spectral distance", lambda entry: entry.similarity, ".1f", " dB", _LESS),
            *_TIMES,
        ),
    }
)


def table(extent: Extent, rows: Mapping[str, Entry | str], *, is_complete: bool = True) -> str:
    """Table of codecs as HTML, and what its figures mean; the best of a column is in bold.

    Args:
        extent: size of the original.
        rows: results by codec, or words in place of one: `TOO_SMALL`, `COMPUTING`, a reason.
        is_complete: whether what is missing of an entry will not come any more.
    """
    columns = _COLUMNS[extent.kind]
    entries = [row for row in rows.values() if not isinstance(row, str)]
    best = [column.best(entries) for column in columns]
    head = "".join(
        f'<th scope="col">{each.title}<small>{each.better or "&nbsp;"}</small></th>'
        for each in columns
    )
    body = "".join(
        _row(columns, best, codec, result, is_complete) for codec, result in rows.items()
    )
    # Words stand outside of what scrolls, or a phone would cut them.
    return (
        '<p class="legend">Other codecs at most at this size; the best figures in bold</p>'
        '<div class="compare-table" role="region" aria-label="Codecs" tabindex="0"><table>'
        f'<thead><tr><th scope="col">Codec<small>&nbsp;</small></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{legend(each.title for each in columns)}"
    )


def _row(
    columns: tuple[_Column, ...],
    best: list[float | None],
    codec: str,
    result: Entry | str,
    is_complete: bool,
) -> str:
    name = f'<tr data-codec="{escape(codec)}"><th scope="row">{escape(label(codec))}</th>'
    if isinstance(result, str):
        return f'{name}<td colspan="{len(columns)}">{escape(result)}</td></tr>'
    cells = []
    for column, most in zip(columns, best, strict=True):
        text = column.text(result, is_complete)
        # What reads alike is equally good.
        is_best = most is not None and text == column.written(most)
        cells.append(f"<td>{f'<strong>{text}</strong>' if is_best else text}</td>")
    return f"{name}{''.join(cells)}</tr>"
