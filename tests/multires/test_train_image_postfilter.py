"""Learning the postfilter of pictures further: its examples, steps that resume, the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding import encoded
from PIL import Image
from signal_files import picture
from tiny_presets import image_model

from combiner_core import Budget, EncodeOptions, PresetLibrary, Signal, load
from combiner_core.cli import main
from combiner_core.multires.codec import MultiresCodec
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
from combiner_core.options import TuneName
from combiner_core.presets import DEFAULT_DIRECTORY

IMAGE = DEFAULT_DIRECTORY / "multires-image.safetensors"
TINY = PicturePostfilterTrainConfig(PictureExampleConfig(3), steps=4, batch=2, side=16)


def osprey(height: int, width: int, top: int = 300) -> Signal:
    """A part of a photograph."""
    whole = load(DEFAULT_DIRECTORY.parent / "examples" / "osprey.png").values
    return Signal.image(np.ascontiguousarray(whole[top : top + height, 300 : 300 + width]))


def shipped() -> MultiresPreset:
    shape = Signal.image(picture(64, 64)).shape
    codec = PresetLibrary(DEFAULT_DIRECTORY).choose("multires-image", shape, 1000)
    assert isinstance(codec, MultiresCodec)
    return codec.preset


def postfilter_of(preset: MultiresPreset) -> Postfilter:
    assert isinstance(preset.model, ImageModel)
    return preset.model.postfilter


def example(seed: int) -> CodedPicture:
    """A picture whose every second column became darker by the coder."""
    generator = np.random.default_rng(seed)
    original = np.ascontiguousarray(picture(40, 56).transpose(2, 0, 1))
    pixels = original.astype(np.float16)
    pixels[..., ::2] -= 8
    channels = image_model().postfilter.config.context
    context = generator.integers(0, 99, (channels, 10, 14)).astype(np.int16)
    return CodedPicture(original, pixels, context, np.zeros((2, 10, 14), np.int8), 3.0)


EXAMPLES = [example(seed) for seed in range(3)]


def finish(
    config: PicturePostfilterTrainConfig, checkpoint: Path | None = None
) -> PicturePostfilterTrainer:
    trainer = PicturePostfilterTrainer(config, image_model().postfilter, EXAMPLES, checkpoint)
    assert [event.step for event in trainer.run()][-1:] in ([], [config.steps])
    return trainer


def same(one: PicturePostfilterTrainer, other: PicturePostfilterTrainer) -> bool:
    both = (trainer.postfilter.state_dict() for trainer in (one, other))
    return all(torch.equal(*pair) for pair in zip(*(state.values() for state in both), strict=True))


@pytest.mark.parametrize("tune", ["psnr", "perceptual"])
def test_examples_are_what_the_decoder_gives(tune: TuneName) -> None:
    signal = osprey(61, 43)
    coded = coded_picture(shipped(), signal, 1.5, tune)
    assert coded is not None
    assert coded.size == (61, 43)
    assert np.array_equal(coded.original.transpose(1, 2, 0), signal.values)
    assert coded.context.shape[1:] == coded.steps.shape[1:] == (16, 11)
    error = coded.pixels.astype(np.float32) - coded.original
    assert float(np.square(error).mean()) < float(np.var(signal.values))


def test_an_example_after_the_postfilter_is_the_decoded_picture() -> None:
    signal, preset = osprey(64, 48), shipped()
    coded = coded_picture(preset, signal, 2.0)
    assert coded is not None
    options = EncodeOptions("multires", effort="fast", device="cpu")
    result = encoded(signal, Budget(2.0, "bpp"), PresetLibrary(DEFAULT_DIRECTORY), options)
    assert psnr_db(postfilter_of(preset), [coded]) == pytest.approx(result.psnr_db, abs=0.1)


def test_examples_are_random_by_their_number_alone() -> None:
    pictures = [osprey(64, 96, top) for top in (200, 250, 300, 350)]
    config = PictureExampleConfig(4, rates_bpp=(1.5, 2.5))
    several = list(coded_pictures(shipped(), pictures, config))
    fewer = list(coded_pictures(shipped(), pictures, replace(config, count=2)))
    assert 0 < len(fewer) <= len(several)
    for one, other in zip(fewer, several, strict=False):
        assert np.array_equal(one.pixels, other.pixels)
    tiny = PictureExampleConfig(4, rates_bpp=(0.001, 0.001))
    assert not list(coded_pictures(shipped(), pictures, tiny))


def test_a_piece_has_what_belongs_to_it() -> None:
    piece = EXAMPLES[0].piece(8, 16, 24, 18)
    assert piece.size == (24, 18)
    assert np.array_equal(piece.pixels, EXAMPLES[0].pixels[:, 8:32, 16:34])
    assert np.array_equal(piece.context, EXAMPLES[0].context[:, 2:8, 4:9])


def test_steps_bring_pictures_nearer_to_their_originals() -> None:
    config = replace(TINY, steps=60, fall=0, learning_rate=3e-3)
    start = image_model().postfilter
    trainer = PicturePostfilterTrainer(config, start, EXAMPLES)
    events = list(trainer.run())
    assert [event.step for event in events] == list(range(1, 61))
    assert events[-1].loss_nats < events[0].loss_nats
    assert psnr_db(trainer.postfilter, EXAMPLES) > psnr_db(start, EXAMPLES) + 0.5
    assert psnr_db(None, EXAMPLES) == pytest.approx(10 * np.log10(255**2 / 32), abs=1.5)


def test_training_is_deterministic_under_a_seed() -> None:
    assert same(finish(TINY), finish(TINY))
    assert not same(finish(TINY), finish(replace(TINY, seed=1)))


@pytest.mark.parametrize("done", [1, 4])
def test_a_resumed_training_ends_the_same(done: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "folder" / "small.safetensors"
    interrupted = PicturePostfilterTrainer(
        TINY, image_model().postfilter, EXAMPLES, checkpoint
    ).run(save_every=1)
    for _ in range(done):
        next(interrupted)
    del interrupted
    assert same(finish(TINY, checkpoint), finish(TINY))


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "small.safetensors"
    finish(replace(TINY, steps=1), checkpoint)
    with pytest.raises(ValueError, match=r"small\.safetensors belongs to other settings"):
        finish(replace(TINY, seed=1), checkpoint)
    with pytest.raises(ValueError, match="there must be examples of 64 x 64"):
        finish(replace(TINY, side=64))
    for wrong in ({"batch": 0}, {"side": 20}):
        with pytest.raises(ValueError, match=r"must be positive|no multiple of 8"):
            replace(TINY, **wrong)
    with pytest.raises(ValueError, match="must be positive"):
        PictureExampleConfig(0)


def test_the_command_lets_a_postfilter_learn_on(tmp_path: Path) -> None:
    for folder in ("learned", "held-out"):
        (tmp_path / folder).mkdir()
        Image.fromarray(osprey(256, 264, 200).values).save(tmp_path / folder / "picture.png")
    made = {
        "--networks": IMAGE,
        "--data": tmp_path / "learned",
        "--validate": tmp_path / "held-out",
    }
    written = {"--out": tmp_path, "--checkpoint": tmp_path / "checkpoint", "--name": "new"}
    counts = {"--id": 99, "--examples": 1, "--steps": 2, "--batch": 1, "--device": "cpu"}
    options = [str(part) for pair in (made | written | counts).items() for part in pair]
    assert main(["train", "multires", "image-postfilter", *options]) == 0
    codec = PresetLibrary(tmp_path).choose("new", Signal.image(picture(64, 64)).shape, 10_000)
    assert isinstance(codec, MultiresCodec)
    before, after = (postfilter_of(preset).state_dict() for preset in (shipped(), codec.preset))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    learned = codec.card.training["postfilter"]
    assert learned["steps"] == 2
    assert [point["bpp"] for point in learned["validation"]] == [0.1, 0.3, 0.8]
    assert all(point["pictures"] == 1 for point in learned["validation"])
