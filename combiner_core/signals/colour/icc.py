"""ICC profiles as encodings: those of matrices and curves, and those that name code points.

Profiles of tables are for Little CMS, which converts eight bits only; see `conversion`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from combiner_core.signals.colour import cicp
from combiner_core.signals.colour.encoding import Encoding
from combiner_core.signals.colour.primaries import BT709
from combiner_core.signals.colour.transfer import LINEAR, Parametric, Table, Transfer

_HEADER_BYTES, _MOST_TAGS, _MOST_POINTS = 128, 100, 1 << 16
_SPACE_AT = slice(16, 20)
# parameters of each type of `para`, in the order of the file
_PARAMETERS = ("g", "gab", "gabc", "gabcd", "gabcdef")
# tags of profiles that convert by tables
_TABLES = (b"A2B0", b"A2B1", b"A2B2")


def space_of(profile: bytes) -> str:
    """The colour space of a profile: "RGB", "GRAY", "CMYK", "Lab" ..."""
    return profile[_SPACE_AT].decode("ascii", "replace").strip()


def encoding_of(profile: bytes) -> Encoding | None:
    """The encoding of a profile of RGB or grey; ``None`` if it takes more than curves and a matrix.

    Raises:
        ValueError: it is damaged.
    """
    tags = dict(_tags(profile))
    points = tags.get(b"cicp", b"")
    if len(points) >= 12:
        found = cicp.encoding_of(points[8], points[9])
        if found is not None:
            return found
    if any(name in tags for name in _TABLES):
        return None
    if space_of(profile) == "GRAY" and b"kTRC" in tags:
        return Encoding.of(BT709, _curve(tags[b"kTRC"]))
    names = [(letter + b"TRC", letter + b"XYZ") for letter in (b"r", b"g", b"b")]
    if space_of(profile) != "RGB" or any(name not in tags for pair in names for name in pair):
        return None
    curves = tuple(_curve(tags[curve]) for curve, _ in names)
    columns = [_xyz(tags[column]) for _, column in names]
    rows = tuple(zip(*columns, strict=True))
    return Encoding(curves, rows)  # type: ignore[arg-type]


def _tags(profile: bytes) -> Iterator[tuple[bytes, bytes]]:
    if profile[36:40] != b"acsp" or len(profile) < _HEADER_BYTES + 4:
        raise ValueError("this is no ICC profile")
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    for number in range(min(count, _MOST_TAGS)):
        at = _HEADER_BYTES + 4 + 12 * number
        if at + 12 > len(profile):
            raise ValueError("the profile is cut short")
        name, start, size = struct.unpack_from(">4sII", profile, at)
        yield name, profile[start : start + size]


def _xyz(tag: bytes) -> tuple[float, float, float]:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise ValueError("the profile has no colours")
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _curve(tag: bytes) -> Transfer:
    curve = _curve_of(tag)
    # whatever its numbers are
    if not np.isfinite(curve(np.linspace(0.0, 1.0, 257))).all():
        raise ValueError("the profile has a curve without end")
    return curve


def _curve_of(tag: bytes) -> Transfer:
    if tag[:4] == b"para" and len(tag) >= 16:
        kind = int.from_bytes(tag[8:10], "big")
        if kind < len(_PARAMETERS):
            return _parametric(tag[12:], kind)
    if tag[:4] == b"curv" and len(tag) >= 12:
        count = int.from_bytes(tag[8:12], "big")
        if count == 0:
            return LINEAR
        if count <= _MOST_POINTS and len(tag) >= 12 + 2 * count:
            points = struct.unpack_from(f">{count}H", tag, 12)
            if count == 1:
                return Parametric(points[0] / 256)
            return Table(tuple(point / 65535 for point in points))
    raise ValueError("the profile has a curve that is not known")


def _parametric(numbers: bytes, kind: int) -> Parametric:
    names = _PARAMETERS[kind]
    if len(numbers) < 4 * len(names):
        raise ValueError("the profile is cut short")
    values = (value / 65536 for value in struct.unpack_from(f">{len(names)}i", numbers))
    found = dict(zip(names, values, strict=True))
    if kind in (1, 2):
        # the power holds where it has a base, and the constant is everywhere
        found["d"] = -found["b"] / found["a"] if found["a"] else 0.0
        constant = found.pop("c", 0.0)
        found["e"] = found["f"] = constant
    return Parametric(**found)
