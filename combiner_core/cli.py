"""The command line: `python -m combiner_core encode | decode | info | models | train`."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from combiner_core import metrics
from combiner_core.budget import Budget, Unit
from combiner_core.codec import decode, encode, inspect
from combiner_core.errors import CombinerError
from combiner_core.events import Encoded, Event
from combiner_core.families import FAMILIES, family_named
from combiner_core.memory import keep_freed_memory
from combiner_core.options import CoderName, DeviceName, EffortName, EncodeOptions
from combiner_core.presets import PresetLibrary
from combiner_core.signals import load, save, write_atomically

_PHASES = {
    "search": "searching the rate",
    "fit": "learning the posterior",
    "code": "coding and refining",
    "verify": "verifying",
}
_PREFIX_OF_NAME = "combiner_core"


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
        print(f"{_PREFIX_OF_NAME}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{_PREFIX_OF_NAME}: stopped.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {_PREFIX_OF_NAME}", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("encode", help="compress an image or a clip")
    command.set_defaults(run=_encode)
    command.add_argument("input", type=Path, metavar="IN")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.cmb")
    budget = command.add_mutually_exclusive_group(required=True)
    budget.add_argument("--bytes", type=int, metavar="N", help="largest file size")
    budget.add_argument("--bpp", type=float, metavar="X", help="bits per pixel of an image")
    budget.add_argument("--kbps", type=float, metavar="X", help="1000 bits per second of a clip")
    command.add_argument("--model", default=EncodeOptions.model, metavar="NAME")
    command.add_argument("--effort", choices=get_args(EffortName), default="balanced")
    command.add_argument("--rec", choices=get_args(CoderName), default="trellis")
    command.add_argument("--seed", type=int, default=0, metavar="N")
    _add_common(command)

    command = commands.add_parser("decode", help="decompress a .cmb file")
    command.set_defaults(run=_decode)
    command.add_argument("input", type=Path, metavar="IN.cmb")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.(png|wav)")
    command.add_argument("--fraction", type=float, default=1.0, metavar="F")
    command.add_argument("--scale", type=float, default=1.0, metavar="S")
    _add_common(command)

    command = commands.add_parser("info", help="what a .cmb file says of itself")
    command.set_defaults(run=_info)
    command.add_argument("input", type=Path, metavar="IN.cmb")
    _add_json(command)

    command = commands.add_parser("models", help="the trained models that are installed")
    command.set_defaults(run=_models)
    _add_json(command)

    train = commands.add_parser("train", help="learn a prior from a folder of signals")
    families = train.add_subparsers(required=True, metavar="FAMILY")
    for name in FAMILIES:
        family_named(name).add_train_command(families)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", choices=get_args(DeviceName), default="auto")
    _add_json(command)


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _encode(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.output)
    signal = load(parsed.input)
    unit = next(unit for unit in get_args(Unit) if getattr(parsed, unit) is not None)
    options = EncodeOptions(parsed.model, parsed.effort, parsed.rec, parsed.seed, parsed.device)
    events = encode(signal, Budget(getattr(parsed, unit), unit), options)
    result = _follow(events)
    write_atomically(parsed.output, result.data)
    bits = 8 * len(result.data)
    is_image = signal.kind == "image"
    rate = {"bpp": metrics.bpp(bits, signal)} if is_image else {"kbps": metrics.kbps(bits, signal)}
    _report(
        parsed.json,
        {
            "bytes": len(result.data),
            **rate,
            "psnr_db": result.psnr_db if math.isfinite(result.psnr_db) else None,
            "kl_bits": result.kl_bits,
            "side_bits": result.side_bits,
            "model": result.model,
            "seconds": result.seconds,
            "device": result.device,
        },
    )


def _decode(parsed: argparse.Namespace) -> None:
    _check_folder(parsed.output)
    started = time.monotonic()
    data = _read(parsed.input)
    presets = PresetLibrary()
    loaded = time.monotonic()
    signal = decode(
        data, fraction=parsed.fraction, scale=parsed.scale, device=parsed.device, models=presets
    )
    decoded = time.monotonic()
    save(signal, parsed.output)
    shape: dict[str, Any] = (
        {"width": signal.width, "height": signal.height}
        if signal.kind == "image"
        else {
            "samples": signal.samples,
            "channels": signal.channels,
            "sample_rate": signal.sample_rate,
        }
    )
    seconds = {
        "load": loaded - started,
        "decode": decoded - loaded,
        "total": time.monotonic() - started,
    }
    _report(parsed.json, {**shape, "seconds": seconds})


def _info(parsed: argparse.Namespace) -> None:
    info = inspect(_read(parsed.input))
    _report(
        parsed.json,
        {
            **asdict(info.shape),
            "model": info.model,
            "seed": info.seed,
            "bytes": info.file_bytes,
            "payload_bytes": info.payload_bytes,
            "present_payload_bytes": info.present_bytes,
        },
    )


def _models(parsed: argparse.Namespace) -> None:
    cards = PresetLibrary().cards()
    if parsed.json:
        print(json.dumps({"models": [asdict(card) for card in cards]}))
        return
    for card in cards:
        print(f"{card.name:20} {card.kind:6} {card.nominal_bits / 8:8.0f} bytes  {card.about}")


def _check_folder(output: Path) -> None:
    """Better before the work than after it."""
    if not output.parent.is_dir():
        raise CombinerError(f"{output.name} cannot be written: its folder does not exist.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CombinerError(f"{path.name} cannot be read: {error.strerror}.") from error


def _report(as_json: bool, fields: dict[str, Any]) -> None:
    if as_json:
        print(json.dumps(fields))
        return
    for name, value in fields.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number:.2f}" for key, number in value.items())
        print(f"{name:14} {f'{value:.4g}' if isinstance(value, float) else value}")


@contextmanager
def _progress_bar() -> Iterator[ProgressBar]:
    columns = (
        TextColumn("{task.description:22}"),
        BarColumn(),
        TextColumn("{task.fields[bits]} bits  {task.fields[psnr]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar


def _follow(events: Iterator[Event]) -> Encoded:
    """Draw the events; return the result that ends them."""
    first = next(events)  # what is wrong with the input shows before anything is drawn
    with _progress_bar() as bar:
        return _draw(chain([first], events), bar)


def _draw(events: Iterator[Event], bar: ProgressBar) -> Encoded:
    tasks: dict[str, Any] = {}
    for event in events:
        if isinstance(event, Encoded):
            return event
        if event.phase not in tasks:
            tasks[event.phase] = bar.add_task(_PHASES[event.phase], bits="", psnr="")
        bits = event.committed_bits if event.phase == "code" else event.kl_bits
        bar.update(
            tasks[event.phase],
            completed=event.step,
            total=event.total,
            bits=f"{bits:,.0f}/{event.budget_bits:,}",
            psnr=f"{event.psnr_db:.2f} dB",
        )
    raise AssertionError("an encoder's events end in a result")
