"""The command line: `python -m benchmarks rd | others | bd | time | ablation | ... | report`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd

from benchmarks import measuring, paper, report
from benchmarks.ablation import descent
from benchmarks.ablation import measure as ablation
from benchmarks.ablation import tables as ablation_tables
from benchmarks.ablation.variants import VARIANTS
from benchmarks.datasets import SETS, graphics, music
from benchmarks.detail import command as detail
from benchmarks.measures import MEASURES
from benchmarks.rate_distortion import measure as rate_distortion
from benchmarks.rate_distortion import protocol
from benchmarks.rate_distortion import tables as rate_distortion_tables
from benchmarks.rate_distortion.frame import earlier, frame
from benchmarks.rate_distortion.rows import OTHERS, OURS, RateUnit, Row, read_rows
from benchmarks.rec_overhead import coders, image_weights, random_weights
from benchmarks.rec_overhead import tables as rec_tables
from benchmarks.reliability import commands as reliability
from benchmarks.results_files import files_of
from benchmarks.timing import measure as timing
from benchmarks.timing import tables as timing_tables
from benchmarks.tuning import command as tuning
from combiner_core.errors import CombinerError
from combiner_core.options import CoderName, DeviceName, EffortName, EncodeOptions, TuneName
from combiner_core.process import keep_freed_memory, keep_memory_between_steps

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_NAME = "benchmarks"
_ROOT = Path(__file__).resolve().parent.parent
_CORES = os.cpu_count() or 1
_STATE_BITS, _BLOCK_BITS = (10, 12, 14, 16), (8, 12, 16)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0, or 1 with one sentence on standard error. Bad usage exits with 2.
    """
    parsed = _parser().parse_args(arguments)
    keep_freed_memory()
    try:
        parsed.run(parsed)
    except CombinerError as error:
        print(f"{_NAME}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{_NAME}: stopped.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {_NAME}", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_sets(commands)
    _add_rate_distortion(commands)
    _add_others(commands)
    _add_comparison(commands)
    _add_time(commands)
    _add_ablation(commands)
    detail.add(commands)
    tuning.add(commands)
    _add_rec(commands)
    reliability.add(commands)
    _add_paper(commands)
    _add_documents(commands)
    return parser


def _add_sets(commands: Subparsers) -> None:
    for name, run, text in (
        ("graphics", _graphics, "draw the graphics to measure on"),
        ("music", _music, "fetch the music to measure on, from packages of Debian"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("--out", type=Path, required=True, metavar="DIR")


def _add_rate_distortion(commands: Subparsers) -> None:
    command = commands.add_parser("rd", help="rate and distortion on a folder of files")
    command.set_defaults(run=_rate_distortion)
    measuring.add_to(command)
    command.add_argument("--rates", type=float, nargs="+", required=True)
    command.add_argument("--unit", choices=get_args(RateUnit), required=True)
    command.add_argument(
        "--codecs", nargs="+", default=[EncodeOptions.model], help="models or families"
    )
    command.add_argument("--efforts", nargs="+", choices=get_args(EffortName), default=["balanced"])
    command.add_argument("--recs", nargs="+", choices=get_args(CoderName), default=["trellis"])
    command.add_argument("--refine", nargs="+", choices=("on", "off"), default=["on"])
    command.add_argument("--seeds", type=int, nargs="+", default=[0])
    command.add_argument("--tunes", nargs="+", choices=get_args(TuneName), default=["psnr"])


def _add_others(commands: Subparsers) -> None:
    command = commands.add_parser("others", help="the same of other codecs, at their own settings")
    command.set_defaults(run=_others)
    measuring.add_to(command)
    command.add_argument("--set", choices=list(SETS), required=True, help="whose codecs are taken")
    command.add_argument("--codecs", nargs="+", metavar="CODEC", help="only these of them")


def _add_comparison(commands: Subparsers) -> None:
    command = commands.add_parser("table", help="a Markdown table of results of `rd` and `others`")
    command.set_defaults(run=_table)
    command.add_argument("results", type=Path, nargs="+")

    command = commands.add_parser("bd", help="BD-rates against other codecs: means over files")
    command.set_defaults(run=_deltas)
    command.add_argument("results", type=Path, nargs="+")
    command.add_argument("--anchors", nargs="+", default=[], metavar="CODEC")
    command.add_argument(
        "--before",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="results of `rd` in another version, to compare with",
    )
    command.add_argument("--low", type=float, default=0.08, help="lowest rate compared")
    command.add_argument("--high", type=float, default=0.5, help="highest rate compared")
    command.add_argument("--measure", choices=list(MEASURES), default="psnr_db")


def _add_time(commands: Subparsers) -> None:
    command = commands.add_parser(
        "time", help="time by stage and memory, by rate and size of images"
    )
    command.set_defaults(run=_time)
    measuring.add_to(command, processes=1, threads=_CORES)
    command.add_argument("--rates", type=float, nargs="+", required=True, metavar="BPP")
    command.add_argument("--models", nargs="+", default=[EncodeOptions.model])
    command.add_argument("--efforts", nargs="+", choices=get_args(EffortName), default=["balanced"])
    command.add_argument("--device", choices=get_args(DeviceName), default="cpu")
    command.add_argument(
        "--megapixels", type=float, nargs="+", default=[None], help="bring images to these sizes"
    )
    command.add_argument("--repeats", type=int, default=1)


def _add_ablation(commands: Subparsers) -> None:
    command = commands.add_parser("ablation", help="what each part of a codec is worth")
    command.set_defaults(run=_ablation)
    measuring.add_to(command)
    command.add_argument("--family", choices=list(VARIANTS), required=True)
    command.add_argument("--rates", type=float, nargs="+", required=True, metavar="X")
    command.add_argument("--unit", choices=get_args(RateUnit), default="bpp")
    command.add_argument("--parts", nargs="+", help="only variants that change these")
    command.add_argument("--seeds", type=int, default=1, help="how many")
    command.add_argument("--updates", type=Path, metavar="DIR", help="priors of `descent`")

    command = commands.add_parser(
        "descent", help="priors after 1, 4, 16, ... updates, for `ablation`"
    )
    command.set_defaults(run=_descent)
    command.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--updates", type=int, default=descent.Descent.updates)
    command.add_argument("--signals", type=int, default=descent.Descent.signals)


def _add_rec(commands: Subparsers) -> None:
    command = commands.add_parser("rec", help="bits of coders over the ideal, on random weights")
    command.set_defaults(run=_rec)
    command.add_argument("--out", type=Path, required=True, metavar="RESULTS.json")
    command.add_argument("--mean-bits", type=float, nargs="+", default=[0.2, 0.4, 0.8, 1.6, 3.2])
    command.add_argument("--weights", type=int, default=20_000)
    command.add_argument("--seeds", type=int, default=5, help="how many")
    command.add_argument("--processes", type=int, default=_CORES)
    _add_coders(command)

    command = commands.add_parser("overhead", help="the same, on the multires weights of images")
    command.set_defaults(run=_overhead)
    measuring.add_to(command)
    command.add_argument(
        "--noise", type=int, nargs="+", required=True, metavar="INDEX", help="noise scales"
    )
    command.add_argument("--model", default=EncodeOptions.model)
    _add_coders(command, coders.DEPENDENT)


def _add_paper(commands: Subparsers) -> None:
    command = commands.add_parser(
        "paper", help="complete all results of the paper's model, and write what shows them"
    )
    command.set_defaults(run=_paper)
    for name, text in (
        ("photographs", "to code"),
        ("clips", "to code"),
        ("training", "photographs to learn the priors of an ablation from"),
        ("priors", "to write those to"),
    ):
        command.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=text)
    command.add_argument("--root", type=Path, default=_ROOT, help="of the repository")
    command.add_argument("--processes", type=int, default=_CORES, help="jobs at a time")


def _add_documents(commands: Subparsers) -> None:
    command = commands.add_parser("report", help="write the tables of results into the documents")
    command.set_defaults(run=_report)
    command.add_argument("--root", type=Path, default=Path(), help="of the repository")
    command.add_argument("--check", action="store_true", help="fail if a table is out of date")

    command = commands.add_parser("figures", help="draw the figures of the documents")
    command.set_defaults(run=_figures)
    images = _ROOT / report.IMAGES
    command.add_argument("--out", type=Path, default=images, metavar="DIR")
    command.add_argument("--data", type=Path, default=_ROOT / report.BENCHMARKS, metavar="DIR")


def _add_coders(command: argparse.ArgumentParser, *more: str) -> None:
    names = (*more, "trellis", "greedy", "astar")
    command.add_argument("--coders", nargs="+", choices=names, default=list(names))
    command.add_argument("--state-bits", type=int, nargs="+", default=list(_STATE_BITS))
    command.add_argument("--block-bits", type=int, nargs="+", default=list(_BLOCK_BITS))


def _rate_distortion(parsed: argparse.Namespace) -> None:
    plan = rate_distortion.Plan(
        parsed.rates,
        parsed.unit,
        parsed.codecs,
        parsed.efforts,
        parsed.recs,
        [refine == "on" for refine in parsed.refine],
        parsed.seeds,
        parsed.tunes,
    )
    jobs = plan.jobs(files_of(parsed.data, parsed.limit))
    for row in measuring.measured(parsed, OURS, rate_distortion.run, jobs):
        _tell_rate(row)
    print(rate_distortion_tables.by_setting(_rates([parsed.out])))


def _others(parsed: argparse.Namespace) -> None:
    chosen = SETS[parsed.set]
    files = files_of(parsed.data, parsed.limit)
    jobs = rate_distortion.other_jobs(files, chosen.unit, parsed.codecs or chosen.others)
    for row in measuring.measured(parsed, OTHERS, rate_distortion.run_other, jobs):
        _tell_rate(row)
    print(rate_distortion_tables.by_setting(_rates([parsed.out])))


def _tell_rate(row: Row) -> None:
    outcome = "cannot go this small"
    if row.bytes is not None:
        outcome = f"{row.bytes} bytes, {row.psnr_db:.2f} dB, {row.encode_s:.1f} s"
    measuring.tell(f"{row.job.file} {row.job.point:g} {row.job.setting}: {outcome}")


def _graphics(parsed: argparse.Namespace) -> None:
    for name in graphics.draw_all(parsed.out):
        measuring.tell(f"drew {name}")


def _music(parsed: argparse.Namespace) -> None:
    for name in music.fetch(parsed.out):
        measuring.tell(f"fetched {name}")


def _table(parsed: argparse.Namespace) -> None:
    print(rate_distortion_tables.by_setting(_rates(parsed.results)))


def _deltas(parsed: argparse.Namespace) -> None:
    data = _rates(parsed.results)
    anchors = list(parsed.anchors)
    if parsed.before:
        before = earlier(_rates(parsed.before))
        data = pd.concat([data, before], ignore_index=True)
        anchors += sorted(before["setting"].unique())
    if not anchors:
        raise CombinerError("There is nothing to compare with: name --anchors or files --before.")
    found = protocol.compare(data, anchors, parsed.low, parsed.high, parsed.measure)
    band = f"{parsed.low:g} to {parsed.high:g} {data['unit'].iloc[0]}"
    print(rate_distortion_tables.comparisons({band: found}))


def _rates(paths: Sequence[Path]) -> pd.DataFrame:
    rows = [row for path in paths for row in read_rows(path)]
    if not rows:
        raise CombinerError("The results have no rows.")
    return frame(rows)


def _time(parsed: argparse.Namespace) -> None:
    jobs = [
        timing.Job(file, bpp, model, effort, parsed.device, megapixels, repeat)
        for megapixels in parsed.megapixels
        for model in parsed.models
        for effort in parsed.efforts
        for bpp in parsed.rates
        for file in files_of(parsed.data, parsed.limit)
        for repeat in range(parsed.repeats)
    ]
    for row in measuring.measured(parsed, timing.BENCHMARK, timing.run, jobs):
        outcome = f"{row.total_s:.1f} s, {row.decode_s:.2f} s, {row.peak_memory_mb:.0f} MB"
        size = f"{row.width} x {row.height}"
        measuring.tell(f"{row.job.file} {size} {row.job.model} {row.job.effort}: {outcome}")
    data = timing_tables.frame(timing.BENCHMARK.rows(parsed.out))
    for table in (timing_tables.by_rate, timing_tables.by_phase, timing_tables.by_size):
        print(table(data), end="\n\n")


def _ablation(parsed: argparse.Namespace) -> None:
    files = files_of(parsed.data, parsed.limit)
    jobs = ablation.jobs_for(
        files, parsed.rates, parsed.unit, parsed.family, parsed.parts, parsed.seeds, parsed.updates
    )
    run = partial(ablation.run, updates=parsed.updates)
    for row in measuring.measured(parsed, ablation.BENCHMARK, run, jobs):
        outcome = f"{row.bytes} bytes, {row.psnr_db:.2f} dB, {row.fit_s + row.code_s:.1f} s"
        measuring.tell(f"{row.job.file} {row.job.rate:g} {row.job.variant}: {outcome}")
    rows = ablation.BENCHMARK.rows(parsed.out)
    print(ablation_tables.table(ablation_tables.frame(rows)))


def _descent(parsed: argparse.Namespace) -> None:
    keep_memory_between_steps()
    settings = descent.Descent(parsed.updates, parsed.signals)
    for progress in descent.learn(settings, parsed.data, parsed.out):
        measuring.tell(f"update {progress.update} of {progress.updates}: {progress.psnr_db:.2f} dB")


def _rec(parsed: argparse.Namespace) -> None:
    chosen = coders.choices(parsed.coders, parsed.state_bits, parsed.block_bits)
    jobs = random_weights.jobs_for(chosen, parsed.mean_bits, parsed.weights, parsed.seeds)
    measured = random_weights.BENCHMARK.measure_missing(
        jobs, random_weights.run, parsed.out, parsed.processes
    )
    for row in measured:
        coder = f"{row.job.coder} {row.job.size}"
        measuring.tell(f"{coder}, {row.job.mean_bits:g} bits: {row.percent:.1f} %")
    rows = random_weights.BENCHMARK.rows(parsed.out)
    print(rec_tables.of_random_weights(rec_tables.frame_of_random_weights(rows)))


def _overhead(parsed: argparse.Namespace) -> None:
    chosen = coders.choices(parsed.coders, parsed.state_bits, parsed.block_bits)
    files = files_of(parsed.data, parsed.limit)
    jobs = image_weights.jobs_for(files, parsed.noise, chosen, parsed.model)
    for row in measuring.measured(parsed, image_weights.BENCHMARK, image_weights.run, jobs):
        coder = "ideal" if row.job.choice is None else row.job.choice.text
        outcome = f"{row.bits:.0f} bits, {row.psnr_db:.2f} dB, {row.code_s:.1f} s"
        measuring.tell(f"{row.job.file} {row.job.noise_index} {coder}: {outcome}")
    rows = image_weights.BENCHMARK.rows(parsed.out)
    print(rec_tables.of_image_weights(rec_tables.frame_of_image_weights(rows)))


def _paper(parsed: argparse.Namespace) -> None:
    places = paper.Places(
        parsed.photographs, parsed.clips, parsed.training, parsed.priors, parsed.root
    )
    for arguments in paper.commands(places, parsed.processes):
        measuring.tell(shlex.join(arguments))
        command = _parser().parse_args(arguments)
        command.run(command)


def _report(parsed: argparse.Namespace) -> None:
    if not parsed.check:
        for name in report.write(parsed.root):
            measuring.tell(f"wrote {name}")
        return
    names = report.outdated(parsed.root)
    if names:
        raise CombinerError(
            f"Tables are out of date in {', '.join(names)}: run `python -m {_NAME} report`."
        )


def _figures(parsed: argparse.Namespace) -> None:
    # draws with the charts of the page, which take seconds to import
    from benchmarks import figures

    for name in figures.write(parsed.data, parsed.out):
        measuring.tell(f"wrote {name}.svg")
