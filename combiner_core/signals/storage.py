"""Whole files in and out, with errors that name the file and nothing else of its path."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import stat
import time
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import IO

from combiner_core.errors import SignalError

STANDARD_INPUT = Path("/dev/stdin")
STANDARD_OUTPUT = Path("/dev/stdout")

_MAX_BYTES = 1 << 31  # a device may have no end
_CHUNK_BYTES = 1 << 20
_MAX_LINKS = 40  # as Linux itself follows
_PARTIAL = ".combiner-part"
# between making a file and locking it a writer takes much less than this
_UNLOCKED_S = 2.0


def read_content(path: str | PathLike[str]) -> bytes:
    """All bytes of a file, pipe or open descriptor (/dev/stdin), which must not be empty.

    Raises:
        SignalError: there is no such file, it is a folder, it is empty, or may not be read.
    """
    content = read_all(path)
    if not content:
        raise SignalError(f"{Path(path).name} is empty.")
    return content


def read_all(path: str | PathLike[str]) -> bytes:
    """All bytes of a file, pipe or open descriptor, if there are any.

    Raises:
        SignalError: there is no such file, it is a folder, has no end, or may not be read.
    """
    path = Path(path)
    try:
        descriptor = _descriptor(path)
        if descriptor is None and not path.exists():
            raise SignalError(f"{path.name} does not exist.")
        if descriptor is None and path.is_dir():
            raise SignalError(f"{path.name} is not a file.")
        with path.open("rb") if descriptor is None else _duplicate(descriptor, "rb") as stream:
            content = bytearray()
            while chunk := stream.read(_CHUNK_BYTES):
                content += chunk
                if len(content) > _MAX_BYTES:
                    raise SignalError(f"{path.name} is larger than 2 GB, the most that is read.")
    except (OSError, ValueError) as error:
        raise SignalError(f"{path.name} cannot be opened: {_reason(error)}.") from error
    return bytes(content)


def write_atomically(path: str | PathLike[str], content: bytes, *, sweeps: bool = True) -> None:
    """Write a file that appears under its name only when it is complete.

    A symbolic link stays: the file it points at is written. Pipes, sockets, devices and open
    descriptors (/dev/stdout) are written to.

    Args:
        path: the file.
        content: all of it.
        sweeps: whether to `sweep` its folder, which takes the longer the more files are in it.

    Raises:
        SignalError: it cannot be written there; an older file of that name is unchanged.
    """
    path = Path(path)
    try:
        descriptor = _descriptor(path)
        mode = None if descriptor is not None else _mode(path)
        if descriptor is not None:
            with _duplicate(descriptor, "wb") as stream:
                stream.write(content)
        elif mode is None or stat.S_ISREG(mode):
            if sweeps:
                sweep(Path(os.path.realpath(path)).parent)
            _replace(Path(os.path.realpath(path)), content)
        elif stat.S_ISSOCK(mode):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(content)
        else:
            with path.open("wb") as stream:
                stream.write(content)
    except (OSError, ValueError) as error:
        raise SignalError(f"{path.name} cannot be written: {_reason(error)}.") from error


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder: nobody holds a lock on it."""
    with suppress(OSError, ValueError):
        for partial in folder.glob(f".*{_PARTIAL}"):
            old = time.time() - partial.stat().st_mtime > _UNLOCKED_S
            with partial.open("rb") as stream:
                if old and _is_ours(stream):
                    partial.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are missing.

    Raises:
        SignalError: it cannot be made there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise SignalError(f"The folder {path.name} cannot be made: {_reason(error)}.") from error


def check_output(path: Path, source: Path) -> None:
    """Refuse an output that will not do, before the work that makes its content.

    Args:
        path: what will be written.
        source: what the content is made of, and must survive.

    Raises:
        SignalError: the output is the input or a folder, or its folder is not there.
    """
    try:
        if _descriptor(path) is not None:
            return
        if path.is_dir():
            raise SignalError(f"{path.name} cannot be written: it is a folder.")
        if not Path(os.path.realpath(path)).parent.is_dir():
            raise SignalError(f"{path.name} cannot be written: its folder does not exist.")
        if path.is_file() and _is_same(source, path):
            raise SignalError(f"{path.name} is the input: it is not overwritten.")
    except (OSError, ValueError) as error:
        raise SignalError(f"{path.name} cannot be written: {_reason(error)}.") from error


def is_stream(path: Path) -> bool:
    """Whether writing there reaches a pipe, a device or an open descriptor, not a file."""
    if _descriptor(path) is not None:
        return True
    with suppress(OSError, ValueError):
        mode = _mode(path)
        return mode is not None and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


def is_standard_output(path: Path) -> bool:
    """Whether writing there reaches the standard output of this process."""
    return _descriptor(path) == 1


def _replace(path: Path, content: bytes) -> None:
    # In the same folder, so that the last step is a rename; not a `tempfile`, whose permissions
    # would hide the result from other users.
    partial = path.with_name(f".{secrets.token_hex(8)}{_PARTIAL}")
    try:
        with partial.open("xb") as stream:
            _is_ours(stream)
            stream.write(content)
            stream.flush()
            os.replace(partial, path)
    finally:
        with suppress(OSError, ValueError):  # the first error is the one to tell
            partial.unlink(missing_ok=True)


def _is_ours(stream: IO[bytes]) -> bool:
    """Lock a file until it is closed; whether nobody else has. The end of a process unlocks."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # or a file system without locks
        return False
    return True


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _is_same(source: Path, path: Path) -> bool:
    descriptor = _descriptor(source)
    if descriptor is not None:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return source.exists() and source.samefile(path)


def _descriptor(path: Path) -> int | None:
    """The number of the open descriptor that a name like /dev/stdout or /dev/fd/3 stands for."""
    with suppress(OSError, ValueError):
        descriptors = os.path.realpath("/dev/fd")
        for _ in range(_MAX_LINKS):
            if path.name.isdecimal() and os.path.realpath(path.parent) == descriptors:
                return int(path.name)
            if not path.is_symlink():
                break
            path = path.parent / path.readlink()
    return None


def _duplicate(descriptor: int, mode: str) -> IO[bytes]:
    """A stream of its own, so that what the process has open stays open."""
    return os.fdopen(os.dup(descriptor), mode)


def _reason(error: OSError | ValueError) -> str:
    # str(OSError) would add the whole path.
    reason = error.strerror if isinstance(error, OSError) else "its name is not valid"
    return (reason or "the system refused").lower()
