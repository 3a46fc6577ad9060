"""`python -m combiner_core bench`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: Subparsers) -> None:
    """Add the command to a parser."""
    commands.add_parser("bench", help="measure rate, distortion and time")
