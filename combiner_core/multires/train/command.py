"""`combiner train multires`: learn a multires model and write it as a preset."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError

from combiner_core.card import Card
from combiner_core.devices import resolve
from combiner_core.distributed import Processes, learning_together
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.prior import AudioPriorConfig
from combiner_core.multires.model import Model, quantise
from combiner_core.multires.noise_scale import NOISE_STEPS_PER_OCTAVE
from combiner_core.multires.preset import MultiresPreset, networks_from
from combiner_core.multires.train import image_postfilter_command, sound_postfilter_command
from combiner_core.multires.train.audio import AudioTrainConfig
from combiner_core.multires.train.entropy_tables import learn_tables
from combiner_core.multires.train.image import ImageTrainConfig
from combiner_core.multires.train.learner import Checkpoint
from combiner_core.multires.train.recipes import (
    SPEECH_RATE,
    WIDE_RATE,
    AudioRecipe,
    ImageRecipe,
    Recipe,
    read_data,
    read_speech,
    wide_data,
)
from combiner_core.multires.train.sounds import Clips
from combiner_core.presets import parsed as parsed_preset
from combiner_core.process import keep_memory_between_steps
from combiner_core.rec import EntropyTables
from combiner_core.signals import Kind, load_image
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

_WIDE = AudioTrainConfig(
    AudioPriorConfig(1024, (32, 48, 48, 48, 32, 16, 8)), log_noise=(-10.5, -4.0), shaped=0.35
)
# music is louder than speech at the same rates
_NOISE, _NOISE_RANGE = (0.04, 0.02, 0.01, 0.005), (0.0007, 0.06)
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "image": "a model of pictures",
        "speech": "a model of speech at 16 kHz",
        "wide": "a model of any sound at 48 kHz",
    }
)
_USUAL_TABLE_EXAMPLES = 80
_REPORT_STEPS = 50
_PATHS = ("out", "checkpoint", "networks", "warm_start", "data", "music", "validate", "sources")


def add_to(families: Subparsers) -> None:
    """Add the command to a parser of families."""
    family = families.add_parser("multires", help="stochastic gradients for the multires field")
    kinds = family.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, about in _KINDS.items():
        _add_arguments(kinds.add_parser(kind, help=about))
    image_postfilter_command.add_to(kinds)
    sound_postfilter_command.add_to(kinds)


def _add_arguments(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_train)
    add_data(command)
    add_validation(command)
    add_music(command)
    add_sources(command)
    add_preset(command)
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, metavar="FILE")
    source.add_argument(
        "--networks",
        type=Path,
        metavar="FILE",
        help="a preset's .safetensors, whose networks only get new entropy tables",
    )
    command.add_argument(
        "--warm-start", type=Path, metavar="FILE", help="checkpoint of another training"
    )
    command.add_argument(
        "--export-only", action="store_true", help="write what the checkpoint has, without training"
    )
    command.add_argument("--steps", type=int, metavar="N")
    command.add_argument("--batch", type=int, metavar="N")
    command.add_argument("--crop", type=int, metavar="N", help="pixels, or frames of sound")
    command.add_argument(
        "--fall", type=int, metavar="N", help="steps in which learning rates fall at last"
    )
    command.add_argument(
        "--fuse",
        action="store_true",
        help="compile formulas of images, which is faster and takes a compiler of C++",
    )
    command.add_argument("--validate-every", type=int, default=1000, metavar="N", help="steps")
    command.add_argument(
        "--table-examples",
        type=int,
        default=_USUAL_TABLE_EXAMPLES,
        metavar="N",
        help="examples that entropy tables are learned from (default: %(default)s)",
    )
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _train(parsed: argparse.Namespace) -> None:
    keep_memory_between_steps()
    device = resolve(parsed.device)
    with learning_together(device) as processes:
        _learn(parsed, device, processes)


def _learn(parsed: argparse.Namespace, device: torch.device, processes: Processes) -> None:
    check_preset(parsed)
    check_folders([*parsed.data, *parsed.music, *parsed.validate])
    sources_of(parsed.sources)
    if parsed.validate_every < 1:
        raise CombinerError("The number of steps between validations must be positive.")
    if parsed.table_examples < 1:
        raise CombinerError("The number of examples for entropy tables must be positive.")
    if parsed.networks is not None:
        _renew(parsed, device)
        return
    try:
        recipe = _recipe(parsed)
        if not parsed.export_only:
            for event in _events(parsed, recipe, device, processes):
                print(json.dumps(event), flush=True)
        if not processes.is_first:
            return
        saved = Checkpoint.read(parsed.checkpoint)
    except ValueError as error:
        raise CombinerError(f"These settings do not work: {error}.") from error
    try:
        model = recipe.model(saved)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CombinerError(
            f"The checkpoint {parsed.checkpoint.name} is not of a model of this kind."
        ) from error
    _export(parsed, recipe, saved, model.to(device))


def _recipe(parsed: argparse.Namespace) -> Recipe:
    if parsed.music and parsed.kind != "wide":
        raise ValueError("--music is for the wide model")
    if parsed.kind == "image":
        data = read_data(load_image, parsed.data, parsed.validate)
        return ImageRecipe(_image_settings(parsed), data, fuse=parsed.fuse)
    settings = _audio_settings(parsed)
    data = read_data(read_speech, parsed.data, parsed.validate)
    if parsed.kind == "speech":
        clips = [signal.values[0] for signal in data.learned]
        return AudioRecipe(settings, data, Clips(clips), SPEECH_RATE)
    data, source = wide_data(data, parsed.music)
    return AudioRecipe(settings, data, source, WIDE_RATE, noise=_NOISE, noise_range=_NOISE_RANGE)


def _image_settings(parsed: argparse.Namespace) -> ImageTrainConfig:
    given = _given(steps=parsed.steps, batch=parsed.batch, crop=parsed.crop, fall=parsed.fall)
    usual = ImageTrainConfig()
    window = min(usual.window, given.get("crop", usual.crop))
    return ImageTrainConfig(**given, window=window, seed=parsed.seed)


def _audio_settings(parsed: argparse.Namespace) -> AudioTrainConfig:
    if parsed.fuse:
        raise ValueError("--fuse is for the image model")
    usual = AudioTrainConfig() if parsed.kind == "speech" else _WIDE
    given = _given(steps=parsed.steps, batch=parsed.batch, frames=parsed.crop, fall=parsed.fall)
    return replace(usual, **given, seed=parsed.seed)


def _given(**values: int | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _events(
    parsed: argparse.Namespace, recipe: Recipe, device: torch.device, processes: Processes
) -> Iterator[dict[str, Any]]:
    """What the first process reports of the training, for people and programs that follow it."""
    for progress, model in recipe.train(parsed.checkpoint, parsed.warm_start, device, processes):
        if not processes.is_first:
            continue
        last = progress.step == progress.steps
        if last or progress.step % _REPORT_STEPS == 0:
            yield asdict(progress)
        if not last and progress.step % parsed.validate_every == 0:
            yield from _validated(recipe, model, {"step": progress.step, "quantised": False})


def _validated(recipe: Recipe, model: Model, about: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for noise in recipe.noise:
        rate, psnr_db = recipe.rates(model, noise)
        yield {
            **about,
            "noise": noise,
            recipe.rate_unit: float(f"{rate:.5g}"),
            "psnr_db": round(psnr_db, 3),
        }


def _export(parsed: argparse.Namespace, recipe: Recipe, saved: Checkpoint, model: Model) -> None:
    step = saved.history.done
    validation = []
    for quantised in (False, True):
        if quantised:
            _quantise(model, parsed.checkpoint)
        for event in _validated(recipe, model, {"step": step, "quantised": quantised}):
            validation.append(event)
            print(json.dumps(event), flush=True)
    tables = _tables(parsed, recipe, model)
    card = _card(parsed, recipe, saved, validation)
    card = MultiresPreset(card, model.cpu(), tables).save(parsed.out)
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"wrote {card.name}: {count} parameters after {step} steps", file=sys.stderr)


def _renew(parsed: argparse.Namespace, device: torch.device) -> None:
    """Write a preset with the networks of another one and entropy tables learned anew.

    Raises:
        CombinerError: the other preset is none of this kind.
    """
    kind: Kind = "image" if parsed.kind == "image" else "audio"
    try:
        model = networks_from(kind, *parsed_preset(parsed.networks.read_bytes()))
        before = asdict(Card.read(parsed.networks.with_suffix(".json")))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise CombinerError(f"{parsed.networks.name} is no model of this kind.") from error
    tables = _tables(parsed, _recipe(parsed), model.to(device))
    learned = {
        "arguments": without_paths(parsed, _PATHS),
        "data": [folder.name for folder in [*parsed.data, *parsed.music]],
        "networks": parsed.networks.stem,
        "machine": machine(parsed.device),
    }
    renewed = {
        "name": parsed.name,
        "id": parsed.id,
        "training": before["training"] | {"entropy_tables": learned},
    }
    card = MultiresPreset(Card(**(before | renewed)), model.cpu(), tables).save(parsed.out)
    print(f"wrote {card.name}: the networks of {parsed.networks.stem}", file=sys.stderr)


def _tables(parsed: argparse.Namespace, recipe: Recipe, model: Model) -> EntropyTables:
    """Entropy tables from examples, each at a noise scale of its own."""
    examples = recipe.examples(parsed.table_examples)
    finest, coarsest = (math.log2(noise / recipe.unit) for noise in recipe.noise_range)
    octaves = np.random.default_rng(parsed.seed).uniform(finest, coarsest, len(examples))
    indices = np.rint(NOISE_STEPS_PER_OCTAVE * octaves).astype(int).tolist()
    return learn_tables(model, examples, indices, parsed.seed)


def _quantise(model: Model, checkpoint: Path) -> None:
    try:
        quantise(model)
    except ValueError as error:
        raise CombinerError(f"The checkpoint {checkpoint.name} is unusable: {error}.") from error


def _card(
    parsed: argparse.Namespace, recipe: Recipe, saved: Checkpoint, validation: list[dict[str, Any]]
) -> Card:
    history = saved.history
    training: dict[str, Any] = {
        "arguments": without_paths(parsed, _PATHS),
        "data": [folder.name for folder in [*parsed.data, *parsed.music]],
        "validation_data": [folder.name for folder in parsed.validate],
        "sources": sources_of(parsed.sources),
        "warm_start": parsed.warm_start.stem if parsed.warm_start else None,
        "files": recipe.data.files,
        "config": saved.settings,
        "steps": history.done,
        "seconds": round(history.elapsed_s, 1),
        "machine": machine(parsed.device),
        "torch": torch.__version__,
        "curve": history.curve,
        "validation": validation,
    }
    is_image = isinstance(recipe, ImageRecipe)
    field = "Wavelets" if is_image else "Lapped cosines"
    signals = {"image": "photographs", "speech": "speech", "wide": "any sound"}[parsed.kind]
    return Card(
        name=parsed.name,
        id=parsed.id,
        family="multires",
        kind="image" if is_image else "audio",
        sha256="",
        nominal_bits=0.0,
        about=f"{field} with a conditional prior for {signals}, for every rate.",
        training=training,
        sample_rate=recipe.sample_rate if isinstance(recipe, AudioRecipe) else None,
    )
