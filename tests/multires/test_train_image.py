"""Learning the image model: it improves, resumes exactly, and ends in a preset that codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
from PIL import Image
from signal_files import tone
from tiny_presets import image_model, untrained_tables

from combiner_core import Budget, Encoded, EncodeOptions, Signal, decode, encode
from combiner_core.cli import main
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.image.postfilter import PostfilterConfig
from combiner_core.multires.image.prior import ImagePriorConfig
from combiner_core.multires.model import ImageModel, ImageModelConfig, quantise
from combiner_core.multires.train.crops import Crops
from combiner_core.multires.train.entropy_tables import learn_tables
from combiner_core.multires.train.image import ImageTrainConfig, ImageTrainer
from combiner_core.multires.train.learner import Schedule
from combiner_core.multires.train.validation import ideal_image_result, mean_image_rates
from combiner_core.presets import PresetLibrary

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]

MODEL = ImageModelConfig(
    ImagePriorConfig((24, 8, 8), (1, 1, 1), (6, 4, 4)), PostfilterConfig((8, 8, 8), (1, 2, 1), 24)
)
TINY = ImageTrainConfig(
    MODEL, steps=6, learning_rate=3e-3, warm_up=1, fall=2, batch=2, crop=64, window=64, overview=80
)


def photograph(seed: int, height: int = 96, width: int = 110) -> np.ndarray:
    """Smooth shapes in several colours, and some texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.full((height, width, 3), 120.0)
    for _ in range(12):
        slope, place = rng.normal(size=2), rng.uniform(0, [width, height])
        edge = np.tanh((slope @ np.stack([(x - place[0]).ravel(), (y - place[1]).ravel()])) / 2)
        pixels += edge.reshape(height, width, 1) * rng.normal(0, 18, 3)
    pixels += rng.normal(0, 3, (height, width, 1))
    return pixels.clip(0, 255).astype(np.uint8)


PHOTOGRAPHS = [photograph(seed) for seed in range(4)]


