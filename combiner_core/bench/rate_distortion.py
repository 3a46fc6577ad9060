"""Rate, distortion, time and memory of our codec and of others on a folder of files."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from combiner_core import metrics
from combiner_core.baselines import CODECS_FOR, encode_within
from combiner_core.bench import results
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.errors import CombinerError
from combiner_core.events import Encoded
from combiner_core.options import EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import Signal, load

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
    unit: Literal["bpp", "kbps"]
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
        encode_s, decode_s: wall-clock seconds, presets and kernels already loaded.
        peak_memory_mb: largest resident size of the process.
        threads: of the process.
        kl_bits, side_bits: as in `Encoded`; None for baselines and in older results.
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


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file cannot be read, or the model cannot meet the budget.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    measure = _run_baseline if job.is_baseline else _run_ours
    return measure(job, signal, threads)


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


def jobs_for(
    folder: Path,
    rates: Sequence[float],
    unit: Literal["bpp", "kbps"],
    codecs: Sequence[str],
    efforts: Sequence[str],
    recs: Sequence[str],
    refinements: Sequence[bool],
    limit: int | None,
) -> list[Job]:
    """All combinations, for the first `limit` files of a folder by name.

    Raises:
        CombinerError: there is no such folder.
    """
    if not folder.is_dir():
        raise CombinerError(f"There is no folder {folder.name}.")
    files = sorted(path.name for path in folder.iterdir() if path.is_file())[:limit]
    ours = [
        Job(file, rate, unit, codec, effort, rec, refine)
        for rate, codec, effort, rec, refine, file in itertools.product(
            rates, codecs, efforts, recs, refinements, files
        )
        if codec not in _BASELINES
    ]
    others = [
        Job(file, rate, unit, codec)
        for rate, codec, file in itertools.product(rates, codecs, files)
        if codec in _BASELINES
    ]
    return ours + others


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    return results.read(path, _parse)


def table(rows: Sequence[Row]) -> str:
    """Means over files for each setting and rate, as a Markdown table."""
    groups: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.job.setting, row.job.rate), []).append(row)
    unit = rows[0].job.unit
    lines = [
        f"| codec | files | asked {unit} | {unit} | PSNR dB | encode s | decode s | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (setting, rate), members in sorted(groups.items(), key=lambda item: item[0]):
        fitting = [row for row in members if row.bytes is not None]
        count = f"{len(fitting)}" + (f" of {len(members)}" if len(fitting) < len(members) else "")
        if not fitting:
            lines.append(f"| {setting} | {count} | {rate:g} | cannot go this small | | | | |")
            continue
        lines.append(
            f"| {setting} | {count} | {rate:g} | {_mean(r.actual_rate for r in fitting):.4g} "
            f"| {_mean(r.psnr_db for r in fitting):.2f} | {_mean(r.encode_s for r in fitting):.3g} "
            f"| {_mean(r.decode_s for r in fitting):.2g} "
            f"| {max(r.peak_memory_mb for r in fitting):.0f} |"
        )
    return "\n".join(lines)


def _run_baseline(job: Job, signal: Signal, threads: int) -> Row:
    found = encode_within(signal, job.codec, Budget(job.rate, job.unit).file_bytes(signal))
    if found is None:
        return Row(job, None, None, None, None, None, results.peak_memory_mb(), threads)
    return Row(
        job,
        found.bytes_count,
        _actual_rate(job, signal, found.bytes_count),
        metrics.psnr_db(signal, found.reconstruction),
        found.encode_s,
        found.decode_s,
        results.peak_memory_mb(),
        threads,
    )


def _run_ours(job: Job, signal: Signal, threads: int) -> Row:
    options = EncodeOptions(
        model=job.codec,
        effort=job.effort,  # type: ignore[arg-type]
        rec=job.rec,  # type: ignore[arg-type]
        refine=job.refine,
        seed=job.seed,
    )
    library = PresetLibrary()
    *_, result = encode(signal, Budget(job.rate, job.unit), options, library)
    assert isinstance(result, Encoded)
    started = time.monotonic()
    decode(result.data, presets=library)
    decode_s = time.monotonic() - started
    return Row(
        job,
        len(result.data),
        _actual_rate(job, signal, len(result.data)),
        result.psnr_db,
        result.seconds["fit"] + result.seconds["code"],
        decode_s,
        results.peak_memory_mb(),
        threads,
        result.kl_bits,
        result.side_bits,
    )


def _actual_rate(job: Job, signal: Signal, byte_count: int) -> float:
    measure = metrics.bpp if job.unit == "bpp" else metrics.kbps
    return measure(8 * byte_count, signal)


def _parse(fields: dict[str, Any]) -> Row:
    return Row(**{**fields, "job": Job(**fields["job"])})


def _mean(values: Iterable[float | None]) -> float:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers)
