"""Pictures decoded without and with the detail that their files suggest, side by side."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks import results_files
from benchmarks.measures import scores
from combiner_core import metrics
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.events import result_of
from combiner_core.inspection import inspect
from combiner_core.options import EffortName, EncodeOptions
from combiner_core.signals import Signal, load_image, write_atomically

_MEASURE = "ssimulacra2"
_SIDE, _GAP = 288, 6
_QUALITY = 88


@dataclass(frozen=True)
class Job:
    """A picture at a rate.

    Attributes:
        file: name of the file.
        bpp: the budget, in bits a pixel.
        effort: of encoding.
    """

    file: str
    bpp: float
    effort: EffortName


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        bytes: size of the file.
        detail: that it suggests.
        faithful, detailed: SSIMULACRA2 without and with it.
        faithful_db, detailed_db: PSNR, likewise.
    """

    job: Job
    bytes: int
    detail: float
    faithful: float
    detailed: float
    faithful_db: float
    detailed_db: float


BENCHMARK = results_files.Benchmark("detail", Job, Row)


def run(job: Job, folder: Path, threads: int, pictures: Path) -> Row:
    """Measure one job, and put original, faithful and detailed picture side by side.

    Args:
        job: what to do.
        folder: of the files.
        threads: to use.
        pictures: folder for what is to be looked at, `NAME.webp`.

    Raises:
        CombinerError: the file is not an image, or the budget cannot be met.
    """
    torch.set_num_threads(threads)
    image = load_image(folder / job.file)
    options = EncodeOptions(effort=job.effort, tune="perceptual", device="cpu")
    result = result_of(encode(image, Budget(job.bpp, "bpp"), options))
    suggested = inspect(result.data).intent.detail
    assert suggested is not None
    faithful, detailed, most = (
        decode(result.data, detail=detail, device="cpu") for detail in (0.0, suggested, 1.0)
    )
    _show(_most_changed(faithful, most), (image, faithful, detailed), pictures / _shown(job.file))
    return Row(
        job,
        len(result.data),
        suggested,
        scores(image, faithful)[_MEASURE],
        scores(image, detailed)[_MEASURE],
        metrics.psnr_db(image, faithful),
        metrics.psnr_db(image, detailed),
    )


def _shown(file: str) -> str:
    return Path(file).with_suffix(".webp").name


def _most_changed(faithful: Signal, most: Signal) -> tuple[slice, slice]:
    """The square where detail adds most."""
    change = np.abs(most.values.astype(np.float64) - faithful.values).sum(2)
    sums = np.pad(change.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    height, width = (min(_SIDE, side) for side in change.shape)
    inside = sums[height:, width:] - sums[:-height, width:]
    inside = inside - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def _show(where: tuple[slice, slice], signals: tuple[Signal, ...], path: Path) -> None:
    parts: list[NDArray[np.uint8]] = []
    for signal in signals:
        part = signal.values[where].astype(np.uint8)
        parts += [part, np.full((len(part), _GAP, 3), 255, np.uint8)]
    stream = io.BytesIO()
    Image.fromarray(np.concatenate(parts[:-1], 1)).save(stream, "WEBP", quality=_QUALITY, method=6)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, stream.getvalue())
