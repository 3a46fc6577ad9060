"""The command that takes the tune perceptual apart."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from benchmarks import measuring
from benchmarks.results_files import files_of
from benchmarks.tuning import measure, tables
from combiner_core.options import EffortName
from combiner_core.signals import Kind

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: Subparsers) -> None:
    """Add it to a command line."""
    command = commands.add_parser("tuning", help="what each step of the tune perceptual gains")
    command.set_defaults(run=_run)
    measuring.add_to(command)
    command.add_argument("--kind", choices=get_args(Kind), required=True)
    command.add_argument("--rates", type=float, nargs="+", required=True, help="in bpp or kbit/s")
    command.add_argument("--effort", choices=get_args(EffortName), default="balanced")


def _run(parsed: argparse.Namespace) -> None:
    files = files_of(parsed.data, parsed.limit)
    jobs = measure.jobs_for(parsed.kind, files, parsed.rates, parsed.effort)
    for row in measuring.measured(parsed, measure.BENCHMARK, measure.run, jobs):
        measuring.tell(f"{row.job.file} {row.job.rate:g} {row.job.step}: {row.psnr_db:.2f} dB")
    print(tables.table(measure.BENCHMARK.rows(Path(parsed.out))))
