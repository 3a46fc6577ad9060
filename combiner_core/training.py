"""What the training commands of all families share: arguments, files, what cards tell."""

from __future__ import annotations

import argparse
import platform
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch

from combiner_core.errors import CombinerError
from combiner_core.presets import DEFAULT_DIRECTORY


def add_data(command: argparse.ArgumentParser) -> None:
    """Add the argument of folders to learn from."""
    command.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR")


def add_validation(command: argparse.ArgumentParser) -> None:
    """Add the argument of folders that are not learned from."""
    command.add_argument(
        "--validate",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="what is not learned from; by default every twelfth file of the data",
    )


def add_music(command: argparse.ArgumentParser) -> None:
    """Add the argument of folders of music."""
    command.add_argument(
        "--music",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="pieces of music for the wide model, besides speech",
    )


def add_sources(command: argparse.ArgumentParser) -> None:
    """Add the argument of a text for the card."""
    command.add_argument(
        "--sources",
        type=Path,
        metavar="FILE",
        help="text for the card: authors and licences of the data, one a line",
    )


def sources_of(path: Path | None) -> list[str]:
    """What the card says of where the data are from.

    Raises:
        CombinerError: it is no text.
    """
    if path is None:
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CombinerError(f"{path.name} cannot be read as text.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def add_preset(command: argparse.ArgumentParser) -> None:
    """Add the arguments of the preset to be written."""
    command.add_argument("--name", required=True, help="name of the preset")
    command.add_argument("--id", type=int, required=True, help="number of the preset in files")
    command.add_argument("--out", type=Path, default=DEFAULT_DIRECTORY, metavar="DIR")


def check_preset(parsed: argparse.Namespace) -> None:
    """Check name and number of the preset to be written.

    Raises:
        CombinerError: they cannot be used.
    """
    if not 0 <= parsed.id < 1 << 16:
        raise CombinerError(f"The number {parsed.id} is not between 0 and 65535.")
    if not re.fullmatch(r"[\w.-]+", parsed.name):
        raise CombinerError(f"The name {parsed.name!r} has other signs than letters and digits.")


def check_folders(folders: Sequence[Path]) -> None:
    """Check that folders are there.

    Raises:
        CombinerError: one is not.
    """
    for folder in folders:
        if not folder.is_dir():
            raise CombinerError(f"There is no folder {folder.name}.")


def without_paths(parsed: argparse.Namespace, paths: Collection[str]) -> dict[str, Any]:
    """Arguments for a card, which must not tell where on a machine files are."""
    left_out = {"run", *paths}
    return {name: value for name, value in vars(parsed).items() if name not in left_out}


def machine(device: str) -> str:
    """What the training ran on."""
    return f"{platform.machine()}, {torch.get_num_threads()} threads, {device}"


def files_of(folders: Sequence[Path]) -> list[Path]:
    """The files of some folders, without their subfolders, in order."""
    return sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
