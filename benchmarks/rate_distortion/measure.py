"""Rate, distortion, time and memory of our codec and of others on a folder of files."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import measures, results_files
from benchmarks.baselines import BASELINES
from benchmarks.rate_distortion.rows import Job, OtherJob, RateUnit, Row, rate_of
from combiner_core import metrics
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.errors import BudgetError, CombinerError
from combiner_core.events import result_of
from combiner_core.options import EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import Signal, load


@dataclass(frozen=True)
class Plan:
    """What is to be measured of every file: all combinations.

    Attributes:
        rates, unit: budgets.
        codecs, efforts, recs, refinements, seeds, tunes: as in `Job`.
    """

    rates: Sequence[float]
    unit: RateUnit
    codecs: Sequence[str]
    efforts: Sequence[str] = ("balanced",)
    recs: Sequence[str] = ("trellis",)
    refinements: Sequence[bool] = (True,)
    seeds: Sequence[int] = (0,)
    tunes: Sequence[str] = ("psnr",)

    def jobs(self, files: Sequence[str]) -> list[Job]:
        """For these files."""
        return [
            Job(file, rate, self.unit, codec, effort, rec, refine, seed, tune)
            for rate, codec, effort, rec, refine, seed, tune, file in itertools.product(
                self.rates,
                self.codecs,
                self.efforts,
                self.recs,
                self.refinements,
                self.seeds,
                self.tunes,
                files,
            )
        ]


def other_jobs(files: Sequence[str], unit: RateUnit, codecs: Sequence[str]) -> list[OtherJob]:
    """Other codecs at all of their points.

    Raises:
        CombinerError: there is no such codec.
    """
    unknown = [codec for codec in codecs if codec not in BASELINES]
    if unknown:
        raise CombinerError(f"There is no codec {unknown[0]}; there are: {', '.join(BASELINES)}.")
    return [
        OtherJob(file, unit, codec, point)
        for codec in codecs
        for point in BASELINES[codec].points
        for file in files
    ]


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job of ours, in this process.

    Raises:
        CombinerError: the file cannot be read, or there is no such model.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    options = EncodeOptions(
        model=job.codec,
        effort=job.effort,  # type: ignore[arg-type]
        rec=job.rec,  # type: ignore[arg-type]
        refine=job.refine,
        optimise_latents=job.refine,
        seed=job.seed,
        tune=job.tune,  # type: ignore[arg-type]
    )
    library = PresetLibrary()
    try:
        result = result_of(encode(signal, Budget(job.rate, job.unit), options, library))
    except BudgetError:
        return Row(job, None, None, None, None, None, results_files.peak_memory_mb(), threads)
    started = time.monotonic()
    decode(result.data, models=library)
    decode_s = time.monotonic() - started
    return Row(
        job,
        len(result.data),
        rate_of(job.unit, signal, len(result.data)),
        result.psnr_db,
        result.seconds["fit"] + result.seconds["code"],
        decode_s,
        results_files.peak_memory_mb(),
        threads,
        result.kl_bits,
        result.side_bits,
        _ms_ssim(signal, result.reconstruction),
        prior_of(library, result.model),
        scores=measures.scores(signal, result.reconstruction),
    )


def run_other(job: OtherJob, folder: Path, threads: int) -> Row:
    """Measure one job of another codec, in this process.

    Raises:
        CombinerError: the file cannot be read, or the codec cannot hold it.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    coding = BASELINES[job.codec].code(signal, job.point)
    decoded = coding.file.reconstruction
    return Row(
        job,
        coding.counted_bytes,
        rate_of(job.unit, signal, coding.counted_bytes),
        metrics.psnr_db(signal, decoded),
        coding.file.encode_s,
        coding.file.decode_s,
        None,
        threads,
        ms_ssim=_ms_ssim(signal, decoded),
        encoder=coding.encoder,
        scores=measures.scores(signal, decoded),
    )


def prior_of(library: PresetLibrary, model: str) -> str:
    """Name of a preset and the hash by which files name it."""
    card = next(card for card in library.cards() if card.name == model)
    return f"{card.name} {card.prior_hash:08x}"


def _ms_ssim(original: Signal, reconstruction: Signal) -> float | None:
    return metrics.ms_ssim(original, reconstruction) if original.kind == "image" else None
