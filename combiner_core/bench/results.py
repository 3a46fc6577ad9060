"""Results files: JSON rows with what they were measured on, added to one by one."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import subprocess
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from combiner_core.errors import CombinerError
from combiner_core.signals import write_atomically

FORMAT_VERSION = 1
_PACKAGES = ("torch", "numpy", "numba", "pillow", "soundfile")


class Measured(Protocol):
    """A frozen dataclass of a job and what was measured for it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def job(self) -> Hashable:
        """What was done."""


JobT = TypeVar("JobT", bound=Hashable)
RowT = TypeVar("RowT", bound=Measured)


def read(path: Path, parse: Callable[[dict[str, Any]], RowT]) -> list[RowT]:
    """The rows of a results file.

    Args:
        path: the file.
        parse: makes a row of its fields, or fails with a KeyError, TypeError or ValueError.

    Raises:
        CombinerError: it is missing, damaged, of another version or of another kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != FORMAT_VERSION:
            raise CombinerError(f"{path.name} has results of version {content['version']}.")
        return [parse(fields) for fields in content["rows"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CombinerError(f"{path.name} is not a file of these results.") from error


def measure_missing(
    jobs: Sequence[JobT],
    measure: Callable[[JobT], RowT],
    known: Sequence[RowT],
    output: Path,
    processes: int,
) -> Iterator[RowT]:
    """Measure the jobs that have no row yet, and rewrite the results after each.

    Every job has a process of its own, so that its memory is its own.

    Args:
        jobs: what to measure.
        measure: how, a function of a module (or a `partial` of one).
        known: the rows there are, which stay in the file.
        output: JSON results.
        processes: jobs at a time.
    """
    rows = list(known)
    done = {row.job for row in rows}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, max_tasks_per_child=1) as pool:
        futures = [pool.submit(measure, job) for job in jobs if job not in done]
        try:
            for future in as_completed(futures):
                row = future.result()
                rows.append(row)
                _write(output, rows)
                yield row
        finally:
            pool.shutdown(cancel_futures=True)


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write(path: Path, rows: Sequence[Measured]) -> None:
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


def _rounded(row: Measured) -> dict[str, Any]:
    values = asdict(row).items()
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values}


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
