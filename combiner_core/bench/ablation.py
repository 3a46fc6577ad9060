"""What each part of a codec is worth: files of the same size, with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean

import torch

from combiner_core import bitstream, metrics
from combiner_core.bench import intervals, results, tables
from combiner_core.bench.variants import UNCHANGED, VARIANTS, FamilyName, SirenVariant, Variant
from combiner_core.bitstream import Header
from combiner_core.budget import Budget
from combiner_core.errors import CombinerError
from combiner_core.families import FittedPayload, shape_of
from combiner_core.options import EncodeOptions
from combiner_core.presets import Card, PresetLibrary
from combiner_core.signals import Signal, load_image

_UPDATES = "updates-"
_PART = ": "


@dataclass(frozen=True)
class Job:
    """One image at one rate with one variant of a codec.

    Attributes:
        file: name of the file.
        bpp: the budget, in bits a pixel.
        family: of the codec.
        variant: one of `VARIANTS`, or "prior updates: N" for a prior of `descent`.
        seed: of the shared randomness and of the fit.
    """

    file: str
    bpp: float
    family: FamilyName
    variant: str
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """What was measured for a job.

    Attributes:
        job: what was done.
        bytes: size of the file, had it a header like any other.
        bpp: the same in bits a pixel.
        psnr_db: of what is decoded.
        kl_bits, side_bits, fit_s, code_s: as in `FittedPayload`.
        threads: of the process.
        prior: name of the preset and the hash by which files name it, before any change.
    """

    job: Job
    bytes: int
    bpp: float
    psnr_db: float
    kl_bits: float
    side_bits: float
    fit_s: float
    code_s: float
    threads: int
    prior: str


BENCHMARK = results.Benchmark("ablation", Job, Row)


def jobs_for(
    files: Sequence[str],
    rates: Sequence[float],
    family: FamilyName,
    parts: Sequence[str] | None,
    seeds: int,
    updates: Path | None = None,
) -> list[Job]:
    """All variants of a family, or those that change some parts, for some files and rates.

    Args:
        files: names.
        rates: in bits a pixel.
        family: of the codec.
        parts: beginnings of the variants' names, up to the colon; None for all.
        seeds: how many.
        updates: folder with the priors of `descent`, whose variants are added.

    Raises:
        CombinerError: there is no variant that changes such a part.
    """
    names = [*VARIANTS[family], *_update_variants(updates)]
    for part in parts or ():
        if part not in {name.partition(_PART)[0] for name in names}:
            raise CombinerError(f"No variant of {family} changes the part {part!r}.")
    chosen = [
        name
        for name in names
        if parts is None or name == UNCHANGED or name.partition(_PART)[0] in parts
    ]
    return [
        Job(file, bpp, family, name, seed)
        for bpp, name, file, seed in product(rates, chosen, files, range(seeds))
    ]


def run(job: Job, folder: Path, threads: int, updates: Path | None) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file is not an image, the variant cannot meet the budget, or there is
            no such preset.
    """
    torch.set_num_threads(threads)
    image = load_image(folder / job.file)
    file_bytes = Budget(job.bpp, "bpp").file_bytes(image)
    library, model, variant = (
        PresetLibrary(),
        str(job.family),
        VARIANTS[job.family].get(job.variant),
    )
    if variant is None:
        library, variant = PresetLibrary(updates), SirenVariant()
        model = _UPDATES + job.variant.rpartition(" ")[2]
    card = library.choose(model, "image", file_bytes * 8, None)
    coded, decoded, size = _coded(image, file_bytes, variant, library, card, job.seed)
    return Row(
        job,
        size,
        metrics.bpp(8 * size, image),
        metrics.psnr_db(image, decoded),
        coded.kl_bits,
        coded.side_bits,
        coded.fit_s,
        coded.code_s,
        threads,
        f"{card.name} {card.prior_hash:08x}",
    )


