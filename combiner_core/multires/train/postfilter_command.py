"""`combiner train multires sound-postfilter`: learn a postfilter for a preset of sound."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError

from combiner_core.card import Card
from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.postfilter import SoundPostfilter, SoundPostfilterConfig
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.learner import Checkpoint, resumed
from combiner_core.multires.train.recipes import (
    SPEECH_RATE,
    WIDE_RATE,
    Data,
    read_data,
    read_speech,
    wide_data,
)
from combiner_core.multires.train.sound_postfilter import (
    CodedClip,
    ExampleConfig,
    PostfilterTrainConfig,
    PostfilterTrainer,
    coded_clip,
    coded_examples,
    mean_losses,
    model_of,
)
from combiner_core.multires.train.sounds import Clips, Source
from combiner_core.multires.train.spectral_loss import SpectralLoss
from combiner_core.presets import parsed as parsed_preset
from combiner_core.signals import resample
from combiner_core.training import (
    add_data,
    add_music,
    add_preset,
    add_sources,
    add_validation,
    check_folders,
    check_preset,
    machine,
    sources_of,
    without_paths,
)

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SPEEDS, _GAINS = (0.85, 1.18), (0.4, 1.8)
_REPORT_STEPS = _REPORT_EXAMPLES = 50
# of what is held out, seconds of each clip
_VALIDATED_S = 3
_PATHS = ("out", "checkpoint", "networks", "data", "music", "validate", "sources")


@dataclass(frozen=True)
class _Kind:
    """What postfilters of models at a sample rate differ in.

    Attributes:
        window: of the network's spectrum in samples.
        rates_kbps: of examples, from the least to the greatest.
        validated_kbps: rates at which clips held out are measured.
    """

    window: int
    rates_kbps: tuple[float, float]
    validated_kbps: tuple[float, ...]


_KINDS: Mapping[int, _Kind] = MappingProxyType(
    {
        SPEECH_RATE: _Kind(512, (4.5, 28.0), (6.0, 12.0, 24.0)),
        WIDE_RATE: _Kind(2048, (10.0, 80.0), (16.0, 32.0, 64.0)),
    }
)


def add_to(kinds: Subparsers) -> None:
    """Add the command to a parser of kinds."""
    command = kinds.add_parser("sound-postfilter", help="what corrects sound once it is decoded")
    command.set_defaults(run=_train)
    command.add_argument(
        "--networks",
        type=Path,
        required=True,
        metavar="FILE",
        help="the .safetensors of a preset of sound, which gets the postfilter",
    )
    add_data(command)
    add_validation(command)
    add_music(command)
    add_sources(command)
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
    check_folders([*parsed.data, *parsed.music, *parsed.validate])
    sources_of(parsed.sources)
    preset, model = _preset(parsed.networks)
    kind = _KINDS[model.config.sample_rate]
    try:
        config = PostfilterTrainConfig(
            SoundPostfilterConfig(window=kind.window, hop=model.config.prior.hop),
            examples=ExampleConfig(parsed.examples, rates_kbps=kind.rates_kbps, seed=parsed.seed),
            steps=parsed.steps,
            batch=parsed.batch,
            fall=parsed.fall,
            seed=parsed.seed,
        )
        data, source = _data(parsed, model.config.sample_rate)
        if not parsed.export_only:
            for event in _events(parsed, config, preset, source):
                print(json.dumps(event), flush=True)
        saved = Checkpoint.read(parsed.checkpoint)
    except ValueError as error:
        raise CombinerError(f"These settings do not work: {error}.") from error
    try:
        postfilter = _learned(saved)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CombinerError(
            f"The checkpoint {parsed.checkpoint.name} is not of a postfilter of sound."
        ) from error
    validation = []
    for kbps in kind.validated_kbps:
        event = _validated(parsed, preset, data, postfilter, kbps)
        validation.append(event)
        print(json.dumps(event), flush=True)
    learned = _about(parsed, data, saved, validation)
    card = _with(preset, postfilter, parsed.name, parsed.id, learned).save(parsed.out)
    print(f"wrote {card.name}: the networks of {parsed.networks.stem}", file=sys.stderr)


def _preset(path: Path) -> tuple[MultiresPreset, AudioModel]:
    """A preset of sound, and its model.

    Raises:
        PresetError: its card is damaged.
        CombinerError: it is none.
    """
    card = Card.read(path.with_suffix(".json"))
    try:
        preset = MultiresPreset.from_arrays(card, *parsed_preset(path.read_bytes()))
        model = preset.model
        if not isinstance(model, AudioModel) or model.config.sample_rate not in _KINDS:
            raise ValueError("another kind of signal, or another sample rate")
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise CombinerError(f"{path.name} is no model of sound.") from error
    return preset, model


def _data(parsed: argparse.Namespace, sample_rate: int) -> tuple[Data, Source]:
    data = read_data(read_speech, parsed.data, parsed.validate)
    if sample_rate == WIDE_RATE:
        return wide_data(data, parsed.music)
    if parsed.music:
        raise ValueError("--music is for the wide model")
    return data, Clips([signal.values[0] for signal in data.learned], _SPEEDS, _GAINS)


def _events(
    parsed: argparse.Namespace,
    config: PostfilterTrainConfig,
    preset: MultiresPreset,
    source: Source,
) -> Iterator[dict[str, Any]]:
    """What is reported of the making of the examples and of the training."""
    # refused before minutes are spent on examples
    resumed(parsed.checkpoint, asdict(config))
    examples, started_s = list[CodedClip](), time.monotonic()
    for example in coded_examples(preset, source, config.examples, parsed.device):
        examples.append(example)
        if len(examples) % _REPORT_EXAMPLES == 0 or len(examples) == config.examples.count:
            elapsed_s = round(time.monotonic() - started_s, 3)
            counts = {"example": len(examples), "examples": config.examples.count}
            yield counts | {"elapsed_s": elapsed_s}
    sample_rate = model_of(preset).config.sample_rate
    trainer = PostfilterTrainer(
        config, examples, sample_rate, parsed.checkpoint, resolve(parsed.device)
    )
    for progress in trainer.run():
        if progress.step == progress.steps or progress.step % _REPORT_STEPS == 0:
            yield asdict(progress)


def _learned(saved: Checkpoint) -> SoundPostfilter:
    """The running mean of a checkpoint's network.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: it is not of a postfilter of sound.
    """
    size = dict(saved.settings["postfilter"])
    size["widths"] = tuple(size["widths"])
    postfilter = SoundPostfilter(SoundPostfilterConfig(**size))
    postfilter.load_state_dict(saved.average)
    return postfilter.requires_grad_(False).eval()


def _validated(
    parsed: argparse.Namespace,
    preset: MultiresPreset,
    data: Data,
    postfilter: SoundPostfilter,
    kbps: float,
) -> dict[str, float]:
    """Losses of the clips held out at a rate, without and with the postfilter."""
    sample_rate = model_of(preset).config.sample_rate
    most = _VALIDATED_S * sample_rate
    clips = [
        coded_clip(preset, resample(signal, sample_rate).values[0, :most], kbps, parsed.device)
        for signal in data.held_out
    ]
    moved = postfilter.to(resolve(parsed.device))
    decoded, filtered = mean_losses(moved, clips, SpectralLoss(sample_rate))
    return {"kbps": kbps, "decoded": round(decoded, 4), "filtered": round(filtered, 4)}


def _about(
    parsed: argparse.Namespace, data: Data, saved: Checkpoint, validation: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the card says of the postfilter."""
    return {
        "arguments": without_paths(parsed, _PATHS),
        "data": [folder.name for folder in [*parsed.data, *parsed.music]],
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


def _with(
    preset: MultiresPreset,
    postfilter: SoundPostfilter,
    name: str,
    number: int,
    learned: Mapping[str, Any],
) -> MultiresPreset:
    """The preset with another postfilter, under a name and a number of its own."""
    before = model_of(preset)
    model = AudioModel(replace(before.config, postfilter=postfilter.config)).eval()
    model.prior, model.postfilter = before.prior, postfilter
    training = preset.card.training | {"postfilter": dict(learned)}
    card = replace(preset.card, name=name, id=number, training=training)
    return MultiresPreset(card, model.cpu(), preset.tables)
