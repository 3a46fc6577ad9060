"""Room on disk: all files of the app together stay below a limit; the oldest go first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from demo.jobs import JobQueue

# So that very many empty files count for something.
_LEAST_BYTES = 1 << 16


@dataclass(frozen=True)
class _Thing:
    """Something that may go: a file, or the folder of a job that ended."""

    age_s: float
    size_bytes: int
    remove: Callable[[], None]


class Disk:
    """The folder of the app.

    Args:
        folder: uploads, results, decoded files.
        limit_bytes: of all together.
        life_s: files older than this go in any case.
        jobs: whose folder is `jobs` in this one.
        spared_s: files younger than this stay, as somebody is about to use them.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        life_s: float,
        jobs: JobQueue,
        *,
        spared_s: float = 60.0,
    ) -> None:
        self._folder, self._limit_bytes = folder, limit_bytes
        self._life_s, self._spared_s = life_s, min(spared_s, life_s)
        self._jobs, self._lock = jobs, Lock()
        self._own: frozenset[Path] = frozenset()
        self._made_s: dict[tuple[Path, int], float] = {}  # By path and inode.

    def keep_present(self) -> None:
        """Never remove the files that are there now: they belong to the page."""
        self._own = frozenset(path for path, _ in _files(self._folder))

    def make_room(self, coming_bytes: int) -> bool:
        """Remove the oldest files and ended jobs until so much more fits; False if it does not."""
        with self._lock:
            used_bytes = sum(size for _, size in _files(self._folder))
            if used_bytes + coming_bytes <= self._limit_bytes:
                return True
            for thing in sorted(self._things(), key=lambda thing: -thing.age_s):
                thing.remove()
                used_bytes -= thing.size_bytes
                if used_bytes + coming_bytes <= self._limit_bytes:
                    return True
            return False

    def sweep(self) -> None:
        """Remove what is too old, and more if all is too much."""
        with self._lock:
            for thing in self._things():
                if thing.age_s > self._life_s:
                    thing.remove()
        self.make_room(0)

    def _things(self) -> list[_Thing]:
        things, now = [], time.time()
        for job_id, folder, age_s in self._jobs.ended():
            size_bytes = sum(size for _, size in _files(folder))
            if size_bytes:
                things.append(_Thing(age_s, size_bytes, partial(self._jobs.forget, job_id)))
        made_s: dict[tuple[Path, int], float] = {}
        for path, size_bytes in _files(self._folder):
            if path in self._own or path.is_relative_to(self._folder / "jobs"):
                continue
            with suppress(OSError):  # Gone meanwhile.
                status = path.stat()
                # Copies keep the time of what they are of, but not this one. It is noted, as it
                # changes when a job lets go of its link to an upload.
                key = path, status.st_ino
                made_s[key] = self._made_s.get(key, status.st_ctime)
                if now - made_s[key] >= self._spared_s:
                    remove = partial(self._remove, path)
                    things.append(_Thing(now - made_s[key], size_bytes, remove))
        self._made_s = made_s
        return things

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            path.unlink()
        if path.parent not in (self._folder, self._folder / "cache"):
            with suppress(OSError):
                path.parent.rmdir()  # Only if it is empty.


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files below a folder, and what they count for."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            with suppress(OSError):  # Gone meanwhile.
                yield path, max(_LEAST_BYTES, path.lstat().st_size)
