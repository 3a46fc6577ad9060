"""What each part of a codec is worth: files of the same size, with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from benchmarks import results_files
from benchmarks.ablation.variants import UNCHANGED, VARIANTS, FamilyName, SirenVariant
from benchmarks.rate_distortion.rows import RateUnit, rate_of
from combiner_core.budget import Budget
from combiner_core.codec import encode
from combiner_core.errors import CombinerError
from combiner_core.events import result_of
from combiner_core.families import OneCodec
from combiner_core.presets import PresetLibrary
from combiner_core.signals import load

_UPDATES = "updates-"
_PART = ": "


@dataclass(frozen=True)
class Job:
    """One signal at one rate with one variant of a codec.

    Attributes:
        file: name of the file.
        rate: the budget.
        unit: of the rate; bits a pixel are for images, 1000 bits a second for clips.
        family: of the codec.
        variant: one of `VARIANTS`, or "prior updates: N" for a prior of `descent`.
        seed: of the shared randomness and of the fit.
    """

    file: str
    rate: float
    unit: RateUnit
    family: FamilyName
    variant: str
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        bytes: size of the file.
        actual_rate: the same in the unit of the job.
        psnr_db: of what is decoded.
        kl_bits, side_bits, fit_s, code_s: as in `Encoded`.
        threads: of the process.
        prior: name of the preset and the hash by which files name it, before any change.
    """

    job: Job
    bytes: int
    actual_rate: float
    psnr_db: float
    kl_bits: float
    side_bits: float
    fit_s: float
    code_s: float
    threads: int
    prior: str


BENCHMARK = results_files.Benchmark("ablation", Job, Row)


def jobs_for(
    files: Sequence[str],
    rates: Sequence[float],
    unit: RateUnit,
    family: FamilyName,
    parts: Sequence[str] | None,
    seeds: int,
    updates: Path | None = None,
) -> list[Job]:
    """All variants of a family, or those that change some parts, for some files and rates.

    Args:
        files: names.
        rates, unit: budgets.
        family: of the codec.
        parts: beginnings of the variants' names, up to the colon; None for all.
        seeds: how many.
        updates: folder with the priors of `descent`, whose variants are added.

    Raises:
        CombinerError: there is no variant that changes such a part, or the priors are of others.
    """
    names = [name for name, variant in VARIANTS[family].items() if unit in variant.units]
    if updates is not None and (family, unit) != ("siren", "bpp"):
        raise CombinerError("Priors of coordinate descent are for pictures of siren.")
    names += _update_variants(updates)
    for part in parts or ():
        if part not in {name.partition(_PART)[0] for name in names}:
            raise CombinerError(f"No variant of {family} changes the part {part!r}.")
    chosen = [
        name
        for name in names
        if parts is None or name == UNCHANGED or name.partition(_PART)[0] in parts
    ]
    return [
        Job(file, rate, unit, family, name, seed)
        for rate, name, file, seed in product(rates, chosen, files, range(seeds))
    ]


def run(job: Job, folder: Path, threads: int, updates: Path | None) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file is of another kind than the unit, the variant cannot meet the
            budget, or there is no such preset.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    budget = Budget(job.rate, job.unit)
    library, model, variant = (
        PresetLibrary(),
        str(job.family),
        VARIANTS[job.family].get(job.variant),
    )
    if variant is None:
        library, variant = PresetLibrary(updates), SirenVariant()
        model = _UPDATES + job.variant.rpartition(" ")[2]
    codec = variant.codec(library.choose(model, signal.shape, 8 * budget.file_bytes(signal)))
    result = result_of(encode(signal, budget, variant.options(job.seed), OneCodec(codec)))
    return Row(
        job,
        len(result.data),
        rate_of(job.unit, signal, len(result.data)),
        result.psnr_db,
        result.kl_bits,
        result.side_bits,
        result.seconds["fit"],
        result.seconds["code"],
        threads,
        f"{codec.card.name} {codec.card.prior_hash:08x}",
    )


def _update_variants(folder: Path | None) -> list[str]:
    """Names of the variants that take their priors from a folder, in order."""
    if folder is None:
        return []
    names = [card.name for card in PresetLibrary(folder).cards()]
    counts = [int(name.removeprefix(_UPDATES)) for name in names if name.startswith(_UPDATES)]
    return [f"prior updates: {count}" for count in sorted(counts)]
