"""`combiner train multires image-postfilter`: the postfilter of a preset of pictures learns on."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from combiner_core.devices import resolve
from combiner_core.errors import CombinerError
from combiner_core.multires.image.postfilter import Postfilter
from combiner_core.multires.model import ImageModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.coded_pictures import (
    CodedPicture,
    PictureExampleConfig,
    coded_picture,
    coded_pictures,
)
from combiner_core.multires.train.image_postfilter import (
    PicturePostfilterTrainConfig,
    PicturePostfilterTrainer,
    psnr_db,
)
from combiner_core.multires.train.learner import Checkpoint, resumed
from combiner_core.multires.train.postfilter_presets import (
    about,
    add_options,
    preset_from,
    with_postfilter,
)
from combiner_core.multires.train.recipes import read_data
from combiner_core.signals import Signal, load_image
from combiner_core.training import check_folders, check_preset, sources_of

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_REPORT_STEPS = _REPORT_EXAMPLES = 50
# at which pictures held out are measured
_VALIDATED_BPP = (0.1, 0.3, 0.8)


def add_to(kinds: Subparsers) -> None:
    """Add the command to a parser of kinds."""
    command = kinds.add_parser(
        "image-postfilter", help="what corrects pictures once they are decoded"
    )
    command.set_defaults(run=_train)
    add_options(command, PicturePostfilterTrainConfig(), "pictures")


def _train(parsed: argparse.Namespace) -> None:
    check_preset(parsed)
    check_folders([*parsed.data, *parsed.validate])
    sources_of(parsed.sources)
    preset = preset_from(parsed.networks, "pictures")
    if not isinstance(preset.model, ImageModel):
        raise CombinerError(f"{parsed.networks.name} is no model of pictures.")
    before = preset.model.postfilter
    try:
        config = PicturePostfilterTrainConfig(
            PictureExampleConfig(parsed.examples, seed=parsed.seed),
            steps=parsed.steps,
            batch=parsed.batch,
            fall=parsed.fall,
            seed=parsed.seed,
        )
        data = read_data(load_image, parsed.data, parsed.validate)
        if not parsed.export_only:
            for event in _events(parsed, config, preset, data.learned):
                print(json.dumps(event), flush=True)
        saved = Checkpoint.read(parsed.checkpoint)
    except ValueError as error:
        raise CombinerError(f"These settings do not work: {error}.") from error
    try:
        postfilter = Postfilter(before.config)
        postfilter.load_state_dict(saved.average)
    except RuntimeError as error:
        raise CombinerError(
            f"The checkpoint {parsed.checkpoint.name} is not of a postfilter of pictures."
        ) from error
    postfilter.requires_grad_(False).eval()
    validation = []
    for bpp in _VALIDATED_BPP:
        coded = [coded_picture(preset, each, bpp, device=parsed.device) for each in data.held_out]
        corrected = [each for each in coded if each is not None]
        if corrected:
            event = _validated(corrected, (before, postfilter), bpp, resolve(parsed.device))
            validation.append(event)
            print(json.dumps(event), flush=True)
    learned = about(parsed, data, saved, validation)
    card = with_postfilter(preset, postfilter, parsed.name, parsed.id, learned).save(parsed.out)
    print(f"wrote {card.name}: the networks of {parsed.networks.stem}", file=sys.stderr)


def _events(
    parsed: argparse.Namespace,
    config: PicturePostfilterTrainConfig,
    preset: MultiresPreset,
    pictures: Sequence[Signal],
) -> Iterator[dict[str, Any]]:
    """What is reported of the making of the examples and of the training."""
    # refused before minutes are spent on examples
    resumed(parsed.checkpoint, asdict(config))
    examples, started_s = list[CodedPicture](), time.monotonic()
    for example in coded_pictures(preset, pictures, config.examples, parsed.device):
        examples.append(example)
        if len(examples) % _REPORT_EXAMPLES == 0:
            elapsed_s = round(time.monotonic() - started_s, 3)
            yield {"examples": len(examples), "elapsed_s": elapsed_s}
    assert isinstance(preset.model, ImageModel)
    trainer = PicturePostfilterTrainer(
        config, preset.model.postfilter, examples, parsed.checkpoint, resolve(parsed.device)
    )
    for progress in trainer.run():
        if progress.step == progress.steps or progress.step % _REPORT_STEPS == 0:
            yield asdict(progress)


def _validated(
    pictures: Sequence[CodedPicture],
    postfilters: tuple[Postfilter, Postfilter],
    bpp: float,
    device: torch.device,
) -> dict[str, float]:
    """PSNR of pictures held out at a rate, with the postfilter of before and the new one."""
    before, after = (round(psnr_db(each.to(device), pictures), 3) for each in postfilters)
    return {"bpp": bpp, "pictures": len(pictures), "before_db": before, "after_db": after}