def state(trainer: ImageTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def finish(config: ImageTrainConfig, checkpoint: Path | None = None) -> dict[str, torch.Tensor]:
    trainer = ImageTrainer(config, PHOTOGRAPHS, checkpoint)
    for _ in trainer.run():
        pass
    return state(trainer)


def negative_elbo_bits(model: ImageModel, pixels: np.ndarray, noise: float) -> float:
    result = ideal_image_result(model, pixels, noise)
    squares = pixels.size * 255**2 * 10 ** (-result.psnr_db / 10)
    return float(result.kl_bits + squares / (2 * noise**2) / np.log(2))


def test_the_elbo_of_an_unseen_picture_rises() -> None:
    trainer = ImageTrainer(replace(TINY, steps=80, overview=0), PHOTOGRAPHS)
    unseen = photograph(99, 61, 47)
    before = negative_elbo_bits(trainer.model, unseen, 7.0)
    events = list(trainer.run())
    assert [event.step for event in events] == list(range(1, 81))
    assert events[-1].loss_nats < events[0].loss_nats
    assert negative_elbo_bits(trainer.model, unseen, 7.0) < 0.985 * before


def test_a_training_can_go_on_for_longer(tmp_path: Path) -> None:
    """Learning rates have fallen by then, but rise again."""
    checkpoint = tmp_path / "tiny.safetensors"
    finish(TINY, checkpoint)
    longer = ImageTrainer(replace(TINY, steps=9, fall=1), PHOTOGRAPHS, checkpoint)
    assert [event.step for event in longer.run()] == [7, 8, 9]


def test_training_is_deterministic_under_a_seed() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    first = finish(TINY)
    assert torch.equal(torch.rand(3), expected)
    assert same(first, finish(TINY))
    assert not same(first, finish(replace(TINY, seed=1)))


@pytest.mark.parametrize("done", [1, 4])
def test_a_resumed_training_ends_the_same(done: int, tmp_path: Path) -> None:
    straight = finish(TINY)
    checkpoint = tmp_path / "folder" / "tiny.safetensors"
    interrupted = ImageTrainer(TINY, PHOTOGRAPHS, checkpoint).run(save_every=1)
    for _ in range(done):
        next(interrupted)
    del interrupted
    resumed = ImageTrainer(TINY, PHOTOGRAPHS, checkpoint)
    assert [event.step for event in resumed.run()] == list(range(done + 1, TINY.steps + 1))
    assert same(state(resumed), straight)
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_a_warm_start_begins_where_another_training_ended(tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    ended = finish(TINY, checkpoint)
    other = replace(TINY, seed=5)
    assert same(state(ImageTrainer(other, PHOTOGRAPHS, warm_start=checkpoint)), ended)
    wider = replace(TINY, model=replace(MODEL, prior=replace(MODEL.prior, widths=(24, 8, 12))))
    with pytest.raises(ValueError, match=r"^the checkpoint tiny\.safetensors is of another model$"):
        ImageTrainer(wider, PHOTOGRAPHS, warm_start=checkpoint)
    with pytest.raises(ValueError, match=r"^nowhere is missing or no checkpoint$"):
        ImageTrainer(TINY, PHOTOGRAPHS, warm_start=tmp_path / "nowhere")


def test_checkpoints_of_other_settings_or_damaged_ones_are_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "tiny.safetensors"
    finish(TINY, checkpoint)
    with pytest.raises(ValueError, match=r"checkpoint tiny\.safetensors belongs to other settings"):
        ImageTrainer(replace(TINY, seed=1), PHOTOGRAPHS, checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"^tiny\.safetensors is missing or no checkpoint$"):
        ImageTrainer(TINY, PHOTOGRAPHS, checkpoint)


@pytest.mark.parametrize(
    "make",
    [
        lambda: replace(TINY, steps=0),
        lambda: replace(TINY, batch=0),
        lambda: replace(TINY, crop=72),
        lambda: replace(TINY, window=96),
        lambda: replace(TINY, window=32),
        lambda: replace(TINY, overview=41),
        lambda: ImagePriorConfig((8, 8), (1,), (4, 4)),
        lambda: ImagePriorConfig((8, 8), (1, 1), (4, 5)),
    ],
)
def test_impossible_settings_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"positive|odd|does not fit|stages"):
        make()


def test_learning_rates_rise_and_stay_and_fall() -> None:
    schedule = Schedule(100, 0.5, 10, 20)
    rates = [schedule.at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[9:81] == pytest.approx([0.5] * 72)
    assert all(a > b > 0 for a, b in pairwise(rates[80:]))


def test_crops_leave_out_what_teaches_nothing() -> None:
    flat = np.full((80, 80, 3), 90, np.uint8)
    assert len(Crops([flat, *PHOTOGRAPHS, photograph(7, 30, 90)], 32)) == len(PHOTOGRAPHS)
    for pictures in ([], [flat], [photograph(7, 30, 90)]):
        with pytest.raises(ValueError, match=r"^no picture of 32 x 32 pixels or more has any"):
            Crops(pictures, 32)


@pytest.mark.parametrize("side", [8, 32, 72])
def test_crops_are_pictures_and_repeat_under_a_seed(side: int) -> None:
    crops = Crops(PHOTOGRAPHS, side)
    drawn = [[crops.draw(np.random.default_rng(s)) for s in range(t, t + 20)] for t in (0, 0, 50)]
    for piece in drawn[0]:
        assert piece.shape == (side, side, 3)
        assert piece.dtype == np.float32
        assert 0 <= piece.min() <= piece.max() <= 255
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_richer_pictures_are_drawn_more_often() -> None:
    calm, lively = (
        (128 + amplitude * np.random.default_rng(0).standard_normal((40, 40, 3))).astype(np.uint8)
        for amplitude in (6, 25)
    )
    crops, generator = Crops([calm, lively], 16), np.random.default_rng(1)
    spreads = np.array([crops.draw(generator).std() for _ in range(200)])
    assert (spreads > 12).mean() > 0.55


def test_a_quantised_model_is_nearly_as_good() -> None:
    trainer = ImageTrainer(replace(TINY, steps=20), PHOTOGRAPHS)
    for _ in trainer.run():
        pass
    bpp, psnr_db = mean_image_rates(trainer.model, PHOTOGRAPHS[:2], 10.0)
    assert bpp > 0
    assert psnr_db > 20
    quantise(trainer.model)
    quantised_bpp, _ = mean_image_rates(trainer.model, PHOTOGRAPHS[:2], 10.0)
    assert quantised_bpp == pytest.approx(bpp, rel=0.1)


def test_tables_are_learned_alike_from_the_same_signals() -> None:
    model = image_model()
    signals = [Signal.image(pixels) for pixels in PHOTOGRAPHS[:2]]
    learned, again = (learn_tables(model, signals, [850, 700]) for _ in range(2))
    np.testing.assert_array_equal(learned.probabilities, again.probabilities)
    assert not np.array_equal(learned.probabilities, untrained_tables(model).probabilities)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photographs to learn from, and some others."""
    for name, seeds in (("photographs", range(4)), ("others", range(8, 10))):
        (tmp_path / name).mkdir()
        for seed in seeds:
            Image.fromarray(photograph(seed)).save(tmp_path / name / f"{seed}.png")
    return tmp_path / "photographs"


def arguments(folder: Path, kind: str = "image", **changes: object) -> list[str]:
    """A command that takes few steps."""
    settings = {
        "data": folder, "validate": folder.parent / "others", "name": "small", "id": 9,
        "out": folder.parent / "presets", "checkpoint": folder.parent / "small.safetensors",
        "steps": 3, "batch": 1, "crop": 64, "device": "cpu",
    } | changes  # fmt: skip
    given = (str(x) for k, v in settings.items() if v is not None for x in (f"--{k}", v))
    return ["train", "multires", kind, *given]


def test_the_command_writes_a_preset_that_codes(folder: Path, run_cli: RunCli) -> None:
    done = run_cli(*arguments(folder, **{"validate-every": 2}))
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    (progress,) = [line for line in lines if "steps" in line]
    assert (progress["step"], progress["steps"]) == (3, 3)
    validation = [line for line in lines if "steps" not in line]
    keys = {"step", "quantised", "noise", "bpp", "psnr_db"}
    assert all(set(line) == keys for line in validation)
    assert {(line["step"], line["quantised"]) for line in validation} == {
        (2, False),
        (3, False),
        (3, True),
    }
    assert done.stderr.startswith("wrote small: ")
    assert done.stderr.endswith(" parameters after 3 steps\n")

    library = PresetLibrary(folder.parent / "presets")
    (card,) = library.cards()
    assert (card.name, card.id, card.kind, card.family) == ("small", 9, "image", "multires")
    assert card.training["files"] == [f"{number}.png" for number in range(4)]
    assert card.training["validation"] == validation[-len(validation) * 2 // 3 :]
    assert [step for step, _ in card.training["curve"]] == [1, 2, 3]
    assert str(folder.parent) not in json.dumps(card.training)
    assert isinstance(library.load(card), MultiresCodec)

    signal = Signal.image(photograph(3, 33, 40))
    options = EncodeOptions("small", "fast", device="cpu")
    *_, result = encode(signal, Budget(400, "bytes"), options, library)
    assert isinstance(result, Encoded)
    assert 390 <= len(result.data) <= 400
    decoded = decode(result.data, device="cpu", models=library)
    np.testing.assert_array_equal(decoded.values, result.reconstruction.values)

    blob = (folder.parent / "presets" / "small.safetensors").read_bytes()
    again = run_cli(*arguments(folder, out=folder.parent / "again"), "--export-only")
    assert again.returncode == 0, again.stderr
    assert (folder.parent / "again" / "small.safetensors").read_bytes() == blob


def test_networks_of_a_preset_get_tables_from_other_examples(folder: Path) -> None:
    assert main(arguments(folder, **{"table-examples": 1})) == 0
    first, again = folder.parent / "presets" / "small.safetensors", folder.parent / "again"
    changes = {"checkpoint": None, "networks": first, "table-examples": 5}
    assert main(arguments(folder, name="anew", id=10, out=again, **changes)) == 0
    libraries = [PresetLibrary(path.parent) for path in (first, again / "anew.safetensors")]
    cards = [library.cards()[0] for library in libraries]
    assert (cards[1].name, cards[1].id) == ("anew", 10)
    assert cards[1].training["curve"] == cards[0].training["curve"]
    assert cards[1].training["entropy_tables"]["networks"] == "small"
    presets = [library.load(card).preset for library, card in zip(libraries, cards, strict=True)]
    assert same(*(preset.model.state_dict() for preset in presets))
    few, more = (preset.tables.confidences for preset in presets)
    assert more.sum(dtype=int) > few.sum(dtype=int)


@pytest.mark.long
def test_the_command_learns_from_speech(tmp_path: Path, run_cli: RunCli) -> None:
    data = tmp_path / "clips"
    data.mkdir()
    for number in range(3):
        sf.write(data / f"{number}.wav", tone(20_000 + 100 * number, 16000)[0], 16000)
    command = arguments(data, "speech", validate=None, crop=8)
    done = run_cli(*command)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["step"] == 3
    assert "kbps" in done.stdout
    library = PresetLibrary(tmp_path / "presets")
    (card,) = library.cards()
    assert (card.kind, card.sample_rate) == ("audio", 16000)
    # the first of every twelve is held out
    assert card.training["files"] == ["1.wav", "2.wav"]
    assert isinstance(library.load(card), MultiresCodec)


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("image", {"data": "nowhere"}, "There is no folder nowhere."),
        ("image", {"validate": "nowhere"}, "There is no folder nowhere."),
        ("image", {"validate": "empty"}, "There are too few files in the folders."),
        ("image", {"data": "texts"}, "note.txt cannot be read"),
        ("image", {"batch": 0}, "These settings do not work: "),
        ("image", {"crop": 72}, "does not fit in 72"),
        ("image", {"crop": 128}, "no picture of 128 x 128 pixels or more has any texture"),
        ("image", {"steps": 0}, "must be positive"),
        ("image", {"validate-every": 0}, "must be positive"),
        ("image", {"table-examples": 0}, "must be positive"),
        ("image", {"id": 70000}, "70000 is not between"),
        ("image", {"name": "../small"}, "other signs"),
        ("image", {"checkpoint": "photographs/0.png"}, "0.png is missing or no checkpoint"),
        ("image", {"warm-start": "nowhere"}, "nowhere is missing or no checkpoint"),
        ("speech", {"music": "photographs"}, "--music is for the wide model"),
        ("wide", {"music": "nowhere"}, "There is no folder nowhere."),
        ("wide", {"sources": "nowhere"}, "nowhere cannot be read as text."),
    ],
    ids=str,
)
def test_the_command_refuses_what_cannot_work(
    kind: str,
    changes: dict[str, object],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder.parent)
    for name in ("empty", "texts"):
        (folder.parent / name).mkdir()
    (folder.parent / "texts" / "note.txt").write_text("no picture")
    assert main(arguments(folder, kind, **changes)) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("combiner: ")
    assert words in error
    assert str(folder.parent) not in error
