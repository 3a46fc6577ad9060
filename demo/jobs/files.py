"""The files of a job: what was handed in, and what is kept of a result."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import combiner_core as cc
from combiner_core.signals import write_atomically
from demo.jobs.job import Outcome
from demo.media import SUFFIXES, Extent
from demo.work import Made

_UPLOADED = "uploaded"


def take(file: Path, folder: Path) -> Path:
    """A copy of what was handed in, in a folder, which is made; it costs no room on most disks.

    Raises:
        SignalError: the file is gone, or cannot be copied.
    """
    copy = folder / _UPLOADED / file.name
    try:
        copy.parent.mkdir(parents=True)
        try:
            os.link(file, copy)
        except OSError:  # Not on this disk.
            shutil.copyfile(file, copy)
    except OSError as error:
        raise cc.SignalError(f"{file.name} is no longer here: upload it again.") from error
    return copy


def keep(made: Made, extent: Extent, name: str, folder: Path) -> Outcome:
    """Write the files of a result into a folder.

    Raises:
        SignalError: one cannot be written.
    """
    suffix = SUFFIXES[extent.kind]
    original = folder / f"{name}{suffix}"
    decoded = folder / f"{name}-decoded{suffix}"
    compressed = folder / f"{name}.cmb"
    for path, content in (
        (original, made.original),
        (decoded, made.decoded),
        (compressed, made.data),
    ):
        write_atomically(path, content)
    screens = []
    for path, content in zip((original, decoded), made.screens, strict=True):
        screen = path.with_name(f"{path.stem}-screen.webp")
        if content:
            write_atomically(screen, content)
        screens.append(screen if content else None)
    return Outcome(
        extent,
        original,
        compressed,
        decoded,
        (screens[0], screens[1]),
        len(made.data),
        made.figures,
        made.psnr_db,
        made.kl_bits,
        made.side_bits,
        made.model,
        made.device,
        made.seconds,
    )


def keep_alone(folder: Path) -> None:
    """Of a job without a result: keep what was handed in and nothing else."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name != _UPLOADED:
                path.unlink()
