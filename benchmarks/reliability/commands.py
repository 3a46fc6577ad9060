"""The commands of what is measured here: `kills`, `load` and `hostile`."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.reliability import hostile, kills, tables
from benchmarks.reliability.rows import HOSTILE, LOAD, Claimed, Job

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: Subparsers) -> None:
    """Add them to a command line."""
    command = commands.add_parser("kills", help="kill commands at random moments, look at files")
    command.set_defaults(run=_kills)
    command.add_argument("--rounds", type=int, default=100, help="of each command")
    command.add_argument("--seed", type=int, default=0, help="of the moments")

    command = commands.add_parser("load", help="many visitors at the page at once")
    command.set_defaults(run=_load)
    command.add_argument("--visitors", type=int, default=50)
    command.add_argument("--minutes", type=float, default=10.0, help="that they stay")
    command.add_argument("--workers", type=int, default=2, help="of the page")
    command.add_argument("--seed", type=int, default=0, help="of what they do")
    command.add_argument("--out", type=Path, metavar="RESULTS.json")

    command = commands.add_parser("hostile", help="what files made to cost much cost")
    command.set_defaults(run=_hostile)
    command.add_argument("--threads", type=int, default=2, help="of each decoder")
    command.add_argument("--out", type=Path, metavar="RESULTS.json")


def _kills(parsed: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for row in kills.measure(Path(folder), parsed.rounds, parsed.seed):
            print(json.dumps(row), flush=True)


def _load(parsed: argparse.Namespace) -> None:
    # what it knows of the page takes seconds to import
    from benchmarks.reliability import load

    job = Job(parsed.visitors, parsed.minutes, parsed.workers, parsed.seed)
    with tempfile.TemporaryDirectory() as folder:
        output = parsed.out or Path(folder, "load.json")
        for _ in LOAD.measure_missing([job], load.run, output, processes=1):
            pass
        print(tables.of_load(LOAD.rows(output)))


def _hostile(parsed: argparse.Namespace) -> None:
    jobs = [Claimed(name, parsed.threads) for name in hostile.CLAIMS]
    with tempfile.TemporaryDirectory() as folder:
        output = parsed.out or Path(folder, "hostile.json")
        for row in HOSTILE.measure_missing(jobs, hostile.run, output, processes=1):
            print(f"{row.job.name}: {row.answer}, {row.wall_s:.1f} s", flush=True)
        print(tables.of_hostile(HOSTILE.rows(output)))
