"""Manifests: lists of files, as JSON Lines or Parquet, with outputs and budgets of their own.

A line has `source`, a path or URL; relative ones are relative to the manifest. It may have
`output`, a path below the folder of outputs, and one of `bytes`, `bpp` and `kbps`.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from combiner_core.batch.places import Place
from combiner_core.budget import Budget, Unit
from combiner_core.errors import CombinerError

_TEXT = (".jsonl", ".ndjson")
_PARQUET = ".parquet"
_ROWS = 10_000
_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:(//|:)")
_UNITS = get_args(Unit)


@dataclass(frozen=True)
class Line:
    """One file.

    Attributes:
        source: where it is.
        name: the source as it is written, from the manifest on.
        output: where what is made of it goes, below the folder of outputs, if that is said.
        budget: its own, if it has one.
    """

    source: str
    name: str
    output: str | None = None
    budget: Budget | None = None


def is_manifest(name: str) -> bool:
    """Whether a name is that of a manifest."""
    return name.partition("::")[0].lower().endswith((*_TEXT, _PARQUET))


def read_manifest(place: Place) -> Iterator[Line]:
    """The lines of a manifest, of which few are in memory at a time.

    Raises:
        CombinerError: it is missing or damaged, or is Parquet, which nothing here can read.
    """
    rows = _parquet(place) if place.base.lower().endswith(_PARQUET) else _text(place)
    try:
        for number, row in enumerate(rows, 1):
            yield _line(row, number, place)
    except (OSError, UnicodeDecodeError) as error:
        raise CombinerError(f"{place.base} cannot be read.") from error


def _text(place: Place) -> Iterator[Any]:
    with place.files.open(place.path, "rt", encoding="utf-8") as stream:
        for number, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                yield json.loads(text)
            except ValueError as error:
                raise CombinerError(f"Line {number} of {place.base} is not JSON.") from error


def _parquet(place: Place) -> Iterator[Any]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise CombinerError(
            f"To read {place.base}, install pyarrow: pip install 'combiner[batch]'."
        ) from error
    try:
        with place.files.open(place.path, "rb") as stream:
            file = parquet.ParquetFile(stream)
            wanted = [name for name in ("source", "output", *_UNITS) if name in file.schema.names]
            for batch in file.iter_batches(_ROWS, columns=wanted):
                yield from batch.to_pylist()
    except ArrowInvalid as error:
        raise CombinerError(f"{place.base} is not a Parquet file.") from error


def _line(row: Any, number: int, place: Place) -> Line:
    where = f"Line {number} of {place.base}"
    if not isinstance(row, Mapping) or not isinstance(row.get("source"), str) or not row["source"]:
        raise CombinerError(f"{where} has no source.")
    source, output = row["source"], row.get("output")
    if output is not None and (not isinstance(output, str) or not _stays_below(output)):
        raise CombinerError(f"{where} has an output that is no path below the folder of outputs.")
    given = [(row[unit], unit) for unit in _UNITS if row.get(unit) is not None]
    if len(given) > 1:
        raise CombinerError(f"{where} has {given[0][1]} and {given[1][1]}: one is enough.")
    try:
        budget = Budget(*given[0]) if given else None
    except CombinerError as error:
        raise CombinerError(f"{where}: {error}") from error
    absolute = _ABSOLUTE.match(source)
    # two sources have two names: those elsewhere keep their whole path, from the root on
    name = re.sub(r"^/+|^[^/]*?:/*", "", source) if absolute else source
    if not _stays_below(name):
        if output is None:
            raise CombinerError(f"{where} has a source above the manifest: give it an output.")
        name = output
    folder = posixpath.dirname(place.name.partition("::")[0])
    found = source if absolute else f"{folder}/{source}" if folder else source
    return Line(found, posixpath.normpath(name), output, budget)


def _stays_below(path: str) -> bool:
    normal = posixpath.normpath(path)
    return bool(path) and not normal.startswith(("/", "..")) and normal != "."
