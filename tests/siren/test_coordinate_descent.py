"""Prior learning: it improves, repeats and resumes exactly, and writes presets that load."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from signal_files import picture, tone
from tiny_presets import image_config, image_targets

from combiner_core.errors import PresetError
from combiner_core.presets import PresetLibrary
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.coordinate_descent import (
    CoordinateDescent,
    CoordinateDescentProgress,
    LearnedPrior,
)
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.hierarchical_prior import parts_of
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.preset import Framing
from combiner_core.siren.prior import RATE_UNITS_PER_BIT, FactorisedPrior

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
SHORT = image_config(updates=6)


def train(trainer: CoordinateDescent) -> LearnedPrior:
    *_, result = trainer.run()
    assert isinstance(result, LearnedPrior)
    return result


def tensors(prior: FactorisedPrior) -> tuple[bytes, bytes, bytes]:
    return prior.mean.tobytes(), prior.std.tobytes(), prior.rates.tobytes()


def test_quality_rises_and_the_rate_is_held() -> None:
    *events, result = CoordinateDescent(image_config(updates=45), image_targets()).run()
    curve = [event for event in events if isinstance(event, CoordinateDescentProgress)]
    assert [event.update for event in curve] == list(range(1, 46))
    assert curve[-1].psnr_db > curve[0].psnr_db + 3
    assert curve[-1].kl_bits == pytest.approx(1200, rel=0.25)
    assert isinstance(result, LearnedPrior)
    assert result.prior.nominal_bits == pytest.approx(1200, rel=0.25)
    assert result.prior.rates.max() <= 8 * RATE_UNITS_PER_BIT
    assert result.curve[-1] == curve[-1]


def test_training_is_deterministic_under_a_seed() -> None:
    first, again, other = (
        train(CoordinateDescent(replace(SHORT, seed=seed), image_targets())) for seed in (3, 3, 4)
    )
    assert tensors(first.prior) == tensors(again.prior)
    assert tensors(first.prior) != tensors(other.prior)


@pytest.mark.parametrize("done", [1, 4, 6])
def test_a_resumed_training_ends_the_same(done: int, tmp_path: Path) -> None:
    straight = train(CoordinateDescent(SHORT, image_targets()))
    checkpoint = tmp_path / "folder" / "tiny.safetensors"
    interrupted = CoordinateDescent(SHORT, image_targets(), checkpoint).run(save_every_s=0)
    for _ in range(done):
        next(interrupted)
    del interrupted
    *events, result = CoordinateDescent(SHORT, image_targets(), checkpoint).run()
    assert len(events) == SHORT.updates - done
    assert isinstance(result, LearnedPrior)
    assert tensors(result.prior) == tensors(straight.prior)
    assert len(result.curve) == len(straight.curve)
    elapsed_s = [progress.elapsed_s for progress in result.curve]
    assert elapsed_s == sorted(elapsed_s), "the time of both processes counts"
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_signals_that_differ_in_loudness_are_learned_under_scales_of_their_own(
    tmp_path: Path,
) -> None:
    network = SirenConfig(1, 1, 4, hidden=8, layers=3, encodings=PositionalEncodings(5, 3))
    config = replace(SHORT, network=network, rate_bits=300.0, updates=10, parts=2)
    rng, seconds = np.random.default_rng(0), np.arange(2000) / 8000
    targets = [
        FieldData.audio(gain * np.sin(2 * np.pi * cycles * seconds).astype(np.float32), 2000)
        for cycles in rng.uniform(4, 40, 3)
        for gain in (1.0, 0.02)
    ]
    checkpoint = tmp_path / "tones.safetensors"
    straight = train(CoordinateDescent(config, targets, checkpoint))
    parts, steps = parts_of(network), load_file(checkpoint)["scale_steps"]
    assert steps.shape == (6, int(parts.max()))
    own = np.unique(parts[Siren(network).groups["encodings"]]) - 1
    assert bool((steps[::2, own] > steps[1::2, own]).all())
    # what all signals have in common is of the prior: steps are rounded from a mean of 0
    assert bool((steps.sum(0).abs() <= 3).all())

    checkpoint.unlink()
    interrupted = CoordinateDescent(config, targets, checkpoint).run(save_every_s=0)
    for _ in range(6):
        next(interrupted)
    del interrupted
    assert tensors(train(CoordinateDescent(config, targets, checkpoint)).prior) == tensors(
        straight.prior
    )


@pytest.mark.parametrize("change", [{"rate_bits": 901.0}, {"seed": 1}, {"updates": 7}])
def test_a_checkpoint_of_other_settings_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    train(CoordinateDescent(SHORT, image_targets(), checkpoint))
    with pytest.raises(ValueError, match=r"checkpoint tiny\.safetensors belongs to other settings"):
        CoordinateDescent(replace(SHORT, **change), image_targets(), checkpoint)


def test_a_checkpoint_of_other_signals_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    train(CoordinateDescent(SHORT, image_targets(5), checkpoint))
    with pytest.raises(ValueError, match=r"tiny\.safetensors"):
        CoordinateDescent(SHORT, image_targets(4), checkpoint)


def test_a_lower_rate_starts_where_the_higher_one_ended(tmp_path: Path) -> None:
    checkpoint = tmp_path / "high.safetensors"
    high = image_config(updates=20)
    train(CoordinateDescent(high, image_targets(), checkpoint))
    low = replace(high, rate_bits=900.0, updates=1)
    cold = train(CoordinateDescent(low, image_targets())).curve[-1]
    warm = train(CoordinateDescent(low, image_targets(), warm_start=checkpoint)).curve[-1]
    assert warm.psnr_db > cold.psnr_db + 2


def test_the_rate_falls_from_the_first_to_the_one_asked_for() -> None:
    config = replace(image_config(updates=40), first_rate_factor=4.0)
    assert [config.rate_bits_at(update) for update in (0, 6, 12, 39)] == pytest.approx(
        [4800, 2400, 1200, 1200]
    )
    spent = []
    for each in (config, replace(config, first_rate_factor=1.0)):
        events = CoordinateDescent(each, image_targets()).run()
        early = [event for event, _ in zip(events, range(12), strict=False)]
        spent.append(max(e.kl_bits for e in early if isinstance(e, CoordinateDescentProgress)))
    assert spent[0] > 1.1 * spent[1]


def test_parts_are_learned_under_one_beta_and_come_whole() -> None:
    config = replace(SHORT, parts=2)
    train(CoordinateDescent(config, image_targets(4)))
    with pytest.raises(ValueError, match="5 signals are no whole of 2 parts each"):
        CoordinateDescent(config, image_targets(5))


@pytest.mark.parametrize(
    "change", [{"rate_bits": 0.0}, {"updates": 0}, {"steps_per_update": 0}, {"rate_bits": -1.0}]
)
def test_impossible_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        replace(SHORT, **change)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six small pictures."""
    data = tmp_path / "pictures"
    data.mkdir()
    for number in range(6):
        pixels = np.roll(picture(24, 36), 5 * number, axis=1)
        Image.fromarray(pixels).save(data / f"{number}.png")
    return data


