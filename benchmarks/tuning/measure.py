"""Files of the same size, tuned step by step from least error to what is perceived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from benchmarks import results_files
from benchmarks.measures import scores
from benchmarks.rate_distortion.rows import RateUnit
from combiner_core import metrics
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.events import result_of
from combiner_core.families import OneCodec
from combiner_core.multires.audio.tuning import AudioTuning
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.image.tuning import ImageTuning
from combiner_core.multires.model import AudioModel
from combiner_core.multires.tuning import Tuning, usual_tuning
from combiner_core.options import EffortName, EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import Kind, load


@dataclass(frozen=True)
class Job:
    """A file at a rate, with the steps of the tune up to one.

    Attributes:
        file: name of the file.
        rate, unit: the budget, in "bpp" or "kbps".
        effort: of encoding.
        step: one of `steps`.
    """

    file: str
    rate: float
    unit: RateUnit
    effort: EffortName
    step: str


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        bytes: size of the file.
        psnr_db: of what is decoded.
        scores: what eyes or ears might say; see `measures.scores`.
    """

    job: Job
    bytes: int
    psnr_db: float
    scores: Mapping[str, float] = field(default_factory=dict)


_POSTFILTER = "postfilter"

BENCHMARK = results_files.Benchmark("tuning", Job, Row)


def steps(usual: Tuning) -> dict[str, Tuning]:
    """Tunings that lead to one, each with the steps before, in order."""
    if isinstance(usual, ImageTuning):
        active = ImageTuning(strength=usual.strength)
        mapped = replace(usual, structure=0.0, detail=0.0)
        return {
            "least error": ImageTuning(),
            "activity": active,
            "finest levels and chroma": mapped,
            "structure": replace(usual, detail=0.0),
            "detail": usual,
        }
    shaped = AudioTuning(usual.shaping)
    return {
        "least error": AudioTuning(),
        "shaping": shaped,
        "filling": replace(shaped, few=(usual.few[0], 0), many=(usual.many[0], 0)),
        "falling": replace(usual, is_even=False),
        "gain control": usual,
        _POSTFILTER: usual,
    }


def names_of(unit: RateUnit) -> list[str]:
    """The steps of a kind of signal, by the unit of its rates."""
    return list(steps(ImageTuning() if unit == "bpp" else AudioTuning()))


def jobs_for(
    kind: Kind, files: Sequence[str], rates: Sequence[float], effort: EffortName
) -> list[Job]:
    """All steps for some files and rates."""
    unit: RateUnit = "bpp" if kind == "image" else "kbps"
    names = names_of(unit)
    return [
        Job(file, rate, unit, effort, name) for rate in rates for name in names for file in files
    ]


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file cannot be read, or the budget cannot be met.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    budget = Budget(job.rate, job.unit)
    bits = 8 * budget.file_bytes(signal)
    codec = PresetLibrary().choose(EncodeOptions.model, signal.shape, bits)
    assert isinstance(codec, MultiresCodec)
    preset = codec.preset
    if isinstance(preset.model, AudioModel) and job.step != _POSTFILTER:
        preset = replace(preset, model=preset.model.without_postfilter())
    chosen = steps(usual_tuning(preset.model, "perceptual"))
    is_plain = job.step == next(iter(chosen))
    options = EncodeOptions(
        effort=job.effort, tune="psnr" if is_plain else "perceptual", device="cpu"
    )
    tuned = OneCodec(MultiresCodec(preset, tuning=chosen[job.step]))
    result = result_of(encode(signal, budget, options, tuned))
    decoded = decode(result.data, models=tuned, device="cpu")
    return Row(job, len(result.data), metrics.psnr_db(signal, decoded), scores(signal, decoded))
