"""Rate-distortion curves that others published, read from JSON files, one curve each."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from combiner_core.errors import CombinerError
from combiner_core.signals import Kind

FORMAT_VERSION = 1


@dataclass(frozen=True)
class PublishedCurve:
    """Figures quoted, not measured here.

    Attributes:
        name: of the codec.
        kind: "image", rates in bpp and PSNR of 8-bit RGB; or "audio", rates in kbps and PSNR with
            peak 2.
        points: pairs of rate and PSNR in dB, rising in both.
        source: where they were published.
        note: the signals they are means over.

    Raises ValueError for fields that are not such.
    """

    name: str
    kind: Kind
    points: tuple[tuple[float, float], ...]
    source: str
    note: str

    def __post_init__(self) -> None:
        texts = (self.name, self.source, self.note)
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError("name, source and note must be texts")
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind {self.kind!r}")
        if not self.points or self.points[0][0] <= 0:
            raise ValueError("a curve needs points of positive rates")
        if not all(math.isfinite(number) for point in self.points for number in point):
            raise ValueError("the points must be finite")
        if not all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(self.points)):
            raise ValueError("the points must rise in rate and PSNR")


def read_published(folder: Path) -> list[PublishedCurve]:
    """The curves of a folder, by name; none if there is no such folder.

    Raises:
        CombinerError: a file is damaged or of another version.
    """
    curves = [_read(path) for path in sorted(folder.glob("*.json"))]
    return sorted(curves, key=lambda curve: (curve.kind, curve.name))


def _read(path: Path) -> PublishedCurve:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != FORMAT_VERSION:
            raise ValueError("unknown version")
        points = tuple((float(rate), float(psnr_db)) for rate, psnr_db in content.pop("points"))
        return PublishedCurve(points=points, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CombinerError(f"{path.name} is not a file of a published curve.") from error
