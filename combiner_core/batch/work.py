"""What a worker does with one file; all that can go wrong with it is a row with a sentence."""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from combiner_core.batch.places import Place
from combiner_core.batch.results import Row
from combiner_core.batch.settings import DecodeSettings, EncodeSettings, Settings
from combiner_core.batch.sources import Entry
from combiner_core.codec import decode, encode
from combiner_core.errors import CombinerError
from combiner_core.events import result_of
from combiner_core.options import DeviceName
from combiner_core.presets import PresetLibrary
from combiner_core.process import is_lack_of_memory
from combiner_core.signals.about import NOTHING_KNOWN
from combiner_core.signals.files import encoded, read_bytes

SUFFIX = ".cmb"


@dataclass(frozen=True)
class Task:
    """One file, and all that a worker must know of the batch.

    Attributes:
        entry: the file.
        settings: of the batch.
        folder: of outputs.
        problem: why nothing is to be done, if so.
    """

    entry: Entry
    settings: Settings
    folder: str
    problem: str | None = None

    @property
    def row(self) -> Row:
        """The row of it, before anything is known."""
        return Row(self.entry.name, Place(self.entry.source).shown)


def work(task: Task) -> Row:
    """Encode or decode a file, and write the output."""
    started = time.monotonic()
    row = task.row
    function = _encode if isinstance(task.settings, EncodeSettings) else _decode
    try:
        if task.problem is not None:
            raise CombinerError(task.problem)
        row = function(task, row)
    except Exception as error:
        row = replace(row, error=_sentence(error, Place(task.entry.source).base))
    return replace(row, seconds=round(time.monotonic() - started, 3))


def _encode(task: Task, row: Row) -> Row:
    entry, settings = task.entry, task.settings
    assert isinstance(settings, EncodeSettings)
    source = Place(entry.source)
    content = source.read()
    reading = read_bytes(
        content,
        source.base,
        frame_s=settings.frame_s,
        max_pixels=settings.limits.pixels,
        max_samples=settings.limits.samples,
    )
    signal = reading.signal
    result = result_of(
        encode(
            signal,
            entry.budget or settings.budget(signal.kind),
            replace(settings.options, device=_device(settings.options.device)),
            _library(),
            settings.limits,
            about=reading.about if settings.keep_metadata else NOTHING_KNOWN,
        )
    )
    output = entry.output or entry.name + SUFFIX
    Place(task.folder).below(output).write(result.data)
    return replace(
        row,
        output=output,
        source_bytes=len(content),
        bytes=len(result.data),
        psnr_db=round(result.psnr_db, 4) if math.isfinite(result.psnr_db) else None,
        model=result.model,
        notes=reading.all_notes(keeps_about=settings.keep_metadata),
    )


def _decode(task: Task, row: Row) -> Row:
    entry, settings = task.entry, task.settings
    assert isinstance(settings, DecodeSettings)
    if entry.output is None and not entry.name.endswith(SUFFIX):
        raise CombinerError(f"{Place(entry.source).base} is not named as a {SUFFIX} file.")
    content = Place(entry.source).read()
    signal = decode(
        content,
        fraction=settings.fraction,
        scale=settings.scale,
        device=_device(settings.device),
        models=_library(),
        depth=settings.depth,
        detail=settings.detail,
        limits=settings.limits,
    )
    suffix = ".png" if signal.kind == "image" else f".{settings.sound}"
    output = entry.output or entry.name.removesuffix(SUFFIX) + suffix
    data = encoded(signal, PurePosixPath(output).name)
    Place(task.folder).below(output).write(data)
    return replace(row, output=output, source_bytes=len(content), bytes=len(data))


@functools.cache
def _library() -> PresetLibrary:
    """One for all files of a process: presets are loaded once."""
    return PresetLibrary()


def _device(name: DeviceName) -> DeviceName:
    return "cpu" if name == "auto" else name


def _sentence(error: Exception, name: str) -> str:
    if isinstance(error, CombinerError):
        return str(error)
    if is_lack_of_memory(error):
        return f"There is not enough memory for {name}."
    return f"{name} met an error of the program: {type(error).__name__}: {error}"
