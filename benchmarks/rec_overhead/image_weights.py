"""What the coder of groups costs over the ideal, on the posteriors of real images."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import results_files
from benchmarks.rate_distortion.measure import prior_of
from benchmarks.rec_overhead.coders import CoderChoice
from benchmarks.rec_overhead.group_codes import (
    DependentCode,
    FixedRateCode,
    GroupCode,
    IdealCode,
)
from combiner_core import metrics
from combiner_core.errors import CombinerError
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX, NoiseScale
from combiner_core.multires.preset import MultiresPreset
from combiner_core.presets import PresetLibrary
from combiner_core.signals import ImageShape, Signal, load_image

# from the points of an ideal curve to the coder's own, about one decibel each: to where a coder
# ends up that wastes a third of its bits, and to where one is that is two decibels better
_NOISE_STEPS = (-192, -144, -96, -48, 0, 48, 96)
_SEED = 0
_WARM_UP_SIDE = 32


@dataclass(frozen=True)
class Job:
    """One image at one noise scale, with one coder.

    Attributes:
        file: name of the file.
        noise_index: of the noise scale.
        coder, size: as in `CoderChoice`; None for exact samples of the Gaussian posteriors at
            their ideal bits.
        model: name of a preset or of a family.
    """

    file: str
    noise_index: int
    coder: str | None
    size: int | None
    model: str

    @property
    def choice(self) -> CoderChoice | None:
        """The coder."""
        if self.coder is None or self.size is None:
            return None
        return CoderChoice(self.coder, self.size)

    @property
    def ideal_curve(self) -> list[Job]:
        """The ideal at this noise scale and around it."""
        return [
            replace(self, noise_index=self.noise_index + step, coder=None, size=None)
            for step in _NOISE_STEPS
        ]


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        pixels: of the image.
        bits: of the message; of the ideal, the KL divergence of the posteriors from the priors.
        side_bits: of exponents and quotients, which earlier codes had; None where there are none.
        psnr_db: of the picture that the weights stand for.
        code_s: wall-clock seconds to go through all groups, kernels already compiled.
        threads: of the process.
        prior: name of the preset and the hash by which files name it.
    """

    job: Job
    pixels: int
    bits: float
    side_bits: float | None
    psnr_db: float
    code_s: float
    threads: int
    prior: str


BENCHMARK = results_files.Benchmark("overhead", Job, Row)


def jobs_for(
    files: Sequence[str], noise_indices: Sequence[int], coders: Sequence[CoderChoice], model: str
) -> list[Job]:
    """All combinations and their ideal curves.

    Raises:
        CombinerError: a noise scale is out of range.
    """
    low, high = MIN_INDEX - min(_NOISE_STEPS), MAX_INDEX - max(_NOISE_STEPS)
    for index in noise_indices:
        if not low <= index <= high:
            raise CombinerError(f"The noise scale number {index} is outside {low}..{high}.")
    jobs = [
        Job(file, index, coder.name, coder.size, model)
        for file, index, coder in itertools.product(files, noise_indices, coders)
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
    codec = library.choose(job.model, image.shape, 1.0)
    if not isinstance(codec, MultiresCodec):
        raise CombinerError(f"The model {job.model} does not code groups of weights.")
    prior = prior_of(library, codec.card.name)
    for part in (image.values[:_WARM_UP_SIDE, :_WARM_UP_SIDE], image.values):
        row = _measure(job, Signal.image(part), codec.preset, threads, prior)
    return row


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


def _measure(job: Job, image: Signal, preset: MultiresPreset, threads: int, prior: str) -> Row:
    assert isinstance(preset.model, ImageModel)
    field = ImageField(preset.model, ImageShape(image.width, image.height), torch.device("cpu"))
    noise = NoiseScale(job.noise_index, field.unit)
    coefficients = field.coefficients(field.values(image))
    groups = _code(job.choice, preset)

    def code(prior: GroupPrior) -> Tensor:
        target = coefficients.of(prior.group, noise.value)
        return prior.answer(groups.encode(prior.integers(), target))

    started = time.monotonic()
    weights = follow(field.coding_order(noise), code)
    code_s = time.monotonic() - started
    psnr_db = metrics.psnr_db(image, field.render(weights, noise))
    return Row(job, image.pixels, groups.bits, None, psnr_db, code_s, threads, prior)


def _code(choice: CoderChoice | None, preset: MultiresPreset) -> GroupCode:
    if choice is None:
        return IdealCode(np.random.default_rng(_SEED))
    if choice.is_dependent:
        return DependentCode(preset.tables, 1 << choice.size)
    return FixedRateCode(choice.make(), _SEED)
