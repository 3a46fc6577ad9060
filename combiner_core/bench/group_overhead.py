"""What the coder of groups costs over the ideal, on the posteriors of real images."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from combiner_core import metrics
from combiner_core.bench import results
from combiner_core.bitstream import ImageShape
from combiner_core.errors import CombinerError
from combiner_core.families.multires_report import answer, prior_arrays
from combiner_core.families.pictures import Pictures
from combiner_core.families.rate_search import MAX_INDEX, MIN_INDEX
from combiner_core.multires import ImageModel, Noise
from combiner_core.presets import MultiresPreset, PresetLibrary
from combiner_core.priors.conditional import Request, follow
from combiner_core.rec import GroupEncoder, GroupEstimator, GroupModel, TrellisCoder
from combiner_core.signals import Signal, load_image

# between the points of an ideal curve: about one decibel
_NOISE_STEP = 48
_SEED = 0
# more than the message of any picture at any noise scale
_BYTES_A_PIXEL = 16
_WARM_UP_SIDE = 32


@dataclass(frozen=True)
class Job:
    """One image at one noise scale, with one coder.

    Attributes:
        file: name of the file.
        noise_index: of the noise scale.
        state_bits: of the trellis; None for exact samples of the posteriors at their ideal bits.
        model: name of a preset or of a family.
    """

    file: str
    noise_index: int
    state_bits: int | None
    model: str

    @property
    def ideal_curve(self) -> tuple[Job, Job, Job]:
        """The ideal at this noise scale and at its two neighbours."""
        finer, same, coarser = (
            replace(self, noise_index=self.noise_index + step, state_bits=None)
            for step in (-_NOISE_STEP, 0, _NOISE_STEP)
        )
        return finer, same, coarser


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        pixels: of the image.
        bits: of the message; of the ideal, the KL divergence of the posteriors from the priors
            with the information of the same tiles' exponents.
        side_bits: of exponents and quotients; None of the ideal.
        psnr_db: of the picture that the weights stand for.
        code_s: wall-clock seconds to go through all groups, kernels already compiled.
        threads: of the process.
    """

    job: Job
    pixels: int
    bits: float
    side_bits: float | None
    psnr_db: float
    code_s: float
    threads: int


