"""Learning a prior of audio: it improves, repeats and resumes exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import soundfile as sf
import torch
from tiny_presets import MULTIRES_AUDIO

from combiner_core.multires.audio.prior import AudioPriorConfig
from combiner_core.multires.model import AudioModel
from combiner_core.multires.preset import networks_from
from combiner_core.multires.train.audio import AudioTrainConfig, AudioTrainer
from combiner_core.multires.train.recipes import middle_of, parts_of, read_music
from combiner_core.multires.train.sounds import (
    Choice,
    Clips,
    Mixture,
    Noises,
    Notes,
    Samples,
    Source,
    wide_source,
)
from combiner_core.multires.train.validation import ideal_result, mean_rates
from combiner_core.presets import parsed

TINY = AudioTrainConfig(AudioPriorConfig(32, (8, 8)), steps=6, batch=2, frames=12)
RATE = 16_000


def melody(samples: int = 40_000, seed: int = 5) -> Samples:
    return Notes(RATE).draw(samples, np.random.default_rng(seed))


def source() -> Source:
    return Clips([melody(), melody(9_000, 6)])


def state(trainer: AudioTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.prior.state_dict().items()}


def finish(config: AudioTrainConfig, checkpoint: Path | None = None) -> dict[str, torch.Tensor]:
    trainer = AudioTrainer(config, source(), checkpoint)
    events = list(trainer.run())
    assert not events or events[-1].step == config.steps
    return state(trainer)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def negative_elbo_bits(trainer: AudioTrainer, clip: Samples, noise: float) -> float:
    result = ideal_result(trainer.prior, clip, noise)
    squares = len(clip) * 4 * 10 ** (-result.psnr_db / 10)
    return float(result.kl_bits + squares / (2 * noise**2) / np.log(2))


def test_the_elbo_of_unseen_sound_rises() -> None:
    quiet = Clips([melody(), melody(9_000, 6)], gains=(0.02, 0.05))
    trainer = AudioTrainer(replace(TINY, steps=60, batch=4), quiet)
    clip = 0.03 * melody(8_000, 77)
    before = negative_elbo_bits(trainer, clip, 0.004)
    events = list(trainer.run())
    assert [event.step for event in events] == list(range(1, 61))
    assert events[-1].loss_nats < events[0].loss_nats
    assert negative_elbo_bits(trainer, clip, 0.004) < 0.25 * before


def test_ideal_results_follow_the_noise_scale() -> None:
    trainer = AudioTrainer(replace(TINY, steps=60, batch=4), source())
    for _ in trainer.run():
        pass
    clip = melody(8_000, 77)
    coarse, fine = (ideal_result(trainer.prior, clip, noise) for noise in (0.016, 0.002))
    assert coarse.kl_bits < fine.kl_bits
    assert coarse.psnr_db < fine.psnr_db
    # no more error than the noise scale itself, which is the deviation of a weight left to chance
    assert fine.psnr_db > 20 * np.log10(2 / 0.002)
    kbps, psnr_db = mean_rates(trainer.prior, [clip], RATE, 0.016)
    assert kbps == pytest.approx(coarse.kl_bits / 0.5 / 1000)
    assert psnr_db == pytest.approx(coarse.psnr_db)


def test_training_is_deterministic_under_a_seed() -> None:
    assert same(finish(TINY), finish(TINY))
    assert not same(finish(TINY), finish(replace(TINY, seed=1)))


def test_training_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    finish(TINY)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("done", [1, 4, 6])
def test_a_resumed_training_ends_the_same(done: int, tmp_path: Path) -> None:
    straight = finish(TINY)
    checkpoint = tmp_path / "folder" / "tiny.safetensors"
    interrupted = AudioTrainer(TINY, source(), checkpoint).run(save_every=1)
    for _ in range(done):
        next(interrupted)
    del interrupted
    resumed = AudioTrainer(TINY, source(), checkpoint)
    assert len(list(resumed.run())) == TINY.steps - done
    assert same(state(resumed), straight)
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_a_training_goes_on_with_more_steps(tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    constant = replace(TINY, fall=0)
    finish(replace(constant, steps=4), checkpoint)
    assert same(finish(constant, checkpoint), finish(constant))


def test_a_warm_start_brings_what_bands_of_the_same_size_have_learned(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.safetensors"
    learned = finish(TINY, earlier)
    wider = replace(TINY, prior=AudioPriorConfig(64, (8, 8, 4)))
    started = state(AudioTrainer(wider, source(), warm_start=earlier))
    assert all(torch.equal(started[name], value) for name, value in learned.items())
    other = replace(TINY, prior=AudioPriorConfig(32, (8, 4)))
    part = state(AudioTrainer(other, source(), warm_start=earlier))
    fresh = state(AudioTrainer(other, source()))
    assert all(
        torch.equal(value, (learned if name.startswith("bands.0.") else fresh)[name])
        for name, value in part.items()
    )
    with pytest.raises(ValueError, match=r"^nowhere is missing or no checkpoint$"):
        AudioTrainer(other, source(), warm_start=tmp_path / "nowhere")


def test_wider_networks_begin_as_those_they_are_warm_started_from(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.safetensors"
    trainer = AudioTrainer(TINY, source(), earlier)
    for _ in trainer.run():
        pass
    wider = replace(TINY, prior=AudioPriorConfig(32, (12, 12)))
    grown = AudioTrainer(wider, source(), warm_start=earlier)
    one, other = (
        ideal_result(prior, melody(4_000, 77), 0.004) for prior in (trainer.prior, grown.prior)
    )
    assert other.kl_bits == pytest.approx(one.kl_bits, rel=1e-5)
    assert other.psnr_db == pytest.approx(one.psnr_db, abs=1e-4)


def test_a_preset_is_a_warm_start_too(multires_presets: Path) -> None:
    preset = multires_presets / f"{MULTIRES_AUDIO}.safetensors"
    model = networks_from("audio", *parsed(preset.read_bytes()))
    assert isinstance(model, AudioModel)
    trainer = AudioTrainer(replace(TINY, prior=model.config.prior), source(), warm_start=preset)
    assert same(state(trainer), dict(model.prior.state_dict()))


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, {"seed": 1}, {"frames": 7}])
def test_a_checkpoint_of_other_settings_is_refused(
    change: dict[str, float], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    finish(TINY, checkpoint)
    with pytest.raises(ValueError, match=r"checkpoint tiny\.safetensors belongs to other settings"):
        AudioTrainer(replace(TINY, **change), source(), checkpoint)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"\xff" * 64])
def test_a_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    checkpoint.write_bytes(content)
    with pytest.raises(ValueError, match=r"^tiny\.safetensors is missing or no checkpoint$"):
        AudioTrainer(TINY, source(), checkpoint)


def test_another_file_of_tensors_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"mean": torch.zeros(3)}, checkpoint)
    with pytest.raises(
        ValueError, match=r"checkpoint other\.safetensors belongs to other settings"
    ):
        AudioTrainer(TINY, source(), checkpoint)


def test_pieces_with_shaped_noise_are_learned_from_too() -> None:
    shaped = replace(TINY, shaped=0.5)
    assert same(finish(shaped), finish(shaped))
    assert not same(finish(shaped), finish(TINY))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        AudioTrainConfig(frames=0)


@pytest.mark.parametrize(
    "sound",
    [
        source(),
        Notes(48_000),
        Noises(),
        Mixture([source(), Notes(48_000), Noises()]),
        Choice([(0.5, source()), (0.5, Noises())]),
        wide_source([melody()], [melody(9_000, 6)], 48_000),
    ],
    ids=lambda sound: type(sound).__name__,
)
@pytest.mark.parametrize("samples", [1_000, 33_000])
def test_pieces_are_sound_and_repeat_under_a_seed(sound: Source, samples: int) -> None:
    pieces = [sound.draw(samples, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    for piece in pieces:
        assert piece.shape == (samples,)
        assert piece.dtype == np.float32
        assert float(np.abs(piece).max()) <= 1
        assert bool(np.isfinite(piece).all())
    np.testing.assert_array_equal(pieces[0], pieces[1])
    assert not np.array_equal(pieces[0], pieces[2])


def test_of_stereo_music_both_what_is_alike_and_what_differs_is_learned(tmp_path: Path) -> None:
    left, right = melody(24_000), melody(24_000, 6)
    sf.write(tmp_path / "piece.flac", np.stack([left, right], 1), 24_000)
    piece = read_music(tmp_path / "piece.flac")
    assert (piece.sample_rate, piece.samples) == (48_000, 48_000)
    same, differing = parts_of(piece)
    np.testing.assert_allclose(same[::2], (left + right) / 2, atol=0.02)
    np.testing.assert_allclose(differing[::2], ((left - right) / 2)[:6_000], atol=0.02)
    assert len(parts_of(middle_of(piece))) == 1


def test_speed_changes_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
    piece = Clips([tone], speeds=(2.0, 2.0), gains=(0.5, 0.5)).draw(4_000, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(piece))
    assert int(spectrum.argmax()) * RATE / 4_000 == pytest.approx(1_000, abs=5)
    assert float(np.abs(piece[500:-500]).max()) == pytest.approx(0.5, abs=0.02)
