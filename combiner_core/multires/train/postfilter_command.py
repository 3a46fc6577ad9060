"""`combiner train multires speech-postfilter`: learn a postfilter for a preset of speech."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from combiner_core.card import Card
from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.postfilter import HOP, SoundPostfilter, SoundPostfilterConfig
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.learner import Checkpoint, resumed
from combiner_core.multires.train.recipes import SPEECH_RATE, Data, read_data, read_speech
from combiner_core.multires.train.sound_postfilter import (
    CodedClip,
    ExampleConfig,
    PostfilterTrainConfig,
    PostfilterTrainer,
    coded_clip,
    coded_examples,
    mean_losses,
)
from combiner_core.multires.train.sounds import Clips
from combiner_core.multires.train.spectral_loss import SpectralLoss
from combiner_core.presets import parsed as parsed_preset
from combiner_core.training import (
    add_data,
    add_preset,
    add_validation,
    check_folders,
    check_preset,
    machine,
    without_paths,
)

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SPEEDS, _GAINS = (0.85, 1.18), (0.4, 1.8)
_REPORT_STEPS = _REPORT_EXAMPLES = 50
# of what is held out: rates, and seconds of each clip
_VALIDATED_KBPS, _VALIDATED_S = (6.0, 12.0, 24.0), 3
_PATHS = ("out", "checkpoint", "networks", "data", "validate")


def add_to(kinds: Subparsers) -> None:
    """Add the command to a parser of kinds."""
    command = kinds.add_parser("speech-postfilter", help="what corrects speech once it is decoded")
    command.set_defaults(run=_train)
    command.add_argument(
        "--networks",
        type=Path,
        required=True,
        metavar="FILE",
        help="the .safetensors of a preset of speech, which gets the postfilter",
    )
    add_data(command)
    add_validation(command)
    add_preset(command)
    command.add_argument("--checkpoint", type=Path, required=True, metavar="FILE")
    command.add_argument(
        "--export-only", action="store_true", help="write what the checkpoint has, without training"
    )
    usual = PostfilterTrainConfig()
    command.add_argument("--examples", type=int, default=usual.examples.count, metavar="N")
    command.add_argument("--steps", type=int, default=usual.steps, metavar="N")
    command.add_argument("--batch", type=int, default=usual.batch, metavar="N")
    command.add_argument(
        "--fall", type=int, metavar="N", help="steps in which learning rates fall at last"
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _train(parsed: argparse.Namespace) -> None:
    check_preset(parsed)
    check_folders([*parsed.data, *parsed.validate])
    preset = _preset(parsed.networks)
    try:
        config = PostfilterTrainConfig(
            examples=ExampleConfig(parsed.examples, seed=parsed.seed),
            steps=parsed.steps,
            batch=parsed.batch,
            fall=parsed.fall,
            seed=parsed.seed,
        )
        data = read_data(read_speech, parsed.data, parsed.validate)
        if not parsed.export_only:
            for event in _events(parsed, config, preset, data):
                print(json.dumps(event), flush=True)
        saved = Checkpoint.read(parsed.checkpoint)
    except ValueError as error:
        raise CombinerError(f"These settings do not work: {error}.") from error
    try:
        postfilter = _learned(saved)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CombinerError(
            f"The checkpoint {parsed.checkpoint.name} is not of a postfilter of speech."
        ) from error
    validation = []
    for event in _validated(parsed, preset, data, postfilter):
        validation.append(event)
        print(json.dumps(event), flush=True)
    learned = _about(parsed, data, saved, validation)
    card = _with(preset, postfilter, parsed.name, parsed.id, learned).save(parsed.out)
    print(f"wrote {card.name}: the networks of {parsed.networks.stem}", file=sys.stderr)


def _preset(path: Path) -> MultiresPreset:
    """A preset of speech.

    Raises:
        PresetError: its card is damaged.
        CombinerError: it is none.
    """
    card = Card.read(path.with_suffix(".json"))
    try:
        preset = MultiresPreset.from_arrays(card, *parsed_preset(path.read_bytes()))
        if not isinstance(preset.model, AudioModel) or preset.model.config.prior.hop != HOP:
            raise ValueError("another transform")
        if preset.model.config.sample_rate != SPEECH_RATE:
            raise ValueError("another sample rate")
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise CombinerError(f"{path.name} is no model of speech.") from error
    return preset


def _events(
    parsed: argparse.Namespace, config: PostfilterTrainConfig, preset: MultiresPreset, data: Data
) -> Iterator[dict[str, Any]]:
    """What is reported of the making of the examples and of the training."""
    # refused before minutes are spent on examples
    resumed(parsed.checkpoint, asdict(config))
    clips = [signal.values[0] for signal in data.learned]
    source = Clips(clips, _SPEEDS, _GAINS)
    examples, started_s = list[CodedClip](), time.monotonic()
    for example in coded_examples(preset, source, config.examples, parsed.device):
        examples.append(example)
        if len(examples) % _REPORT_EXAMPLES == 0 or len(examples) == config.examples.count:
            elapsed_s = round(time.monotonic() - started_s, 3)
            counts = {"example": len(examples), "examples": config.examples.count}
            yield counts | {"elapsed_s": elapsed_s}
    trainer = PostfilterTrainer(
        config, examples, SPEECH_RATE, parsed.checkpoint, resolve(parsed.device)
    )
    for progress in trainer.run():
        if progress.step == progress.steps or progress.step % _REPORT_STEPS == 0:
            yield asdict(progress)


def _learned(saved: Checkpoint) -> SoundPostfilter:
    """The running mean of a checkpoint's network.

    Raises:
        KeyError, TypeError, RuntimeError: it is not of a postfilter of speech.
    """
    top, middle, bottom = saved.settings["postfilter"]["widths"]
    postfilter = SoundPostfilter(SoundPostfilterConfig((top, middle, bottom)))
    postfilter.load_state_dict(saved.average)
    return postfilter.requires_grad_(False).eval()


def _validated(
    parsed: argparse.Namespace, preset: MultiresPreset, data: Data, postfilter: SoundPostfilter
) -> Iterator[dict[str, Any]]:
    """Losses of the clips held out, at some rates, without and with the postfilter."""
    moved = postfilter.to(resolve(parsed.device))
    for kbps in _VALIDATED_KBPS:
        clips = [
            coded_clip(preset, signal.values[0, : _VALIDATED_S * SPEECH_RATE], kbps, parsed.device)
            for signal in data.held_out
        ]
        decoded, filtered = mean_losses(moved, clips, SpectralLoss(SPEECH_RATE))
        losses = {"decoded": round(decoded, 4), "filtered": round(filtered, 4)}
        yield {"kbps": kbps, **losses}


def _about(
    parsed: argparse.Namespace, data: Data, saved: Checkpoint, validation: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the card says of the postfilter."""
    return {
        "arguments": without_paths(parsed, _PATHS),
        "data": [folder.name for folder in parsed.data],
        "validation_data": [folder.name for folder in parsed.validate],
        "networks": parsed.networks.stem,
        "files": data.files,
        "speeds": _SPEEDS,
        "gains": _GAINS,
        "config": saved.settings,
        "steps": saved.history.done,
        "seconds": round(saved.history.elapsed_s, 1),
        "machine": machine(parsed.device),
        "torch": torch.__version__,
        "curve": saved.history.curve,
        "validation": validation,
    }


def _with(
    preset: MultiresPreset,
    postfilter: SoundPostfilter,
    name: str,
    number: int,
    learned: Mapping[str, Any],
) -> MultiresPreset:
    """The preset with another postfilter, under a name and a number of its own."""
    before = preset.model
    assert isinstance(before, AudioModel)
    model = AudioModel(replace(before.config, postfilter=postfilter.config)).eval()
    model.prior, model.postfilter = before.prior, postfilter
    training = preset.card.training | {"postfilter": dict(learned)}
    card = replace(preset.card, name=name, id=number, training=training)
    return MultiresPreset(card, model.cpu(), preset.tables)
