"""`python -m combiner_core bench ...`: measure rate, distortion and cost, and make tables of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from combiner_core.bench import comparison, cost, group_overhead, rate_distortion
from combiner_core.options import CoderName, EffortName, EncodeOptions

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_to(commands: Subparsers) -> None:
    """Add the command to a parser."""
    bench = commands.add_parser("bench", help="measure rate, distortion, time and memory")
    kinds = bench.add_subparsers(required=True, metavar="WHAT")

    command = kinds.add_parser("rd", help="rate and distortion on a folder of files")
    command.set_defaults(run=_rate_distortion)
    command.add_argument("--data", type=Path, required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, metavar="RESULTS.json")
    command.add_argument("--rates", type=float, nargs="+", required=True)
    command.add_argument("--unit", choices=("bpp", "kbps"), required=True)
    command.add_argument(
        "--codecs", nargs="+", default=[EncodeOptions.model], help="models, families or baselines"
    )
    command.add_argument("--efforts", nargs="+", choices=get_args(EffortName), default=["balanced"])
    command.add_argument("--recs", nargs="+", choices=get_args(CoderName), default=["trellis"])
    command.add_argument("--refine", nargs="+", choices=("on", "off"), default=["on"])
    command.add_argument("--limit", type=int, help="only the first files by name")
    command.add_argument("--processes", type=int, default=1)
    command.add_argument("--threads", type=int, default=2)

    command = kinds.add_parser("table", help="a Markdown table of results files")
    command.set_defaults(run=_table)
    command.add_argument("results", type=Path, nargs="+")

    command = kinds.add_parser("bd", help="BD-rate and BD-PSNR against other codecs")
    command.set_defaults(run=_deltas)
    command.add_argument("results", type=Path, nargs="+")
    command.add_argument("--anchors", nargs="+", required=True, metavar="CODEC")
    command.add_argument("--low", type=float, default=0.08, help="lowest rate compared")
    command.add_argument("--high", type=float, default=0.5, help="highest rate compared")

    command = kinds.add_parser("cost", help="time and memory by the size of an image")
    command.set_defaults(run=_cost)
    command.add_argument("--data", type=Path, required=True, metavar="FILE")
    command.add_argument("--out", type=Path, required=True, metavar="RESULTS.json")
    command.add_argument("--megapixels", type=float, nargs="+", required=True)
    command.add_argument("--bpp", type=float, required=True)
    command.add_argument("--model", default=EncodeOptions.model)
    command.add_argument("--effort", choices=get_args(EffortName), default=EncodeOptions.effort)
    command.add_argument("--threads", type=int, default=2)

    command = kinds.add_parser("overhead", help="bits of the multires coder over the ideal")
    command.set_defaults(run=_overhead)
    command.add_argument("--data", type=Path, required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, metavar="RESULTS.json")
    command.add_argument(
        "--noise", type=int, nargs="+", required=True, metavar="INDEX", help="noise scales"
    )
    command.add_argument("--state-bits", type=int, nargs="+", required=True, metavar="BITS")
    command.add_argument("--model", default=EncodeOptions.model)
    command.add_argument("--limit", type=int, help="only the first files by name")
    command.add_argument("--processes", type=int, default=1)
    command.add_argument("--threads", type=int, default=2)


def _rate_distortion(parsed: argparse.Namespace) -> None:
    jobs = rate_distortion.jobs_for(
        parsed.data,
        parsed.rates,
        parsed.unit,
        parsed.codecs,
        parsed.efforts,
        parsed.recs,
        [refine == "on" for refine in parsed.refine],
        parsed.limit,
    )
    measured = rate_distortion.run_all(
        jobs, parsed.data, parsed.out, parsed.processes, parsed.threads
    )
    for row in measured:
        outcome = "cannot go this small"
        if row.bytes is not None:
            outcome = f"{row.bytes} bytes, {row.psnr_db:.2f} dB, {row.encode_s:.1f} s"
        print(f"{row.job.file} {row.job.rate:g} {row.job.setting}: {outcome}", file=sys.stderr)
    print(rate_distortion.table(rate_distortion.read_rows(parsed.out)))


def _table(parsed: argparse.Namespace) -> None:
    rows = [row for path in parsed.results for row in rate_distortion.read_rows(path)]
    print(rate_distortion.table(rows))


def _deltas(parsed: argparse.Namespace) -> None:
    rows = [row for path in parsed.results for row in rate_distortion.read_rows(path)]
    comparisons = comparison.compare(rows, parsed.anchors, parsed.low, parsed.high)
    print(comparison.table(comparisons, rows[0].job.unit))


def _cost(parsed: argparse.Namespace) -> None:
    folder, file = parsed.data.parent, parsed.data.name
    jobs = [
        cost.Job(file, megapixels, parsed.bpp, parsed.model, parsed.effort)
        for megapixels in sorted(parsed.megapixels)
    ]
    for row in cost.run_all(jobs, folder, parsed.out, parsed.threads):
        outcome = f"{row.encode_s:.1f} s, {row.decode_s:.2f} s, {row.peak_memory_mb:.0f} MB"
        print(f"{row.job.megapixels:g} megapixels: {outcome}", file=sys.stderr)
    print(cost.table(cost.read_rows(parsed.out)))


def _overhead(parsed: argparse.Namespace) -> None:
    jobs = group_overhead.jobs_for(
        parsed.data, parsed.noise, parsed.state_bits, parsed.model, parsed.limit
    )
    measured = group_overhead.run_all(
        jobs, parsed.data, parsed.out, parsed.processes, parsed.threads
    )
    for row in measured:
        coder = "ideal" if row.job.state_bits is None else f"{row.job.state_bits} state bits"
        outcome = f"{row.bits:.0f} bits, {row.psnr_db:.2f} dB, {row.code_s:.1f} s"
        print(f"{row.job.file} {row.job.noise_index} {coder}: {outcome}", file=sys.stderr)
    print(group_overhead.table(group_overhead.read_rows(parsed.out)))
