"""`combiner train siren`: learn a siren prior by coordinate descent and write it as a preset."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from combiner_core.card import Card
from combiner_core.devices import resolve
from combiner_core.distributed import Processes, learning_together
from combiner_core.errors import CombinerError
from combiner_core.gaussians import DiagonalGaussian
from combiner_core.presets import PresetLibrary
from combiner_core.process import keep_memory_between_steps
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.coordinate_descent import (
    CoordinateDescent,
    CoordinateDescentConfig,
    CoordinateDescentProgress,
    LearnedPrior,
)
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.posterior import OptimiserConfig
from combiner_core.siren.preset import Framing, SirenPreset
from combiner_core.siren.training_data import TEXTURED_SHARE, audio_targets, image_targets
from combiner_core.siren.warm_start import first_prior
from combiner_core.training import (
    add_data,
    add_preset,
    check_folders,
    check_preset,
    machine,
    without_paths,
)

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

IMAGE_PIXELS = 768 * 512
SAMPLE_RATE = 16_000
_BETA_GUESS_DB = {"image": 22.0, "audio": 45.0}
_MAX_CYCLES = {"image": 16.0, "audio": 800.0}


def add_to(commands: Subparsers) -> None:
    """Add the command to a parser."""
    command = commands.add_parser("siren", help="coordinate descent for the siren field")
    command.set_defaults(run=_train_siren)
    command.add_argument("--kind", choices=("image", "audio"), required=True)
    add_data(command)
    command.add_argument(
        "--rate",
        type=float,
        required=True,
        metavar="X",
        help="bpp of a 768x512 image, or kbps of a clip at 16 kHz",
    )
    add_preset(command)
    command.add_argument("--checkpoint", type=Path, required=True, metavar="FILE")
    command.add_argument(
        "--warm-start",
        type=Path,
        metavar="FILE",
        help="a higher rate's checkpoint, or a preset's .json: its prior is the first",
    )
    command.add_argument("--signals", type=int, default=64)
    command.add_argument("--textured-share", type=float, default=TEXTURED_SHARE)
    command.add_argument("--tiles", type=int, default=1, help="learn from parts of images")
    command.add_argument("--segment", type=int, default=48_000, help="samples of a field of sound")
    command.add_argument("--parts", type=int, default=1, help="segments of each clip")
    command.add_argument(
        "--first-rate", type=float, default=1.0, help="times the rate, at the beginning"
    )
    command.add_argument("--hidden", type=int, default=48)
    command.add_argument("--layers", type=int, default=6)
    command.add_argument("--frequencies", type=int, default=32)
    command.add_argument("--min-cycles", type=float, default=SirenConfig.min_cycles)
    command.add_argument("--max-cycles", type=float)
    command.add_argument(
        "--encoding-nodes", type=int, default=0, help="of positional encodings of sound"
    )
    command.add_argument("--encoding-frequencies", type=int, default=16)
    command.add_argument("--updates", type=int, default=160)
    command.add_argument("--steps-per-update", type=int, default=50)
    command.add_argument("--batch", type=int, default=512)
    command.add_argument("--draws", type=int, default=2, help="of the weights, at a step")
    command.add_argument("--learning-rate", type=float, default=0.1)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--save-every", type=float, default=60.0, metavar="SECONDS", help="between checkpoints"
    )
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _train_siren(parsed: argparse.Namespace) -> None:
    keep_memory_between_steps()
    device = resolve(parsed.device)
    with learning_together(device) as processes:
        _learn(parsed, device, processes)


def _learn(parsed: argparse.Namespace, device: torch.device, processes: Processes) -> None:
    if min(parsed.signals, parsed.tiles, parsed.segment, parsed.parts) < 1:
        raise CombinerError("The numbers of signals, tiles, samples and parts must be positive.")
    if parsed.kind == "image" and parsed.parts > 1:
        raise CombinerError("Pictures have no segments: --parts is for sound.")
    if not 0 < parsed.rate < math.inf:
        raise CombinerError("The rate must be a positive number.")
    if parsed.seed < 0:
        raise CombinerError("The seed must not be negative.")
    check_preset(parsed)
    check_folders(parsed.data)
    if parsed.kind == "image":
        framing, bits = None, parsed.rate * IMAGE_PIXELS
        targets, names = image_targets(
            parsed.data, parsed.signals, parsed.textured_share, parsed.tiles, parsed.seed, device
        )
    else:
        framing = Framing(SAMPLE_RATE, parsed.segment)
        bits = parsed.rate * 1000 * parsed.segment / SAMPLE_RATE
        targets, names = audio_targets(
            parsed.data, parsed.signals, framing, parsed.parts, parsed.seed, device
        )
    try:
        config = _config(parsed, bits)
        start = _warm_start(parsed.warm_start, config)
        trainer = CoordinateDescent(config, targets, parsed.checkpoint, start, processes)
    except ValueError as error:
        raise CombinerError(f"These settings do not work: {error}.") from error
    for event in trainer.run(parsed.save_every):
        if not processes.is_first:
            continue
        if isinstance(event, CoordinateDescentProgress):
            print(json.dumps(asdict(event)), flush=True)
            continue
        card = _card(parsed, config, event, names)
        card = SirenPreset(card, config.network, event.prior, framing).save(parsed.out)
        print(f"wrote {card.name}: {Siren(config.network).weight_count} weights", file=sys.stderr)


def _warm_start(
    path: Path | None, config: CoordinateDescentConfig
) -> Path | DiagonalGaussian | None:
    if path is None or path.suffix != ".json":
        return path
    if not path.is_file():
        raise CombinerError(f"There is no preset {path.name}.")
    preset = PresetLibrary(path.parent).named(path.stem, SirenCodec).preset
    generator = torch.Generator().manual_seed(config.seed)
    return first_prior(preset, config.network, config.relative_std, generator)


def _config(parsed: argparse.Namespace, bits: float) -> CoordinateDescentConfig:
    field = SirenConfig(
        in_dims=2 if parsed.kind == "image" else 1,
        out_dims=3 if parsed.kind == "image" else 1,
        frequencies=parsed.frequencies,
        min_cycles=parsed.min_cycles,
        max_cycles=_MAX_CYCLES[parsed.kind] if parsed.max_cycles is None else parsed.max_cycles,
        hidden=parsed.hidden,
        layers=parsed.layers,
        encodings=PositionalEncodings(parsed.encoding_nodes, parsed.encoding_frequencies)
        if parsed.encoding_nodes
        else None,
    )
    optimiser = OptimiserConfig(
        batch=parsed.batch,
        draws=parsed.draws,
        learning_rate=parsed.learning_rate,
        beta_guess_db=_BETA_GUESS_DB[parsed.kind],
    )
    return CoordinateDescentConfig(
        field,
        bits,
        parsed.updates,
        parsed.steps_per_update,
        optimiser,
        parts=parsed.parts,
        first_rate_factor=parsed.first_rate,
        seed=parsed.seed,
    )


def _card(
    parsed: argparse.Namespace,
    config: CoordinateDescentConfig,
    result: LearnedPrior,
    names: list[str],
) -> Card:
    of = f"for {parsed.segment / SAMPLE_RATE:g} s at 16 kHz"
    if parsed.kind == "image":
        of = "an image" if parsed.tiles == 1 else "a tile of an image"
    encoded = " with positional encodings" if config.network.encodings else ""
    training: dict[str, Any] = {
        "arguments": without_paths(
            parsed, ("out", "checkpoint", "data", "save_every", "warm_start")
        ),
        "data": [folder.name for folder in parsed.data],
        "warm_start": parsed.warm_start.stem if parsed.warm_start else None,
        "files": names,
        "config": asdict(config),
        "seconds": round(result.curve[-1].elapsed_s, 1),
        "machine": machine(parsed.device),
        "torch": torch.__version__,
        "curve": [
            {name: float(f"{value:.6g}") for name, value in asdict(point).items()}
            for point in result.curve
        ],
    }
    return Card(
        name=parsed.name,
        id=parsed.id,
        family="siren",
        kind=parsed.kind,
        sha256="",
        nominal_bits=0.0,
        about=f"SIREN of width {parsed.hidden}{encoded}, "
        f"prior for {config.rate_bits / 8:.0f} bytes {of}.",
        training=training,
    )