@dataclass(frozen=True)
class Summary:
    """Means over files and seeds of a variant at a rate.

    Attributes:
        family, bpp, variant: as in `Job`.
        files: how many.
        actual_bpp, psnr_db, kl_bits: means.
        difference_db: of the PSNR from that of the codec as it is, taken file by file; None of
            that codec itself, and without any file in common.
        encode_s: mean time to fit and code.
    """

    family: FamilyName
    bpp: float
    variant: str
    files: int
    actual_bpp: float
    psnr_db: float
    difference_db: intervals.Interval | None
    kl_bits: float
    encode_s: float


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """By family and rate, the variants in their order."""
    groups: dict[tuple[FamilyName, float], dict[str, list[Row]]] = {}
    for row in rows:
        by_variant = groups.setdefault((row.job.family, row.job.bpp), {})
        by_variant.setdefault(row.job.variant, []).append(row)
    return [
        _summary(by_variant[name], by_variant.get(UNCHANGED, []))
        for (family, _), by_variant in sorted(groups.items())
        for name in sorted(by_variant, key=partial(_place, list(VARIANTS[family])))
    ]


def table(rows: Sequence[Row]) -> str:
    """Mean PSNR of every variant and how it differs from the codec as it is, as Markdown."""
    header = ("codec", "changed", "images", "bpp", "PSNR dB", "difference dB (95 %)", "KL bits")
    return tables.markdown(
        (*header, "encode s"),
        [
            (
                f"{one.family}, {one.bpp:g} bpp",
                one.variant,
                str(one.files),
                f"{one.actual_bpp:.4f}",
                f"{one.psnr_db:.2f}",
                one.difference_db.text(2, signed=True) if one.difference_db else "",
                f"{one.kl_bits:.0f}",
                f"{one.encode_s:.3g}",
            )
            for one in summaries(rows)
        ],
    )


def _coded(
    image: Signal,
    file_bytes: int,
    variant: Variant,
    library: PresetLibrary,
    card: Card,
    seed: int,
) -> tuple[FittedPayload, Signal, int]:
    """What a variant makes of an image, what is decoded of it, and the bytes of its file."""
    family = variant.family(library.load(card))
    options = EncodeOptions(card.name, seed=seed, device="cpu", refine=variant.refine)
    parameters = family.parameters(image, file_bytes, options)
    header = Header(shape_of(image), card.id, card.prior_hash, seed, parameters)
    payload_bytes = bitstream.largest_payload_bytes(header, file_bytes)
    *_, coded = family.encode(image, header, payload_bytes, options)
    assert isinstance(coded, FittedPayload)
    header = replace(header, parameters=coded.parameters)
    decoded = family.decode(header, coded.payload, len(coded.payload), 1.0, "cpu")
    return coded, decoded, len(bitstream.write(header, coded.payload))


def _update_variants(folder: Path | None) -> list[str]:
    """Names of the variants that take their priors from a folder, in order."""
    if folder is None:
        return []
    names = [card.name for card in PresetLibrary(folder).cards()]
    counts = [int(name.removeprefix(_UPDATES)) for name in names if name.startswith(_UPDATES)]
    return [f"prior updates: {count}" for count in sorted(counts)]


def _summary(rows: Sequence[Row], unchanged: Sequence[Row]) -> Summary:
    job = rows[0].job
    psnr_db, base_db = _psnr_by_case(rows), _psnr_by_case(unchanged)
    both = sorted(psnr_db.keys() & base_db.keys())
    differences = _by_file({case: psnr_db[case] - base_db[case] for case in both})
    known = bool(differences) and job.variant != UNCHANGED
    return Summary(
        job.family,
        job.bpp,
        job.variant,
        len({row.job.file for row in rows}),
        fmean(row.bpp for row in rows),
        fmean(psnr_db.values()),
        intervals.of_mean(differences) if known else None,
        fmean(row.kl_bits for row in rows),
        fmean(row.fit_s + row.code_s for row in rows),
    )


def _place(names: Sequence[str], name: str) -> tuple[int, int, str]:
    """Variants in their order, then numbers of updates."""
    if name in names:
        return names.index(name), 0, name
    last = name.rpartition(" ")[2]
    return len(names), int(last) if last.isdigit() else 0, name


def _psnr_by_case(rows: Sequence[Row]) -> dict[tuple[str, int], float]:
    return {(row.job.file, row.job.seed): row.psnr_db for row in rows}


def _by_file(values: dict[tuple[str, int], float]) -> list[float]:
    """Means over the seeds of every file."""
    by_file: dict[str, list[float]] = {}
    for (file, _), value in values.items():
        by_file.setdefault(file, []).append(value)
    return [fmean(found) for found in by_file.values()]
