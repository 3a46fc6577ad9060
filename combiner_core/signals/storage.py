"""Whole files in and out, with errors that name the file and nothing else of its path."""

from __future__ import annotations

import os
import secrets
from os import PathLike
from pathlib import Path

from combiner_core.errors import SignalError


def read_content(path: str | PathLike[str]) -> bytes:
    """All bytes of a file that must exist and not be empty.

    Raises:
        SignalError: there is no such file, it is a folder, it is empty, or may not be read.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise SignalError(f"{path.name} does not exist.")
        if not path.is_file():
            raise SignalError(f"{path.name} is not a file.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise SignalError(f"{path.name} cannot be opened: {_reason(error)}.") from error
    if not content:
        raise SignalError(f"{path.name} is empty.")
    return content


def write_atomically(path: str | PathLike[str], content: bytes) -> None:
    """Write a file that appears under its name only when it is complete.

    Raises:
        SignalError: the file cannot be written there; an older file of that name is unchanged.
    """
    path = Path(path)
    # In the same folder, so that the last step is a rename; not a `tempfile`, whose permissions
    # would hide the result from other users.
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            with partial.open("xb") as stream:
                stream.write(content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise SignalError(f"{path.name} cannot be written: {_reason(error)}.") from error


def _reason(error: OSError | ValueError) -> str:
    # str(OSError) would add the whole path.
    reason = error.strerror if isinstance(error, OSError) else "its name is not valid"
    return (reason or "the system refused").lower()
