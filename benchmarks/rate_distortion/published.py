"""Rate-distortion figures that others published, read from JSON files: means, and single files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import pandas as pd

from combiner_core.errors import CombinerError
from combiner_core.signals import Kind

FORMAT_VERSION = 1
# the folder of single files, in that of the means
FILES_FOLDER = "files"

AveragedAt = Literal["settings", "rates"]
Points = tuple[tuple[float, float], ...]
_PublishedT = TypeVar("_PublishedT", bound="PublishedCurve | PublishedFiles")


@dataclass(frozen=True)
class PublishedCurve:
    """Means, quoted and not measured here.

    Attributes:
        name: of the codec.
        kind: "image", rates in bpp and PSNR of 8-bit RGB; or "audio", rates in kbps and PSNR with
            peak 2.
        points: pairs of rate and PSNR in dB, rising in both.
        source: where they were published.
        note: the signals they are means over.
        averaged_at: what was alike for all signals, the encoder's settings or the rate.

    Raises ValueError for fields that are not such.
    """

    name: str
    kind: Kind
    points: Points
    source: str
    note: str
    averaged_at: AveragedAt = "settings"

    def __post_init__(self) -> None:
        _check_texts(self.name, self.source, self.note)
        _check_kind(self.kind)
        _check_points(self.points)
        if self.averaged_at not in get_args(AveragedAt):
            raise ValueError(f"averaged at unknown {self.averaged_at!r}")

    @property
    def at_equal_rates(self) -> bool:
        """Whether the means are of files of equal rates."""
        return self.averaged_at == "rates"


@dataclass(frozen=True)
class PublishedFiles:
    """Curves of single files, quoted and not measured here.

    Attributes:
        name, kind, source, note: as in `PublishedCurve`.
        files: by the name of the file, pairs of rate and PSNR in dB, rising in both; those at one
            place belong to one setting of the encoder.

    Raises ValueError for fields that are not such.
    """

    name: str
    kind: Kind
    files: Mapping[str, Points]
    source: str
    note: str

    def __post_init__(self) -> None:
        _check_texts(self.name, self.source, self.note)
        _check_kind(self.kind)
        if not self.files:
            raise ValueError("there are no files")
        for points in self.files.values():
            _check_points(points)


def read_published(folder: Path) -> list[PublishedCurve]:
    """The means of a folder, by name; none if there is no such folder.

    Raises:
        CombinerError: a file is damaged or of another version.
    """
    return _read_all(folder, _curve)


def read_published_files(folder: Path) -> list[PublishedFiles]:
    """The curves of single files of a folder, by name; none if there are none.

    Raises:
        CombinerError: a file is damaged or of another version.
    """
    return _read_all(folder / FILES_FOLDER, _files)


def frame_of(published: Sequence[PublishedFiles]) -> pd.DataFrame:
    """Curves of single files with the columns of `frame` that comparisons need."""
    lines = [
        {
            "file": file,
            "setting": one.name,
            "is_baseline": True,
            "unit": "bpp" if one.kind == "image" else "kbps",
            "point": float(place),
            "actual_rate": rate,
            "psnr_db": psnr_db,
        }
        for one in published
        for file, points in one.files.items()
        for place, (rate, psnr_db) in enumerate(points)
    ]
    return pd.DataFrame(lines)


def _curve(content: dict[str, Any]) -> PublishedCurve:
    return PublishedCurve(points=_points(content.pop("points")), **content)


def _files(content: dict[str, Any]) -> PublishedFiles:
    files = {str(file): _points(points) for file, points in content.pop("files").items()}
    return PublishedFiles(files=files, **content)


def _read_all(folder: Path, make: Callable[[dict[str, Any]], _PublishedT]) -> list[_PublishedT]:
    found = [_read(path, make) for path in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda one: (one.kind, one.name))


def _read(path: Path, make: Callable[[dict[str, Any]], _PublishedT]) -> _PublishedT:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != FORMAT_VERSION:
            raise ValueError("unknown version")
        return make(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CombinerError(f"{path.name} is not a file of a published curve.") from error


def _points(pairs: Any) -> Points:
    return tuple((float(rate), float(psnr_db)) for rate, psnr_db in pairs)


def _check_texts(*texts: object) -> None:
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError("name, source and note must be texts")


def _check_kind(kind: object) -> None:
    if kind not in get_args(Kind):
        raise ValueError(f"unknown kind {kind!r}")


def _check_points(points: Points) -> None:
    if not points or points[0][0] <= 0:
        raise ValueError("a curve needs points of positive rates")
    if not all(math.isfinite(number) for point in points for number in point):
        raise ValueError("the points must be finite")
    if not all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(points)):
        raise ValueError("the points must rise in rate and PSNR")
