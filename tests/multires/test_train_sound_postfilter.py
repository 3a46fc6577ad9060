"""Learning the postfilter of speech: its loss, its examples, steps that resume, the command."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_presets import audio_model, untrained_tables

from combiner_core import PresetLibrary, load
from combiner_core.cli import main
from combiner_core.families import OneCodec
from combiner_core.multires.audio import bands
from combiner_core.multires.audio.postfilter import SoundPostfilterConfig
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.train.sound_postfilter import (
    CodedClip,
    ExampleConfig,
    PostfilterTrainConfig,
    PostfilterTrainer,
    coded_clip,
    mean_losses,
)
from combiner_core.multires.train.sounds import Noises, Notes, Samples
from combiner_core.multires.train.spectral_loss import SpectralLoss, mel_bands, similarity
from combiner_core.options import EncodeOptions
from combiner_core.presets import DEFAULT_DIRECTORY
from combiner_core.signals import Signal

RATE, FRAMES, HOP = 16_000, 12, 384
READER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "reader-163.flac"
SPEECH = DEFAULT_DIRECTORY / "multires-speech.safetensors"
TINY = PostfilterTrainConfig(
    SoundPostfilterConfig((8, 8, 8)), ExampleConfig(3), steps=4, batch=2, frames=FRAMES
)


def melody(samples: int = 16_000, seed: int = 5) -> Samples:
    return Notes(RATE).draw(samples, np.random.default_rng(seed))


def example(seed: int) -> CodedClip:
    """A melody that was spoiled by as much noise as its deviations say."""
    generator = np.random.default_rng(seed)
    samples = 2 * FRAMES * HOP + 50
    original = melody(samples, seed)
    original *= 0.1 / original.std()
    noise = 0.02 * generator.standard_normal((2, samples))
    deviations = np.full((2 * FRAMES + 2, len(bands.spans(HOP))), 0.02, np.float32)
    clips = (original, original + noise[0], original + noise[1])
    whole, sound, unfilled = (clip.astype(np.float16) for clip in clips)
    return CodedClip(whole, sound, unfilled, deviations, -7.0)


EXAMPLES = [example(seed) for seed in range(3)]


def finish(config: PostfilterTrainConfig, checkpoint: Path | None = None) -> PostfilterTrainer:
    trainer = PostfilterTrainer(config, EXAMPLES, RATE, checkpoint)
    assert [event.step for event in trainer.run()][-1:] in ([], [config.steps])
    return trainer


def same(one: PostfilterTrainer, other: PostfilterTrainer) -> bool:
    both = (trainer.postfilter.state_dict() for trainer in (one, other))
    return all(torch.equal(*pair) for pair in zip(*(state.values() for state in both), strict=True))


def test_the_loss_grows_from_nothing_with_the_noise() -> None:
    loss, generator = SpectralLoss(RATE), torch.Generator().manual_seed(0)
    clips = torch.from_numpy(np.stack([melody(), Noises().draw(16_000, np.random.default_rng(1))]))
    noise = torch.randn(clips.shape, generator=generator) * clips.std(1, keepdim=True)
    losses = [loss(clips + share * noise, clips) for share in (0, 0.01, 0.1, 1)]
    torch.testing.assert_close(losses[0], torch.zeros(2), atol=1e-5, rtol=0)
    for less, more in itertools.pairwise(losses):
        assert bool((less < more).all())


def test_the_loss_is_the_same_at_any_loudness() -> None:
    loss, clips = SpectralLoss(RATE), torch.from_numpy(melody())[None]
    decoded = clips + 0.1 * clips.std() * torch.randn(1, 16_000)
    torch.testing.assert_close(loss(0.2 * decoded, 0.2 * clips), loss(decoded, clips))


def test_silence_has_gradients() -> None:
    decoded = torch.zeros(1, 4000, requires_grad=True)
    loss = SpectralLoss(RATE)(decoded, torch.zeros(1, 4000)).sum()
    loss.backward()
    assert decoded.grad is not None
    assert bool(torch.isfinite(decoded.grad).all())


def test_similarity_is_one_of_equal_levels_alone() -> None:
    levels = 20 * torch.rand(2, 10, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(similarity(levels, levels), torch.ones(2))
    assert bool((similarity(levels, levels.flip(2)) < 0.9).all())


def test_mel_bands_are_narrow_ones_first_and_sum_to_one() -> None:
    weights = mel_bands(RATE, 257, 40)
    torch.testing.assert_close(weights.sum(1), torch.ones(40))
    middles = weights @ torch.arange(257.0)
    assert bool((middles.diff() > 0).all())
    assert float(middles[-1] - middles[-2]) > 3 * float(middles[1] - middles[0])


def test_steps_make_decoded_clips_more_like_their_originals() -> None:
    config = replace(TINY, steps=40, fall=0, learning_rate=5e-3)
    trainer = PostfilterTrainer(config, EXAMPLES[:1], RATE)
    events = list(trainer.run())
    assert [event.step for event in events] == list(range(1, 41))
    assert events[-1].loss < events[0].loss
    before, after = mean_losses(trainer.postfilter, EXAMPLES[:1], SpectralLoss(RATE))
    assert after < 0.97 * before


def test_training_is_deterministic_under_a_seed() -> None:
    assert same(finish(TINY), finish(TINY))
    assert not same(finish(TINY), finish(replace(TINY, seed=1)))


@pytest.mark.parametrize("done", [1, 4])
def test_a_resumed_training_ends_the_same(done: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "folder" / "small.safetensors"
    interrupted = PostfilterTrainer(TINY, EXAMPLES, RATE, checkpoint).run(save_every=1)
    for _ in range(done):
        next(interrupted)
    del interrupted
    assert same(finish(TINY, checkpoint), finish(TINY))


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "small.safetensors"
    finish(replace(TINY, steps=1), checkpoint)
    with pytest.raises(ValueError, match=r"small\.safetensors belongs to other settings"):
        finish(replace(TINY, seed=1), checkpoint)
    for config, examples in ((TINY, []), (replace(TINY, frames=100), EXAMPLES)):
        with pytest.raises(ValueError, match="there must be examples"):
            PostfilterTrainer(config, examples, RATE)
    with pytest.raises(ValueError, match="must be positive"):
        replace(TINY, batch=0)
    with pytest.raises(ValueError, match="must be positive"):
        ExampleConfig(0)


def test_examples_are_what_the_decoder_gives() -> None:
    model = audio_model()
    preset = MultiresPreset.unsaved(model, untrained_tables(model))
    clip = coded_clip(preset, 0.02 * melody(8000), 12)
    assert clip.original.shape == clip.sound.shape == clip.unfilled.shape == (8000,)
    hop = model.config.prior.hop
    assert clip.deviations.shape == (8000 // hop + 1, len(bands.spans(hop)))
    signal = Signal.audio(clip.original[None].astype(np.float32), model.config.sample_rate)
    codec = OneCodec(MultiresCodec(preset))
    options = EncodeOptions("multires", device="cpu")
    shape = codec.choose(options.model, signal.shape, 1.0).card
    assert shape.kind == "audio"
    # noise is what fills: without it the clip is off by less
    original, sound, unfilled = (
        part.astype(np.float32) for part in (clip.original, clip.sound, clip.unfilled)
    )
    errors = [float(np.square(part - original).mean()) for part in (unfilled, sound)]
    assert errors[0] < errors[1] < float(np.square(original).mean())


def test_the_command_gives_a_preset_its_postfilter(tmp_path: Path) -> None:
    readers = sorted((DEFAULT_DIRECTORY.parent / "examples").glob("reader-*.flac"))
    for folder, reader in zip(("learned", "held-out"), readers, strict=True):
        (tmp_path / folder).mkdir()
        shutil.copy(reader, tmp_path / folder)
    made = {
        "--networks": SPEECH,
        "--data": tmp_path / "learned",
        "--validate": tmp_path / "held-out",
    }
    written = {"--out": tmp_path, "--checkpoint": tmp_path / "checkpoint", "--name": "new"}
    counts = {"--id": 99, "--examples": 2, "--steps": 2, "--batch": 1, "--device": "cpu"}
    options = [str(part) for pair in (made | written | counts).items() for part in pair]
    assert main(["train", "multires", "sound-postfilter", *options]) == 0
    codec = PresetLibrary(tmp_path).choose("new", load(readers[0]).shape, 10_000)
    assert isinstance(codec, MultiresCodec)
    assert isinstance(codec.preset.model, AudioModel)
    assert codec.preset.model.postfilter is not None
    assert codec.card.training["postfilter"]["steps"] == 2
