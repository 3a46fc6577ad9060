"""`combiner train multires sound-postfilter`: learn a postfilter for a preset of sound."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.multires.audio.postfilter import SoundPostfilter, SoundPostfilterConfig
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.learner import Checkpoint, resumed
from combiner_core.multires.train.postfilter_presets import (
    about,
    add_options,
    preset_from,
    with_postfilter,
)
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
from combiner_core.signals import resample
from combiner_core.training import add_music, check_folders, check_preset, sources_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SPEEDS, _GAINS = (0.85, 1.18), (0.4, 1.8)
_REPORT_STEPS = _REPORT_EXAMPLES = 50
# of what is held out, seconds of each clip
_VALIDATED_S = 3


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
    add_options(command, PostfilterTrainConfig(), "sound")
    add_music(command)


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
    learned = about(parsed, data, saved, validation)
    card = with_postfilter(preset, postfilter, parsed.name, parsed.id, learned).save(parsed.out)
    print(f"wrote {card.name}: the networks of {parsed.networks.stem}", file=sys.stderr)


def _preset(path: Path) -> tuple[MultiresPreset, AudioModel]:
    """A preset of sound, and its model.

    Raises:
        PresetError: its card is damaged.
        CombinerError: it is none.
    """
    preset = preset_from(path, "sound")
    model = preset.model
    if not isinstance(model, AudioModel) or model.config.sample_rate not in _KINDS:
        raise CombinerError(f"{path.name} is no model of sound.")
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
