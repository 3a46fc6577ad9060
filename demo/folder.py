"""The folder of a server: it goes with it, or, where that was killed, when the next one starts."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_PREFIX, _LOCK, _NEW = "combiner-", ".lock", ".new-lock"


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder for everything that is uploaded or made; nothing of it is left afterwards."""
    _remove_abandoned(Path(gettempdir()))
    with TemporaryDirectory(prefix=_PREFIX) as name:
        new, lock = Path(name, _NEW), Path(name, _LOCK)
        with new.open("xb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # The system lets go of it when this process ends.
            new.rename(lock)  # So that nobody sees it before it is held.
            yield Path(name)


def _remove_abandoned(where: Path) -> None:
    """Remove the folders of this user's servers that are gone."""
    for lock in where.glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # Fails where a server lives.
            if lock.parent.lstat().st_uid == os.getuid():
                shutil.rmtree(lock.parent, ignore_errors=True)