def jobs_for(
    folder: Path,
    noise_indices: Sequence[int],
    state_bits: Sequence[int],
    model: str,
    limit: int | None,
) -> list[Job]:
    """All combinations and their ideal curves, for the first `limit` files of a folder by name.

    Raises:
        CombinerError: there is no such folder, or a number is out of range.
    """
    if not folder.is_dir():
        raise CombinerError(f"There is no folder {folder.name}.")
    low, high = MIN_INDEX + _NOISE_STEP, MAX_INDEX - _NOISE_STEP
    for index in noise_indices:
        if not low <= index <= high:
            raise CombinerError(f"The noise scale number {index} is outside {low}..{high}.")
    for bits in state_bits:
        try:
            TrellisCoder(bits)
        except ValueError as error:
            raise CombinerError(f"There is no trellis with {bits} state bits.") from error
    files = sorted(path.name for path in folder.iterdir() if path.is_file())[:limit]
    jobs = [
        Job(file, index, bits, model)
        for file, index, bits in itertools.product(files, noise_indices, state_bits)
    ]
    # curves of neighbours can share points
    ideals = dict.fromkeys(ideal for job in jobs for ideal in job.ideal_curve)
    return [*ideals, *jobs]


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file is not an image, or the model is not a multires one for images.
    """
    torch.set_num_threads(threads)
    image = load_image(folder / job.file)
    library = PresetLibrary()
    preset = library.load(library.choose(job.model, "image", bits=1.0, fields=1))
    if not isinstance(preset, MultiresPreset):
        raise CombinerError(f"The model {job.model} does not code groups of weights.")
    _measure(job, Signal.image(image.values[:_WARM_UP_SIDE, :_WARM_UP_SIDE]), preset, threads)
    return _measure(job, image, preset, threads)


def run_all(
    jobs: Sequence[Job], folder: Path, output: Path, processes: int, threads: int
) -> Iterator[Row]:
    """Measure the jobs that a results file does not hold yet, and add them to it one by one.

    Args:
        jobs: what to measure.
        folder: where the files are.
        output: JSON results, read to resume and rewritten after every job.
        processes: jobs at a time, each in a fresh process.
        threads: of each.
    """
    known = read_rows(output) if output.exists() else []
    measure = partial(run, folder=folder, threads=threads)
    return results.measure_missing(jobs, measure, known, output, processes)


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    return results.read(path, _parse)


def overhead(row: Row, ideals: Mapping[Job, Row]) -> float | None:
    """Bits over those of the ideal at equal PSNR, less one.

    The logarithm of the ideal's bits is linear in PSNR between the points of its curve. None if
    a point is missing, the curve does not rise, or its points do not enclose the PSNR.
    """
    if any(job not in ideals for job in row.job.ideal_curve):
        return None
    curve = [ideals[job] for job in reversed(row.job.ideal_curve)]
    psnr_db = np.array([point.psnr_db for point in curve])
    if not (np.diff(psnr_db) > 0).all() or not psnr_db[0] <= row.psnr_db <= psnr_db[-1]:
        return None
    log_bits = np.interp(row.psnr_db, psnr_db, np.log([point.bits for point in curve]))
    return row.bits / math.exp(log_bits) - 1


def table(rows: Sequence[Row]) -> str:
    """Means over images for each size of the state and noise scale, as a Markdown table.

    The overhead is over the images that have one; where some have none, their number is given.
    """
    ideals = {row.job: row for row in rows if row.job.state_bits is None}
    groups: dict[tuple[str, int, int], list[Row]] = {}
    for row in rows:
        if row.job.state_bits is not None:
            key = (row.job.model, row.job.state_bits, row.job.noise_index)
            groups.setdefault(key, []).append(row)
    lines = [
        "| model | state bits | noise | images | bpp | overhead % | side % | code s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (model, state_bits, noise_index), members in sorted(groups.items()):
        found = [value for row in members if (value := overhead(row, ideals)) is not None]
        percent = f"{100 * np.mean(found):.2f}" if found else "unknown"
        if 0 < len(found) < len(members):
            percent += f" (of {len(found)})"
        bpp = np.mean([row.bits / row.pixels for row in members])
        side = np.mean([(row.side_bits or 0.0) / row.bits for row in members])
        code_s = np.mean([row.code_s for row in members])
        lines.append(
            f"| {model} | {state_bits} | {noise_index} | {len(members)} | {bpp:.4f} | {percent} "
            f"| {100 * side:.1f} | {code_s:.3g} |"
        )
    return "\n".join(lines)


def _measure(job: Job, image: Signal, preset: MultiresPreset, threads: int) -> Row:
    assert isinstance(preset.model, ImageModel)
    shape = ImageShape(image.width, image.height)
    surface = Pictures(preset.model, shape, torch.device("cpu"))
    noise = Noise(job.noise_index, surface.unit)
    targets = surface.targets(surface.values(image))
    coder = _coder(job.state_bits, preset.groups, image.pixels)

    def code(request: Request) -> Tensor:
        group = request.group
        target = targets.of(group, noise.scale)
        decoded = coder.encode(group.index, group.previous, target, *prior_arrays(request))
        return answer(decoded, request)

    started = time.monotonic()
    weights = follow(surface.walk(noise), code)
    code_s = time.monotonic() - started
    psnr_db = metrics.psnr_db(image, surface.render(weights, noise, 1.0))
    if isinstance(coder, GroupEstimator):
        bits, side_bits = coder.kl_bits, None
    else:
        bits, side_bits = coder.bits, coder.side_bits
    return Row(job, image.pixels, bits, side_bits, psnr_db, code_s, threads)


def _coder(
    state_bits: int | None, groups: GroupModel, pixels: int
) -> GroupEncoder | GroupEstimator:
    if state_bits is None:
        return GroupEstimator(groups, np.random.default_rng(_SEED))
    return GroupEncoder(TrellisCoder(state_bits), groups, _SEED, _BYTES_A_PIXEL * pixels)


def _parse(fields: dict[str, Any]) -> Row:
    return Row(**{**fields, "job": Job(**fields["job"])})
