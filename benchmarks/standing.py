"""Where we stand: ahead, equal or behind, by which measure, against which codec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pandas as pd

from benchmarks import markdown
from benchmarks.datasets import SETS, DataSet
from benchmarks.measures import MEASURES
from benchmarks.rate_distortion import averages, collection, protocol

Verdict = Literal["ahead", "equal", "behind"]

# what is judged: by PSNR the default, by eyes and ears what is tuned for them if it was measured
MAIN = "multires balanced"
TUNED = f"{MAIN}, tune perceptual"

_ANCHORS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kodak": {
            "psnr_db": ("avif (tune=psnr)", "avif (tune=psnr), speed 2", "jxl", "webp", "jpeg"),
            "ms_ssim_db": ("avif (tune=iq)", "jxl", "webp", "jpeg"),
            "ssimulacra2": ("avif (tune=iq)", "avif (tune=iq), speed 2", "jxl", "webp", "jpeg"),
        },
        "graphics": {
            "psnr_db": ("avif (tune=psnr)", "webp"),
            "ssimulacra2": ("avif (tune=iq)", "webp"),
        },
        "speech": {
            "psnr_db": ("opus (audio)",),
            "pesq_wb": ("opus (voip)", "mp3"),
            "estoi": ("opus (voip)",),
            "visqol_speech": ("opus (voip)", "mp3"),
        },
        "music": {
            "psnr_db": ("opus (audio)",),
            "visqol_audio": ("opus (audio)", "mp3", "vorbis"),
            "zimtohrli": ("opus (audio)", "mp3", "vorbis"),
        },
    }
)
# Published figures, of photographs, by PSNR. Means have no interval: a few per cent mean nothing.
_FILES = ("Cool-Chic 5.0.1",)
_MEANS = ("VTM 18.0", "libaom, cpu-used 0", "C3", "MLIC++", "RECOMBINER")
_SHORT = (*_FILES, _MEANS[0])
_MEANS_RANGE = (0.05, 0.6)
_MARGIN_PERCENT = 5.0
# a mean of fewer of the files says nothing of all of them
_MIN_SHARE = 0.5


@dataclass(frozen=True)
class Standing:
    """One comparison in words.

    Attributes:
        subject: what is coded.
        measure: by which quality is judged, as `MEASURES` labels it.
        anchor: whom we are compared with.
        verdict: ahead or behind where the interval lies on one side of zero, otherwise equal.
        detail: how far.
    """

    subject: str
    measure: str
    anchor: str
    verdict: Verdict
    detail: str


def standings(folder: Path) -> list[Standing]:
    """Of all results there are, in the order of the sets.

    Args:
        folder: has results in `results`, and curves in `published`.

    Raises:
        CombinerError: a file is damaged.
    """
    return [found for one in SETS.values() for found in _of_set(folder, one)]


def in_short(found: Sequence[Standing]) -> list[Standing]:
    """The first comparison of each subject by each measure, and some published ones."""
    first: dict[tuple[str, str], Standing] = {}
    for one in found:
        first.setdefault((one.subject, one.measure), one)
    chosen = {*first.values(), *(one for one in found if one.anchor in _SHORT)}
    return [one for one in found if one in chosen]


def table(found: Sequence[Standing]) -> str:
    """As a Markdown table."""
    lines = [
        (one.subject, one.measure, one.anchor, f"**{one.verdict}**", one.detail) for one in found
    ]
    return markdown.table(("files", "judged by", "against", "we are", "by how much"), lines)


def setting_for(measure: str, data: pd.DataFrame) -> str:
    """Which setting of ours is judged by a measure, of those that were measured."""
    return TUNED if measure != "psnr_db" and TUNED in set(data["setting"]) else MAIN


def _of_set(folder: Path, one: DataSet) -> Iterator[Standing]:
    data = collection.data_of(folder, one)
    if MAIN not in set(data["setting"]):
        return
    ours = data[data["setting"] == MAIN]
    for measure, anchors in _ANCHORS[one.name].items():
        judged = data[data["setting"] == setting_for(measure, data)]
        for anchor in anchors:
            others = data[data["setting"] == anchor]
            if len(others):
                yield from _compared(one, pd.concat([judged, others]), anchor, measure)
    known = collection.with_published(data, folder, one)
    for anchor in _FILES:
        others = known[known["setting"] == anchor]
        if len(others):
            yield from _compared(one, pd.concat([ours, others]), anchor, "psnr_db")
    curves = [curve for curve in collection.curves_of(folder, one) if curve.name in _MEANS]
    plain = known[known["is_baseline"] | (known["setting"] == MAIN)]
    for mean in averages.compare_means(plain, curves, *_MEANS_RANGE) if one.name == "kodak" else ():
        percent = mean.bd_rate_percent if mean.alike_percent is None else mean.alike_percent
        if percent is not None:
            detail = f"{_more(percent)} bytes (published means)"
            yield Standing(one.title, "PSNR", mean.anchor, _verdict(percent), detail)


def _compared(one: DataSet, data: pd.DataFrame, anchor: str, measure: str) -> Iterator[Standing]:
    (found,) = protocol.compare(data, [anchor], *one.whole, measure)
    kind = MEASURES[measure]
    rate, quality = found.bd_rate_percent, found.bd_quality
    if rate is not None and len(found.bd_rates_percent) >= _MIN_SHARE * found.files:
        low, high = (rate.low, rate.high) if rate.low is not None else (rate.value, rate.value)
        assert low is not None
        assert high is not None
        detail = f"{_more(rate.value)} bytes ({low:+.0f} to {high:+.0f} %)"
        yield Standing(one.title, kind.label, anchor, _side(low, high), detail)
    elif quality is not None:
        low = quality.value if quality.low is None else quality.low
        high = quality.value if quality.high is None else quality.high
        unit = f" {kind.unit}" if kind.unit else ""
        detail = f"{quality.value:+.{kind.digits}f}{unit} at equal bytes"
        yield Standing(one.title, kind.label, anchor, _side(-high, -low), detail)


def _side(low: float, high: float) -> Verdict:
    """Of an interval of what we need more."""
    if high < 0:
        return "ahead"
    return "behind" if low > 0 else "equal"


def _verdict(percent: float) -> Verdict:
    return _side(percent - _MARGIN_PERCENT, percent + _MARGIN_PERCENT)


def _more(percent: float) -> str:
    if percent >= 100:
        return f"{1 + percent / 100:.1f} times the"
    return f"{abs(percent):.0f} % {'more' if percent > 0 else 'fewer'}"
