"""What a batch is made of: files of folders, of patterns and of manifests, one after the other.

Nothing is listed ahead of time: there may be more files than fit in memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, Self

from combiner_core.batch.manifest import Line, is_manifest, read_manifest
from combiner_core.batch.places import Place
from combiner_core.budget import Budget
from combiner_core.errors import CombinerError

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Entry:
    """One file of a batch.

    Attributes:
        source: where it is read.
        name: what it is called in the results; the output is named after it.
        budget: of its own, if a manifest has one.
        output: a manifest's name of the output, below the folder of outputs.
    """

    source: str
    name: str
    budget: Budget | None = None
    output: str | None = None


@dataclass(frozen=True)
class Shard:
    """A part of a batch, for several runs to share it: which files are in it, only names decide.

    Attributes:
        index: from 0 on.
        count: of parts.

    Raises:
        CombinerError: there is no such part.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise CombinerError(f"There is no part {self.index} of {self.count}, from 0 on.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From INDEX/COUNT.

        Raises:
            CombinerError: that is none.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None:
            raise CombinerError(f"{text} is no part: say INDEX/COUNT, such as 0/8.")
        return cls(int(match[1]), int(match[2]))

    def has(self, name: str) -> bool:
        """Whether a file is in it."""
        digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index


@dataclass(frozen=True)
class Sources:
    """Folders, files, patterns and manifests, all of one batch.

    Attributes:
        names: paths or URLs. A folder stands for all files in it and below, in order of their
            names; hidden ones, whose names begin with a dot, are left out. A pattern has *, ** or
            ?. A name that ends in .jsonl, .ndjson or .parquet is a manifest.
        suffix: of the files taken from folders; empty for all.
        shard: the part that is taken.
        without: a folder that is left out, because outputs come there.

    Raises:
        CombinerError: there are none.
    """

    names: tuple[str, ...]
    suffix: str = ""
    shard: Shard = field(default_factory=Shard)
    without: Place | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise CombinerError("There is nothing to do: name a folder, a file or a manifest.")

    def entries(self) -> Iterator[Entry]:
        """Each file; one that is named twice comes twice.

        Raises:
            CombinerError: a folder or file is not there, or a manifest is damaged.
        """
        manifests = [name for name in self.names if is_manifest(name)]
        parts = [_listed(name) for name in self.names if name not in manifests]
        common = _common([part.root for part in parts])
        files = (self._named(part, common) for part in parts)
        missing = [place.base for place in map(Place.of, manifests) if not place.exists()]
        if missing:
            raise CombinerError(f"There is no {missing[0]}.")
        lines = (map(_of_line, read_manifest(Place.of(name))) for name in manifests)
        for entry in chain.from_iterable([*files, *lines]):
            if self.shard.has(entry.name):
                yield entry

    def count(self) -> int:
        """How many there are, for which all are listed once."""
        return sum(1 for _ in self.entries())

    def _named(self, part: _Listed, common: str) -> Iterator[Entry]:
        skipped = None
        if self.without is not None and self.without.files == part.place.files:
            skipped = PurePosixPath(self.without.path)
        for path in part.paths():
            hidden = path[len(part.root) :].split("/")
            if part.is_folder and any(step.startswith(".") for step in hidden):
                continue
            if part.is_folder and not path.endswith(self.suffix):
                continue
            if skipped is not None and PurePosixPath(path).is_relative_to(skipped):
                continue
            name = path[len(common) :].lstrip("/")
            yield Entry(part.source(path), name)


@dataclass(frozen=True)
class _Listed:
    """What one name of the command line stands for.

    Attributes:
        place: as it was named.
        root: the path that is left out of the names of its files.
        is_folder: whether it is a folder.
        paths: lists its files.
    """

    place: Place
    root: str
    is_folder: bool
    paths: Callable[[], Iterator[str]]

    def source(self, path: str) -> str:
        """Where a file is read, whose path is within the file system."""
        if self.place.is_local:
            return path
        first, chained, rest = self.place.name.partition("::")
        if not first.endswith(self.place.path):
            return str(self.place.files.unstrip_protocol(path))
        # with the server and what is before it, of which paths of many file systems are free
        return f"{first.removesuffix(self.place.path)}{path}{chained}{rest}"


def _listed(name: str) -> _Listed:
    place = Place.of(name)
    files, path = place.files, place.path
    magic = _MAGIC.search(path)
    if not place.exists():
        if magic is None:
            raise CombinerError(f"There is no {place.base}.")
        root = _parent(path[: magic.start()] + "x")
        return _Listed(place, root, False, lambda: _glob(files, path, place.base))
    if files.isdir(path):
        return _Listed(place, path.rstrip("/"), True, lambda: _walk(files, path))
    return _Listed(place, _parent(path), False, lambda: iter([path]))


def _walk(files: Any, folder: str) -> Iterator[str]:
    """Files of a folder and those below, folder by folder."""
    found = files.ls(folder, detail=True)
    for about in sorted(found, key=lambda about: str(about["name"])):
        path = str(about["name"])
        if about["type"] == "directory":
            if path.rstrip("/") != folder.rstrip("/"):  # some stores list a folder in itself
                yield from _walk(files, path)
        elif path.rstrip("/") != folder.rstrip("/"):
            yield path


def _glob(files: Any, pattern: str, name: str) -> Iterator[str]:
    found = files.glob(pattern, detail=True)
    paths = sorted(path for path, about in found.items() if about["type"] != "directory")
    if not paths:
        raise CombinerError(f"No file is like {name}.")
    return iter(paths)


def _of_line(line: Line) -> Entry:
    return Entry(line.source, line.output or line.name, line.budget, line.output)


def _common(roots: Sequence[str]) -> str:
    """The folder that all are below."""
    split = [root.split("/") for root in roots]
    shared = 0
    while split and all(len(root) > shared for root in split):
        if len({root[shared] for root in split}) > 1:
            break
        shared += 1
    return "/".join(split[0][:shared]) if split else ""


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
