"""Rate, distortion, time and memory of our codec and of others on a folder of files."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from benchmarks import results_files
from combiner_core import metrics
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.codecs import CODECS_FOR, encode_within
from combiner_core.errors import BudgetError
from combiner_core.events import Encoded
from combiner_core.options import EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import Signal, load

RateUnit = Literal["bpp", "kbps"]

_BASELINES = frozenset(itertools.chain.from_iterable(CODECS_FOR.values()))


@dataclass(frozen=True)
class Job:
    """One file at one rate with one codec.

    Attributes:
        file: name of the file.
        rate, unit: the budget, in "bpp" or "kbps".
        codec: one of `baselines.CODECS_FOR`, or a model or family as in `EncodeOptions`.
        effort, rec, refine, seed: as in `EncodeOptions`; of no meaning for baselines.
    """

    file: str
    rate: float
    unit: RateUnit
    codec: str
    effort: str = "balanced"
    rec: str = "trellis"
    refine: bool = True
    seed: int = 0

    @property
    def is_baseline(self) -> bool:
        """The codec is none of ours."""
        return self.codec in _BASELINES

    @property
    def setting(self) -> str:
        """The codec, and of ours the effort and what is not the default, as tables name it."""
        if self.is_baseline:
            return self.codec
        extras = [self.effort]
        if self.rec != "trellis":
            extras.append(self.rec)
        if not self.refine:
            extras.append("no refinement")
        return f"{self.codec} {', '.join(extras)}"


@dataclass(frozen=True)
class Row:
    """What was measured for a job; sizes and times are None where a codec cannot go so small.

    Attributes:
        job: what was done.
        bytes: size of the file.
        actual_rate: in the unit of the job.
        psnr_db: of the decoded file.
        encode_s, decode_s: wall-clock seconds, the preset already loaded.
        peak_memory_mb: largest resident size of the process.
        threads: of the process.
        kl_bits, side_bits: as in `Encoded`; None for baselines and in older results_files.
        ms_ssim: of images of at least 161 pixels a side; None in older results_files.
        prior: name of the preset, and the hash by which files name it; None for baselines and in
            older results_files.
    """

    job: Job
    bytes: int | None
    actual_rate: float | None
    psnr_db: float | None
    encode_s: float | None
    decode_s: float | None
    peak_memory_mb: float
    threads: int
    kl_bits: float | None = None
    side_bits: float | None = None
    ms_ssim: float | None = None
    prior: str | None = None

    @property
    def ms_ssim_db(self) -> float | None:
        """MS-SSIM as -10 log10(1 - x), in which equal steps look alike."""
        if self.ms_ssim is None or self.ms_ssim >= 1:
            return None
        return -10 * math.log10(1 - self.ms_ssim)


BENCHMARK = results_files.Benchmark("rate-distortion", Job, Row)


@dataclass(frozen=True)
class Plan:
    """What is to be measured of every file: all combinations, of baselines only rate and codec.

    Attributes:
        rates, unit: budgets.
        codecs, efforts, recs, refinements, seeds: as in `Job`.
    """

    rates: Sequence[float]
    unit: RateUnit
    codecs: Sequence[str]
    efforts: Sequence[str] = ("balanced",)
    recs: Sequence[str] = ("trellis",)
    refinements: Sequence[bool] = (True,)
    seeds: Sequence[int] = (0,)

    def jobs(self, files: Sequence[str]) -> list[Job]:
        """For these files, our codecs first."""
        ours = [
            Job(file, rate, self.unit, codec, effort, rec, refine, seed)
            for rate, codec, effort, rec, refine, seed, file in itertools.product(
                self.rates,
                self.codecs,
                self.efforts,
                self.recs,
                self.refinements,
                self.seeds,
                files,
            )
            if codec not in _BASELINES
        ]
        others = [
            Job(file, rate, self.unit, codec)
            for rate, codec, file in itertools.product(self.rates, self.codecs, files)
            if codec in _BASELINES
        ]
        return ours + others


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file cannot be read, or there is no such model.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    measure = _run_baseline if job.is_baseline else _run_ours
    return measure(job, signal, threads)


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    return BENCHMARK.rows(path)


def _run_baseline(job: Job, signal: Signal, threads: int) -> Row:
    found = encode_within(signal, job.codec, Budget(job.rate, job.unit).file_bytes(signal))
    if found is None:
        return Row(job, None, None, None, None, None, results_files.peak_memory_mb(), threads)
    return Row(
        job,
        found.bytes_count,
        _actual_rate(job, signal, found.bytes_count),
        metrics.psnr_db(signal, found.reconstruction),
        found.encode_s,
        found.decode_s,
        results_files.peak_memory_mb(),
        threads,
        ms_ssim=_ms_ssim(signal, found.reconstruction),
    )


def _run_ours(job: Job, signal: Signal, threads: int) -> Row:
    options = EncodeOptions(
        model=job.codec,
        effort=job.effort,  # type: ignore[arg-type]
        rec=job.rec,  # type: ignore[arg-type]
        refine=job.refine,
        optimise_latents=job.refine,
        seed=job.seed,
    )
    library = PresetLibrary()
    try:
        *_, result = encode(signal, Budget(job.rate, job.unit), options, library)
    except BudgetError:
        return Row(job, None, None, None, None, None, results_files.peak_memory_mb(), threads)
    assert isinstance(result, Encoded)
    started = time.monotonic()
    decode(result.data, models=library)
    decode_s = time.monotonic() - started
    return Row(
        job,
        len(result.data),
        _actual_rate(job, signal, len(result.data)),
        result.psnr_db,
        result.seconds["fit"] + result.seconds["code"],
        decode_s,
        results_files.peak_memory_mb(),
        threads,
        result.kl_bits,
        result.side_bits,
        _ms_ssim(signal, result.reconstruction),
        prior_of(library, result.model),
    )


def prior_of(library: PresetLibrary, model: str) -> str:
    """Name of a preset and the hash by which files name it."""
    card = next(card for card in library.cards() if card.name == model)
    return f"{card.name} {card.prior_hash:08x}"


def _actual_rate(job: Job, signal: Signal, byte_count: int) -> float:
    measure = metrics.bpp if job.unit == "bpp" else metrics.kbps
    return measure(8 * byte_count, signal)


def _ms_ssim(original: Signal, reconstruction: Signal) -> float | None:
    return metrics.ms_ssim(original, reconstruction) if original.kind == "image" else None
