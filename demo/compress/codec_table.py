"""The table of codecs as HTML: ours beside the baselines at the same size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from combiner_core.signals import Kind
from demo.baselines import Entry
from demo.codecs import label
from demo.media import Extent

TOO_SMALL = "cannot go this small"
COMPUTING = "computing …"

# What there is beside PSNR: first a measure of eyes or ears, the more the better.
_MEASURES: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {"image": ("SSIMULACRA2", "MS-SSIM"), "audio": ("Zimtohrli", "Spectral distance")}
)


def table(extent: Extent, rows: Mapping[str, Entry | str]) -> str:
    """Table of codecs as HTML.

    Args:
        extent: size of the original.
        rows: results by codec, or words in place of one: `TOO_SMALL`, `COMPUTING`, a reason.
    """
    perceived, similarity = _MEASURES[extent.kind]
    titles = ("Codec", "Bytes", "Rate", "PSNR", perceived, similarity, "Encode", "Decode")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(_row(extent, codec, result) for codec, result in rows.items())
    return (
        '<div class="compare-table" role="region" aria-label="Codecs" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(extent: Extent, codec: str, result: Entry | str) -> str:
    name = f'<tr data-codec="{escape(codec)}"><th scope="row">{escape(label(codec))}</th>'
    if isinstance(result, str):
        return f'{name}<td colspan="7">{escape(result)}</td></tr>'
    is_image = extent.kind == "image"
    perceived = (".1f", "") if is_image else (".2f", "")
    similarity = (".4f", "") if is_image else (".1f", " dB")
    cells = (
        f"{result.bytes_count:,}",
        extent.rate_text(result.bytes_count),
        _number(result.psnr_db, ".2f", " dB"),
        _number(result.perceived, *perceived),
        _number(result.similarity, *similarity),
        _number(result.encode_s, ".2f", " s"),
        _number(result.decode_s, ".2f", " s"),
    )
    return name + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _number(value: float | None, style: str, unit: str = "") -> str:
    if value is None:
        return "–"
    return f"{value:{style}}{unit}" if math.isfinite(value) else "∞"
