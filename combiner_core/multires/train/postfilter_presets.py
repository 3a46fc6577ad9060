"""What the commands that learn postfilters share: their options, and presets before and after."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError

from combiner_core.card import Card
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.postfilter import SoundPostfilter
from combiner_core.multires.image.postfilter import Postfilter
from combiner_core.multires.model import AudioModel, ImageModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.learner import Checkpoint
from combiner_core.multires.train.recipes import Data
from combiner_core.presets import parsed as parsed_preset
from combiner_core.training import (
    add_data,
    add_preset,
    add_sources,
    add_validation,
    machine,
    sources_of,
    without_paths,
)

_PATHS = ("out", "checkpoint", "networks", "data", "music", "validate", "sources")


class _Examples(Protocol):
    @property
    def count(self) -> int:
        """How many."""


class _Settings(Protocol):
    """By default."""

    @property
    def examples(self) -> _Examples:
        """That it learns from."""

    @property
    def steps(self) -> int:
        """Gradient steps."""

    @property
    def batch(self) -> int:
        """Parts of examples in each."""


def add_options(command: argparse.ArgumentParser, usual: _Settings, signals: str) -> None:
    """Add the options of a command to it, with what numbers are by default."""
    command.add_argument(
        "--networks",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"the .safetensors of a preset of {signals}, which gets the postfilter",
    )
    add_data(command)
    add_validation(command)
    add_sources(command)
    add_preset(command)
    command.add_argument("--checkpoint", type=Path, required=True, metavar="FILE")
    command.add_argument(
        "--export-only", action="store_true", help="write what the checkpoint has, without training"
    )
    command.add_argument("--examples", type=int, default=usual.examples.count, metavar="N")
    command.add_argument("--steps", type=int, default=usual.steps, metavar="N")
    command.add_argument("--batch", type=int, default=usual.batch, metavar="N")
    command.add_argument(
        "--fall", type=int, metavar="N", help="steps in which learning rates fall at last"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def preset_from(path: Path, signals: str) -> MultiresPreset:
    """A preset, to which its postfilter is to be learned.

    Raises:
        PresetError: its card is damaged.
        CombinerError: it is no multires preset.
    """
    card = Card.read(path.with_suffix(".json"))
    try:
        return MultiresPreset.from_arrays(card, *parsed_preset(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise CombinerError(f"{path.name} is no model of {signals}.") from error


def about(
    parsed: argparse.Namespace, data: Data, saved: Checkpoint, validation: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the card says of the postfilter."""
    folders = [*parsed.data, *getattr(parsed, "music", [])]
    return {
        "arguments": without_paths(parsed, _PATHS),
        "data": [folder.name for folder in folders],
        "validation_data": [folder.name for folder in parsed.validate],
        "sources": sources_of(parsed.sources),
        "networks": parsed.networks.stem,
        "files": data.files,
        "config": saved.settings,
        "steps": saved.history.done,
        "seconds": round(saved.history.elapsed_s, 1),
        "machine": machine(parsed.device),
        "torch": torch.__version__,
        "curve": saved.history.curve,
        "validation": validation,
    }


def with_postfilter(
    preset: MultiresPreset,
    postfilter: Postfilter | SoundPostfilter,
    name: str,
    number: int,
    learned: Mapping[str, Any],
) -> MultiresPreset:
    """The preset with another postfilter, under a name and a number of its own."""
    before = preset.model
    model: AudioModel | ImageModel
    if isinstance(postfilter, SoundPostfilter):
        assert isinstance(before, AudioModel)
        model = AudioModel(replace(before.config, postfilter=postfilter.config))
        model.prior, model.postfilter = before.prior, postfilter
    else:
        assert isinstance(before, ImageModel)
        model = ImageModel(replace(before.config, postfilter=postfilter.config))
        model.prior, model.postfilter = before.prior, postfilter
    training = preset.card.training | {"postfilter": dict(learned)}
    card = replace(preset.card, name=name, id=number, training=training)
    return MultiresPreset(card, model.eval().cpu(), preset.tables)
