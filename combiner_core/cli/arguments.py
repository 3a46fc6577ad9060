"""What can be typed after the name of the program."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from combiner_core import __version__
from combiner_core.cli import batch, commands, output
from combiner_core.families import FAMILIES, family_named
from combiner_core.limits import Limits
from combiner_core.options import CoderName, DeviceName, EffortName, EncodeOptions, TuneName
from combiner_core.signals.storage import STANDARD_INPUT, STANDARD_OUTPUT

PROGRAM = "combiner"
_DESCRIPTION = (
    "Compression with Bayesian implicit neural representations. As IN and OUT, - stands for "
    "standard input and output."
)
_BATCH_HELP = (
    "What is done is not done again when the command is given again. Exits with 3 if there are "
    "files that could not be done: results.jsonl says why."
)
_TRAIN_HELP = "learn a prior from a folder of signals"


class _Parser(argparse.ArgumentParser):
    """The usual parser, but for the errors of a closed or full output, which that one hides."""

    def print_help(self, file: Any = None) -> None:
        output.line(self.format_help().rstrip("\n"))


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        output.line(f"{PROGRAM} {__version__}")
        parser.exit()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of one command, and as `run` the function that carries it out.

    Raises:
        SystemExit: bad usage (2), or help or version were asked for (0).
        CombinerError: they cannot be printed.
    """
    parser: argparse.ArgumentParser = _Parser(prog=PROGRAM, description=_DESCRIPTION)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    command = subparsers.add_parser("encode", help="compress an image, a clip, or one of a video")
    command.set_defaults(run=commands.encode)
    _add_files(command, "IN", "OUT.cmb")
    _add_budget(command.add_mutually_exclusive_group(required=True))
    _add_encoding(command)
    command.add_argument(
        "--importance",
        type=_input,
        metavar="MASK",
        help="of an image: a grey picture, white where bits should go and black where not",
    )
    _add_common(command)

    command = subparsers.add_parser("decode", help="decompress a .cmb file")
    command.set_defaults(run=commands.decode)
    _add_files(command, "IN.cmb", "OUT.(png|wav|flac)")
    _add_decoding(command)
    command.add_argument(
        "--uncertainty",
        type=_output,
        metavar="MAP.png",
        help="also write by how much each pixel of an image is expected to be off, in 1/4 level, or"
        " each band (upwards) of each frame of a clip, in 1/2 dB, white for full scale",
    )
    _add_common(command)

    _add_batch(subparsers.add_parser("batch", help="encode or decode many files, on many cores"))

    command = subparsers.add_parser("info", help="what a .cmb file says of itself")
    command.set_defaults(run=commands.info)
    command.add_argument("input", type=_input, metavar="IN.cmb")
    _add_json(command)

    command = subparsers.add_parser("models", help="the trained models that are installed")
    command.set_defaults(run=commands.models)
    _add_json(command)

    command = subparsers.add_parser("train", help=_TRAIN_HELP)
    if arguments and arguments[0] == "train":
        learners = command.add_subparsers(required=True, metavar="FAMILY")
        for name in FAMILIES:  # whose options alone import torch
            family_named(name).add_train_command(learners)
    return parser.parse_args(arguments)


def _add_budget(command: argparse._ActionsContainer) -> None:
    command.add_argument("--bytes", type=int, metavar="N", help="largest file size")
    command.add_argument("--bpp", type=float, metavar="X", help="bits per pixel of an image")
    command.add_argument("--kbps", type=float, metavar="X", help="1000 bits per second of a clip")


def _add_encoding(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default=EncodeOptions.model, metavar="NAME")
    command.add_argument("--effort", choices=get_args(EffortName), default="balanced")
    command.add_argument("--rec", choices=get_args(CoderName), default="trellis")
    command.add_argument(
        "--tune",
        choices=get_args(TuneName),
        default=EncodeOptions.tune,
        help="least squared error, or what looks and sounds best",
    )
    command.add_argument("--seed", type=int, default=0, metavar="N")
    command.add_argument(
        "--frame",
        type=float,
        metavar="SECONDS",
        help="of a video or an animation: compress its frame at this time",
    )
    command.add_argument(
        "--keep-metadata",
        action="store_true",
        help="keep copyright, author and date",
    )


def _add_decoding(command: argparse.ArgumentParser) -> None:
    command.add_argument("--fraction", type=float, default=1.0, metavar="F")
    command.add_argument("--scale", type=float, default=1.0, metavar="S")
    command.add_argument(
        "--depth", type=int, choices=(8, 16), default=8, help="bits of a colour of an image"
    )
    command.add_argument(
        "--detail",
        type=float,
        metavar="X",
        help="from 0, faithful, to 1, natural: grain sampled from the prior (default: the file's)",
    )


def _add_batch(command: argparse.ArgumentParser) -> None:
    directions = command.add_subparsers(required=True, metavar="encode|decode")
    encode = directions.add_parser(
        "encode", help="compress files", description=f"Compress files. {_BATCH_HELP}"
    )
    encode.set_defaults(run=batch.encode)
    _add_batch_files(encode)
    _add_budget(encode)
    _add_encoding(encode)
    _add_executor(encode)
    _add_common(encode)

    decode = directions.add_parser(
        "decode", help="decompress .cmb files", description=f"Decompress files. {_BATCH_HELP}"
    )
    decode.set_defaults(run=batch.decode)
    _add_batch_files(decode)
    _add_decoding(decode)
    decode.add_argument("--sound", choices=("wav", "flac"), default="wav", help="files of clips")
    _add_executor(decode)
    _add_common(decode)


def _add_batch_files(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "sources",
        nargs="+",
        metavar="SRC",
        help="a folder, a file, a pattern, or a manifest (.jsonl, .parquet); a path or a URL",
    )
    command.add_argument("--out", required=True, metavar="DIR", help="folder of outputs")
    command.add_argument(
        "--shard",
        default="0/1",
        metavar="I/N",
        help="only part I of N, from 0 on, of several runs that share the work",
    )


def _add_executor(command: argparse.ArgumentParser) -> None:
    command.add_argument("--executor", choices=("local", "ray"), default="local")
    command.add_argument(
        "--workers", type=int, metavar="N", help="processes of this machine (default: its cores)"
    )
    command.add_argument("--address", metavar="A", help="ray: of the cluster, or auto, or local")
    command.add_argument(
        "--gpus-per-task", type=float, default=0.0, metavar="X", help="ray: a share of a GPU"
    )
    command.add_argument(
        "--memory-per-task", type=float, default=0.0, metavar="GB", help="ray: of each task"
    )


def _add_files(command: argparse.ArgumentParser, source: str, target: str) -> None:
    command.add_argument("input", type=_input, metavar=source)
    command.add_argument("-o", "--output", type=_output, required=True, metavar=target)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-megapixels",
        type=float,
        metavar="X",
        help=f"largest image accepted (default: {Limits.pixels / 1e6:g})",
    )
    command.add_argument(
        "--max-megasamples",
        type=float,
        metavar="X",
        help=f"longest clip accepted, over all channels (default: {Limits.samples / 1e6:g})",
    )
    command.add_argument("--device", choices=get_args(DeviceName), default="auto")
    _add_json(command)


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object")


def _input(text: str) -> Path:
    return STANDARD_INPUT if text == "-" else Path(text)


def _output(text: str) -> Path:
    return STANDARD_OUTPUT if text == "-" else Path(text)
