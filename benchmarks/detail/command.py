"""The command that shows sampled detail."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from benchmarks import measuring, report
from benchmarks.detail import measure
from benchmarks.results_files import files_of
from combiner_core.options import EffortName

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_ROOT = Path(__file__).resolve().parents[2]


def add(commands: Subparsers) -> None:
    """Add it to a command line."""
    command = commands.add_parser("detail", help="how sampled detail looks, and what it costs")
    command.set_defaults(run=_run)
    measuring.add_to(command)
    command.add_argument("--rates", type=float, nargs="+", required=True, metavar="BPP")
    command.add_argument("--effort", choices=get_args(EffortName), default="balanced")
    images = _ROOT / report.IMAGES / "detail"
    command.add_argument("--pictures", type=Path, default=images, metavar="DIR")


def _run(parsed: argparse.Namespace) -> None:
    files = files_of(parsed.data, parsed.limit)
    jobs = [measure.Job(file, bpp, parsed.effort) for bpp in parsed.rates for file in files]
    run = partial(measure.run, pictures=parsed.pictures)
    for row in measuring.measured(parsed, measure.BENCHMARK, run, jobs):
        measuring.tell(f"{row.job.file} {row.job.bpp:g}: {row.faithful:.1f} to {row.detailed:.1f}")
