"""Time and memory of encoding and decoding images: by rate, by stage and by size."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks import results_files
from benchmarks.rate_distortion.measure import prior_of
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.events import Encoded
from combiner_core.options import DeviceName, EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import MAX_PIXELS, MIN_SIDE, Signal, load_image

_WARM_UP_MEGAPIXELS = 0.02
_WARM_UP_BUDGET = Budget(1000)


@dataclass(frozen=True)
class Job:
    """One image at one rate.

    Attributes:
        file: name of the file the image is made of.
        bpp: the budget, in bits a pixel.
        model, effort, device: as in `EncodeOptions`.
        megapixels: to which the image is brought, see `of_size`; None to leave it as it is.
        repeat: number of the measurement, of several with the same settings.
    """

    file: str
    bpp: float
    model: str
    effort: str
    device: str = "cpu"
    megapixels: float | None = None
    repeat: int = 0


@dataclass(frozen=True)
class Row:
    """What was measured for a job; seconds of the wall clock, the model loaded, kernels compiled.

    Attributes:
        job: what was done.
        width, height: of the image, in pixels.
        bytes: size of the file.
        psnr_db: of the decoded file.
        learn_s: until the posterior is learned, the search for the noise scale included.
        code_s: of relative entropy coding, with the refinement in between.
        total_s: of encoding, with the decoding that verifies it.
        decode_s: of decoding.
        phases_s: of encoding, by phase as in `Progress`.
        idle_memory_mb: largest resident size of the process before, after a small image.
        peak_memory_mb: largest resident size of the process.
        device_memory_mb: largest memory taken of the GPU; None without one.
        processor: what it ran on.
        threads: of the process.
        prior: name of the preset and the hash by which files name it.
    """

    job: Job
    width: int
    height: int
    bytes: int
    psnr_db: float
    learn_s: float
    code_s: float
    total_s: float
    decode_s: float
    phases_s: dict[str, float]
    idle_memory_mb: float
    peak_memory_mb: float
    device_memory_mb: float | None
    processor: str
    threads: int
    prior: str


BENCHMARK = results_files.Benchmark("time", Job, Row)


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
        CombinerError: the file is not an image, cannot be had in this size, the model cannot
            meet the budget, or there is no such device.
    """
    torch.set_num_threads(threads)
    original = load_image(folder / job.file)
    image = original if job.megapixels is None else of_size(original, job.megapixels)
    library = PresetLibrary()
    device: DeviceName = job.device  # type: ignore[assignment]
    on_gpu = resolve(device).type == "cuda"
    small = of_size(original, _WARM_UP_MEGAPIXELS)
    _encode(small, _WARM_UP_BUDGET, EncodeOptions(job.model, "fast", device=device), library)
    idle_mb = results_files.peak_memory_mb()
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    options = EncodeOptions(job.model, job.effort, device=device)  # type: ignore[arg-type]
    result, phases_s = _encode(image, Budget(job.bpp, "bpp"), options, library)
    started = time.monotonic()
    decode(result.data, models=library, device=device)
    decode_s = time.monotonic() - started
    return Row(
        job,
        image.width,
        image.height,
        len(result.data),
        result.psnr_db,
        result.seconds["fit"],
        result.seconds["code"],
        sum(phases_s.values()),
        decode_s,
        phases_s,
        idle_mb,
        results_files.peak_memory_mb(),
        torch.cuda.max_memory_allocated() / (1 << 20) if on_gpu else None,
        torch.cuda.get_device_name() if on_gpu else results_files.processor(),
        threads,
        prior_of(library, result.model),
    )


def _encode(
    image: Signal, budget: Budget, options: EncodeOptions, library: PresetLibrary
) -> tuple[Encoded, dict[str, float]]:
    """The result, and the seconds that led to the events of each phase."""
    phases_s: dict[str, float] = {}
    last = time.monotonic()
    for event in encode(image, budget, options, library):
        now = time.monotonic()
        phase = "verify" if isinstance(event, Encoded) else event.phase
        phases_s[phase] = phases_s.get(phase, 0.0) + now - last
        last = now
    assert isinstance(event, Encoded)
    return event, phases_s