def arguments(folder: Path, **changes: object) -> list[str]:
    """A command that takes a second."""
    settings = {
        "kind": "image", "data": folder, "rate": 0.004, "name": "small", "id": 9,
        "out": folder.parent / "presets", "checkpoint": folder.parent / "small.safetensors",
        "signals": 4, "textured-share": 1.0, "hidden": 8, "layers": 3, "frequencies": 5,
        "updates": 3, "steps-per-update": 5, "batch": 32, "device": "cpu",
    } | changes  # fmt: skip
    return ["train", "siren", *(str(x) for k, v in settings.items() for x in (f"--{k}", v))]


def test_the_command_writes_a_preset(folder: Path, run_cli: RunCli) -> None:
    done = run_cli(*arguments(folder))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["update"] for line in lines] == [1, 2, 3]
    keys = {"update", "updates", "psnr_db", "kl_bits", "beta", "elapsed_s"}
    assert all(set(line) == keys for line in lines)
    assert done.stderr == f"wrote small: {11 * 8 + 9 * 8 + 9 * 3} weights\n"

    library = PresetLibrary(folder.parent / "presets")
    (card,) = library.cards()
    assert (card.name, card.id, card.kind, card.family) == ("small", 9, "image", "siren")
    assert len(card.training["files"]) == 4
    assert str(folder.parent) not in json.dumps(card.training)
    codec = library.load(card)
    assert isinstance(codec, SirenCodec)
    preset = codec.preset
    assert len(preset.prior.mean) == 187
    assert preset.prior.nominal_bits == pytest.approx(card.nominal_bits, abs=0.05)

    tensors_file = folder.parent / "presets" / "small.safetensors"
    blob = bytearray(tensors_file.read_bytes())
    blob[-1] ^= 1
    tensors_file.write_bytes(blob)
    with pytest.raises(PresetError, match=r"^The preset small\.safetensors does not have the hash"):
        PresetLibrary(tensors_file.parent).load(card)
    tensors_file.unlink()
    with pytest.raises(PresetError, match=r"^The preset small\.safetensors is missing or damaged"):
        PresetLibrary(tensors_file.parent).load(card)


def test_the_command_learns_from_speech(tmp_path: Path, run_forked: RunCli) -> None:
    data = tmp_path / "clips"
    data.mkdir()
    for number in range(2):
        sf.write(data / f"{number}.wav", tone(50_000 + 100 * number, 16000)[0], 16000)
    sf.write(data / "short.wav", tone(3000, 16000)[0], 16000)
    done = run_forked(*arguments(data, kind="audio", rate=0.4, signals=2))
    assert done.returncode == 0, done.stderr
    library = PresetLibrary(tmp_path / "presets")
    (card,) = library.cards()
    codec = library.load(card)
    assert isinstance(codec, SirenCodec)
    assert codec.preset.framing == Framing(16000, 48000)
    assert (card.sample_rate, card.segment_samples) == (16000, 48000)
    assert "short.wav" not in card.training["files"]


