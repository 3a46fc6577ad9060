"""Rate, distortion, time and memory of our codec and of others on a folder of files."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

from combiner_core import metrics
from combiner_core.baselines import CODECS_FOR, encode_within
from combiner_core.budget import Budget
from combiner_core.codec import decode, encode
from combiner_core.errors import CombinerError
from combiner_core.events import Encoded
from combiner_core.options import EncodeOptions
from combiner_core.signals import Signal, load, write_atomically

FORMAT_VERSION = 1
_PACKAGES = ("torch", "numpy", "numba", "pillow", "soundfile")


@dataclass(frozen=True)
class Job:
    """One file at one rate with one codec.

    Attributes:
        file: name of the file.
        rate, unit: the budget, in "bpp" or "kbps".
        codec: "siren", or one of `baselines.CODECS_FOR`.
        effort, rec, refine, seed: as in `EncodeOptions`; of no meaning for other codecs.
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
    def setting(self) -> str:
        """The codec with everything about it that is not the default, as tables name it."""
        if self.codec != "siren":
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
    """

    job: Job
    bytes: int | None
    actual_rate: float | None
    psnr_db: float | None
    encode_s: float | None
    decode_s: float | None
    peak_memory_mb: float
    threads: int


def run(job: Job, folder: Path, threads: int) -> Row:
    """Measure one job, in this process.

    Raises:
        CombinerError: the file cannot be read, or the model cannot meet the budget.
    """
    torch.set_num_threads(threads)
    signal = load(folder / job.file)
    budget = Budget(job.rate, job.unit)
    if job.codec in CODECS_FOR[signal.kind]:
        found = encode_within(signal, job.codec, budget.file_bytes(signal))
        if found is None:
            return Row(job, None, None, None, None, None, _peak_mb(), threads)
        quality = metrics.psnr_db(signal, found.reconstruction)
        return _row(
            job, signal, found.bytes_count, quality, found.encode_s, found.decode_s, threads
        )
    options = EncodeOptions(
        model=job.codec,
        effort=job.effort,  # type: ignore[arg-type]
        rec=job.rec,  # type: ignore[arg-type]
        refine=job.refine,
        seed=job.seed,
    )
    *_, result = encode(signal, budget, options)
    assert isinstance(result, Encoded)
    started = time.monotonic()
    decode(result.data)
    decode_s = time.monotonic() - started
    encode_s = result.seconds["fit"] + result.seconds["code"]
    return _row(job, signal, len(result.data), result.psnr_db, encode_s, decode_s, threads)


def run_all(
    jobs: Sequence[Job], folder: Path, output: Path, processes: int, threads: int
) -> Iterator[Row]:
    """Measure the jobs that a results file does not hold yet, and add them to it one by one.

    Every job has a process of its own, so that its memory is its own.

    Args:
        jobs: what to measure.
        folder: where the files are.
        output: JSON results, read to resume and rewritten after every job.
        processes: jobs at a time.
        threads: of each.
    """
    rows = read_rows(output) if output.exists() else []
    known = {row.job for row in rows}
    missing = [job for job in jobs if job not in known]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        futures = [pool.submit(run, job, folder, threads) for job in missing]
        for future in as_completed(futures):
            row = future.result()
            rows.append(row)
            _write(output, rows)
            yield row


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
        if codec == "siren"
    ]
    others = [
        Job(file, rate, unit, codec)
        for rate, codec, file in itertools.product(rates, codecs, files)
        if codec != "siren"
    ]
    return ours + others


def read_rows(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        CombinerError: it is damaged or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != FORMAT_VERSION:
            raise CombinerError(f"{path.name} has results of version {content['version']}.")
        return [Row(Job(**row.pop("job")), **row) for row in content["rows"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CombinerError(f"{path.name} is not a results file.") from error


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


def _row(
    job: Job,
    signal: Signal,
    byte_count: int,
    quality_db: float,
    encode_s: float,
    decode_s: float,
    threads: int,
) -> Row:
    bits = 8 * byte_count
    rate = metrics.bpp(bits, signal) if job.unit == "bpp" else metrics.kbps(bits, signal)
    return Row(job, byte_count, rate, quality_db, encode_s, decode_s, _peak_mb(), threads)


def _write(path: Path, rows: Sequence[Row]) -> None:
    content = {
        "version": FORMAT_VERSION,
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "commit": _commit(),
        "packages": {name: version(name) for name in _PACKAGES},
        "rows": [_rounded(row) for row in sorted(rows, key=lambda row: repr(row.job))],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def _rounded(row: Row) -> dict[str, Any]:
    values = asdict(row).items()
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values}


def _mean(values: Iterable[float | None]) -> float:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
