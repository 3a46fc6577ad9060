"""What commands print, and a standard output that is closed or full."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from combiner_core.errors import CombinerError


def check() -> None:
    """Check that there is a standard output.

    Raises:
        CombinerError: the process was started with it closed.
    """
    # Its number may be given to the next file opened, which must not get what is printed.
    if sys.stdout is None:
        raise CombinerError("The standard output is closed.")


def report(fields: Mapping[str, Any], *, as_json: bool, aside: bool = False) -> None:
    """Print a result.

    Args:
        fields: name and value of each thing to tell.
        as_json: as one JSON object, not as lines for people.
        aside: on standard error, because the content of a file went to standard output.

    Raises:
        CombinerError: the standard output is closed or full.
    """
    if as_json:
        line(json.dumps(fields), aside=aside)
        return
    for name, value in fields.items():
        if isinstance(value, list):
            for text in value:
                line(f"{name.removesuffix('s'):14} {text}", aside=aside)
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number:.2f}" for key, number in value.items())
        line(f"{name:14} {f'{value:.4g}' if isinstance(value, float) else value}", aside=aside)


def line(text: str, *, aside: bool = False) -> None:
    """Print a line.

    Raises:
        CombinerError: the standard output is closed or full.
    """
    try:
        print(text, file=sys.stderr if aside else sys.stdout)
    except OSError as error:
        raise _failure(error) from error


def flush() -> None:
    """Hand over what was printed so far.

    Raises:
        CombinerError: the standard output is closed or full.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _failure(error) from error


def _failure(error: OSError) -> CombinerError:
    # What is still in the buffer would fail once more when the interpreter ends.
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    reason = (error.strerror or "the system refused").lower()
    return CombinerError(f"The standard output cannot be written: {reason}.")