def test_the_command_learns_from_segments_that_follow_each_other(
    tmp_path: Path, run_forked: RunCli
) -> None:
    data = tmp_path / "clips"
    data.mkdir()
    sf.write(data / "long.wav", tone(9000, 16000)[0], 16000)
    sf.write(data / "short.wav", tone(7000, 16000)[0], 16000)
    shape = {"kind": "audio", "rate": 4, "segment": 4000, "parts": 2, "first-rate": 2}
    done = run_forked(*arguments(data, **shape, signals=1))
    assert done.returncode == 0, done.stderr
    (card,) = PresetLibrary(tmp_path / "presets").cards()
    assert (card.sample_rate, card.segment_samples) == (16000, 4000)
    assert card.training["files"] == ["long.wav"]
    assert card.training["config"]["rate_bits"] == 1000
    assert "for 0.25 s" in card.about
    refused = run_forked(*arguments(data, **shape, signals=2))
    assert refused.returncode == 1
    assert "There are only 1 clips long enough, 2 are needed." in refused.stderr


def test_the_command_begins_with_the_prior_of_a_preset(tmp_path: Path, run_forked: RunCli) -> None:
    data = tmp_path / "clips"
    data.mkdir()
    for number in range(2):
        sf.write(data / f"{number}.wav", tone(6000 + 100 * number, 16000)[0], 16000)
    shape = {"kind": "audio", "rate": 4, "segment": 4000, "signals": 2, "updates": 3}
    assert run_forked(*arguments(data, **shape)).returncode == 0
    preset = tmp_path / "presets" / "small.json"
    goes_on = {
        "name": "larger",
        "id": 101,
        "warm-start": preset,
        "checkpoint": "second.safetensors",
    }
    encodings = {"encoding-nodes": 9, "encoding-frequencies": 2}
    done = run_forked(*arguments(data, **shape | goes_on | encodings))
    assert done.returncode == 0, done.stderr
    codec = PresetLibrary(preset.parent).named("larger", SirenCodec)
    assert codec.preset.field.encodings == PositionalEncodings(9, 2)
    assert codec.card.training["warm_start"] == "small"
    refused = run_forked(
        *arguments(data, **shape | goes_on | {"hidden": 9, "checkpoint": data / "3"})
    )
    assert refused.returncode == 1
    assert "the network of small is another one" in refused.stderr


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "nowhere"}, "There is no folder nowhere."),
        ({"signals": 7}, "There are only 6 images to choose 7 from."),
        ({"signals": 0}, ""),
        ({"hidden": 0}, "These settings do not work: "),
        ({"rate": -1}, "The rate must be a positive number."),
        ({"rate": "nan"}, "The rate must be a positive number."),
        ({"rate": "inf"}, "The rate must be a positive number."),
        ({"seed": -1}, "The seed must not be negative."),
        ({"tiles": 25}, ".png is too small for 25 tiles along each side."),
        ({"max-cycles": 0}, "These settings do not work: "),
        ({"updates": 0}, "These settings do not work: "),
        ({"id": 70000}, ""),
        ({"id": -1}, ""),
        ({"name": "../small"}, ""),
        ({"warm-start": "nowhere.safetensors"}, "nowhere.safetensors"),
        ({"warm-start": "pictures/0.png"}, "0.png"),
        ({"warm-start": "nowhere.json"}, "nowhere"),
        ({"checkpoint": "pictures/0.png"}, "0.png"),
    ],
    ids=str,
)
def test_the_command_refuses_what_cannot_work(
    changes: dict[str, object], words: str, folder: Path, run_forked: RunCli
) -> None:
    done = run_forked(*arguments(folder, **changes))
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("combiner: ")
    assert words in done.stderr
    assert str(folder.parent) not in done.stderr
    assert done.stdout == ""
    assert not list(folder.parent.rglob("*.json"))


@pytest.mark.parametrize("option", ["checkpoint", "warm-start"])
@pytest.mark.parametrize("metadata", [None, {"config": "null"}], ids=["bare", "other"])
def test_the_command_refuses_tensors_of_something_else(
    option: str, metadata: dict[str, str] | None, folder: Path, run_forked: RunCli
) -> None:
    file = folder.parent / "other.safetensors"
    save_file({"mean": torch.zeros(4, 3)}, file, metadata)
    content = file.read_bytes()
    done = run_forked(*arguments(folder, **{option: file}))
    assert done.returncode == 1
    assert "other.safetensors is no checkpoint of coordinate descent" in done.stderr
    assert done.stderr.count("\n") == 1
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", b'{"name": 3}', None], ids=["empty", *"abcd", "hash"]
)
def test_damaged_cards_are_refused(
    content: bytes | None, tiny_presets: Path, tmp_path: Path
) -> None:
    card = next(tiny_presets.glob("*.json"))
    if content is None:
        content = json.dumps(json.loads(card.read_text()) | {"sha256": "nonsense"}).encode()
    (tmp_path / "odd.json").write_bytes(content)
    library = PresetLibrary(tmp_path)
    with pytest.raises(PresetError, match=r"\. The preset card odd\.json is damaged\.$"):
        library.cards()
    assert library.damage() == ["The preset card odd.json is damaged."]
