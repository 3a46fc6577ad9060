"""What commands that measure have in common: their arguments, and how they go on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.results_files import Benchmark, JobT, RowT
from combiner_core.executors import EXECUTORS

_CORES = os.cpu_count() or 1


def add_to(command: argparse.ArgumentParser, processes: int = _CORES, threads: int = 1) -> None:
    """Add the arguments."""
    command.add_argument(
        "--executor",
        choices=EXECUTORS,
        default="local",
        help="ray: on a cluster of machines that are alike, if times are to mean anything",
    )
    command.add_argument("--address", metavar="A", help="ray: of the cluster, or auto, or local")
    command.add_argument("--data", type=Path, required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, metavar="RESULTS.json")
    command.add_argument("--limit", type=int, help="only the first files by name")
    command.add_argument("--processes", type=int, default=processes, help="jobs at a time")
    command.add_argument("--threads", type=int, default=threads, help="of each process")


def measured(
    parsed: argparse.Namespace,
    benchmark: Benchmark[JobT, RowT],
    run: Callable[..., RowT],
    jobs: Sequence[JobT],
) -> Iterator[RowT]:
    """Rows of the jobs that the results file does not hold yet, as they are added to it."""
    measure = partial(run, folder=parsed.data, threads=parsed.threads)
    return benchmark.measure_missing(
        jobs,
        measure,
        parsed.out,
        parsed.processes,
        executor=parsed.executor,
        address=parsed.address,
    )


def tell(line: str) -> None:
    """Say how far it is."""
    print(line, file=sys.stderr, flush=True)
