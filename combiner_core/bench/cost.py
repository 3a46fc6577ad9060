"""Time and memory of encoding and decoding images of several sizes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from combiner_core.bench import results
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.errors import CombinerError
from combiner_core.events import Encoded
from combiner_core.options import EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import MAX_PIXELS, MIN_SIDE, Signal, load_image

_WARM_UP_MEGAPIXELS = 0.02
_WARM_UP_BUDGET = Budget(1000)


@dataclass(frozen=True)
class Job:
    """One image at one size.

    Attributes:
        file: name of the file the image is made of.
        megapixels: its size, in millions of pixels.
        bpp: the budget, in bits a pixel.
        model, effort: as in `EncodeOptions`.
    """

    file: str
    megapixels: float
    bpp: float
    model: str
    effort: str


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        width, height: of the image, in pixels.
        bytes: size of the file.
        psnr_db: of the decoded file.
        encode_s: wall-clock seconds to fit and code, the model loaded and kernels compiled.
        decode_s: wall-clock seconds to decode, likewise.
        idle_memory_mb: largest resident size of the process before, after a small image.
        peak_memory_mb: largest resident size of the process.
        threads: of the process.
    """

    job: Job
    width: int
    height: int
    bytes: int
    psnr_db: float
    encode_s: float
    decode_s: float
    idle_memory_mb: float
    peak_memory_mb: float
    threads: int


def of_size(image: Signal, megapixels: float) -> Signal:
    """The image reduced, or continued by its mirror images, to about that many million pixels.

    Both sides change by the same factor, so sizes are right within half a pixel a side.

    Raises:
        CombinerError: a side would have fewer than 8 pixels, or the image too many in all.
    """
    pixels = megapixels * 1e6
    scale = math.sqrt(max(pixels, 0.0) / image.pixels)
    height, width = round(image.height * scale), round(image.width * scale)
    if min(height, width) < MIN_SIDE or height * width > MAX_PIXELS:
        raise CombinerError(f"No image of {megapixels:g} megapixels can be made of this one.")
    if scale <= 1:
        reduced = Image.fromarray(image.values).resize((width, height), Image.Resampling.LANCZOS)
        return Signal.image(np.asarray(reduced))
    margins = ((0, height - image.height), (0, width - image.width), (0, 0))
    return Signal.image(np.pad(image.values, margins, mode="symmetric"))


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file is not an image, cannot be had in this size, or the model cannot
            meet the budget.
    """
    torch.set_num_threads(threads)
    original = load_image(folder / job.file)
    image = of_size(original, job.megapixels)
    options = EncodeOptions(model=job.model, effort=job.effort)  # type: ignore[arg-type]
    library = PresetLibrary()
    _encode(of_size(original, _WARM_UP_MEGAPIXELS), _WARM_UP_BUDGET, options, library)
    idle_mb = results.peak_memory_mb()
    result = _encode(image, Budget(job.bpp, "bpp"), options, library)
    started = time.monotonic()
    decode(result.data, presets=library)
    decode_s = time.monotonic() - started
    return Row(
        job,
        image.width,
        image.height,
        len(result.data),
        result.psnr_db,
        result.seconds["fit"] + result.seconds["code"],
        decode_s,
        idle_mb,
        results.peak_memory_mb(),
        threads,
    )


def run_all(jobs: Sequence[Job], folder: Path, output: Path, threads: int) -> Iterator[Row]:
    """Measure the jobs that a results file does not hold yet, one at a time.

    Args:
        jobs: what to measure.
        folder: where the files are.
        output: JSON results, read to resume and rewritten after every job.
        threads: of each process; every job has a fresh one.
    """
    known = read_rows(output) if output.exists() else []
    measure = partial(run, folder=folder, threads=threads)
    return results.measure_missing(jobs, measure, known, output, processes=1)


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    return results.read(path, _parse)


def table(rows: Sequence[Row]) -> str:
    """A Markdown table, the smallest images first."""
    lines = [
        "| model | effort | bpp | megapixels | size | bytes | PSNR dB | encode s | decode s "
        "| idle MB | peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row.job.model, row.job.effort, row.job.megapixels)):
        lines.append(
            f"| {row.job.model} | {row.job.effort} | {row.job.bpp:g} | {row.job.megapixels:g} "
            f"| {row.width} x {row.height} | {row.bytes} | {row.psnr_db:.2f} "
            f"| {row.encode_s:.3g} | {row.decode_s:.2g} "
            f"| {row.idle_memory_mb:.0f} | {row.peak_memory_mb:.0f} |"
        )
    return "\n".join(lines)


def _encode(
    image: Signal, budget: Budget, options: EncodeOptions, library: PresetLibrary
) -> Encoded:
    *_, result = encode(image, budget, options, library)
    assert isinstance(result, Encoded)
    return result


def _parse(fields: dict[str, Any]) -> Row:
    return Row(**{**fields, "job": Job(**fields["job"])})
