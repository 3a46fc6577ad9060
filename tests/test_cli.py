"""The command line, in processes of its own: what it prints, leaves behind and returns."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from signal_files import image_bytes, picture, tone
from tiny_presets import AUDIO, IMAGE, file_of_noise

from combiner_core import PresetLibrary, bitstream, decode, load, psnr_db
from combiner_core.bitstream import AudioShape, ImageShape

SIREN = ("--model", "siren")

Completed = subprocess.CompletedProcess[str]
RunCli = Callable[..., Completed]


@pytest.fixture
def library(tiny_presets: Path) -> PresetLibrary:
    return PresetLibrary(tiny_presets)


@pytest.fixture
def cli(run_cli: RunCli, tiny_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_cli` with the tiny presets."""
    monkeypatch.setenv("COMBINER_PRESETS", str(tiny_presets))
    return run_cli


@pytest.fixture
def forked(run_forked: RunCli, tiny_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_forked` with the tiny presets: for what ends before anything is computed."""
    monkeypatch.setenv("COMBINER_PRESETS", str(tiny_presets))
    return run_forked


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(image_bytes(picture(), "PNG"))
    return path


@pytest.fixture
def cmb_file(tmp_path: Path, library: PresetLibrary) -> Path:
    path = tmp_path / "photo.cmb"
    path.write_bytes(file_of_noise(ImageShape(40, 24), library))
    return path


def answer(done: Completed) -> dict[str, Any]:
    """The one JSON object on standard output."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    answer: dict[str, Any] = json.loads(done.stdout, parse_constant=pytest.fail)  # no NaN
    return answer


def refusal(done: Completed, tmp_path: Path, *outputs: str) -> str:
    """The sentence of a refusal that leaves nothing behind."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    message = done.stderr.removeprefix("combiner: ").rstrip("\n")
    assert message != done.stderr.rstrip("\n")
    assert message.endswith(".")
    assert "Traceback" not in message
    assert str(tmp_path) not in message
    assert tmp_path.name not in message
    assert not [name for name in outputs if (tmp_path / name).exists()]
    assert not list(tmp_path.rglob("*.part"))
    return message


def test_a_picture_there_and_back(
    cli: RunCli, photo_file: Path, tmp_path: Path, library: PresetLibrary
) -> None:
    result = answer(
        cli(
            "encode",
            photo_file,
            "-o",
            "out.cmb",
            *SIREN,
            "--bytes",
            180,
            "--effort",
            "fast",
            "--json",
        )
    )
    assert set(result) == {
        "bytes",
        "bpp",
        "psnr_db",
        "kl_bits",
        "side_bits",
        "model",
        "notes",
        "seconds",
        "device",
    }
    assert set(result["seconds"]) == {"load", "fit", "code", "total"}
    data = (tmp_path / "out.cmb").read_bytes()
    assert 179 <= len(data) == result["bytes"] <= 180
    assert result["bpp"] == 8 * len(data) / 960
    assert (result["model"], result["device"]) == (IMAGE, "cpu")
    assert result["kl_bits"] > 0

    shown = answer(cli("decode", "out.cmb", "-o", "back.png", "--json"))
    assert {"width", "height", "seconds"} <= set(shown)
    assert (shown["width"], shown["height"]) == (40, 24)
    assert set(shown["seconds"]) == {"load", "decode", "total"}
    original, back = load(photo_file), load(tmp_path / "back.png")
    assert np.abs(back.values.astype(int) - decode(data, models=library).values).max() <= 1
    assert psnr_db(original, back) == pytest.approx(result["psnr_db"], abs=0.05)


def test_a_clip_there_and_back(cli: RunCli, tmp_path: Path) -> None:
    sf.write(tmp_path / "clip.wav", tone(4410, 11025)[0], 11025)
    result = answer(
        cli("encode", "clip.wav", "-o", "out.cmb", *SIREN, "--kbps", 3.2, "--effort", "fast",
            "--rec", "astar", "--seed", 5, "--json")
    )  # fmt: skip
    assert set(result) == {
        "bytes",
        "kbps",
        "psnr_db",
        "kl_bits",
        "side_bits",
        "model",
        "notes",
        "seconds",
        "device",
    }
    assert 159 <= result["bytes"] <= 160
    assert result["kbps"] == pytest.approx(8 * result["bytes"] / 400)
    assert result["model"] == AUDIO
    shown = answer(cli("decode", "out.cmb", "-o", "back.wav", "--json"))
    assert {"samples", "sample_rate", "seconds"} <= set(shown)
    assert (shown["samples"], shown["sample_rate"]) == (4410, 11025)
    assert sf.info(tmp_path / "back.wav").frames == 4410


def test_people_get_text(cli: RunCli, cmb_file: Path) -> None:
    done = cli("decode", cmb_file, "-o", "out.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["width", "height", "seconds"]


def test_info_and_models(cli: RunCli, cmb_file: Path) -> None:
    info = answer(cli("info", cmb_file, "--json"))
    assert (info["width"], info["height"], info["model"], info["seed"]) == (40, 24, IMAGE, 1)
    assert info["bytes"] == cmb_file.stat().st_size
    assert info["payload_bytes"] == info["present_payload_bytes"] == 150
    models = answer(cli("models", "--json"))["models"]
    assert {model["name"] for model in models} == {IMAGE, AUDIO}
    text = cli("models")
    assert (text.returncode, text.stdout.count("\n")) == (0, 2)


def test_part_of_a_file_at_another_size(cli: RunCli, cmb_file: Path, tmp_path: Path) -> None:
    cmb_file.write_bytes(cmb_file.read_bytes()[:-60])
    assert answer(cli("info", cmb_file, "--json"))["present_payload_bytes"] == 94
    shown = answer(
        cli("decode", cmb_file, "-o", "big.png", "--fraction", 0.5, "--scale", 2, "--json")
    )
    assert (shown["width"], shown["height"]) == (80, 48)
    assert Image.open(tmp_path / "big.png").size == (80, 48)


def test_bad_usage_ends_with_two(forked: RunCli, photo_file: Path, tmp_path: Path) -> None:
    for arguments in (
        [],
        ["encode", photo_file, "-o", "out.cmb"],
        ["encode", photo_file, "-o", "out.cmb", "--bytes", 100, "--bpp", 1],
        ["encode", photo_file, "-o", "out.cmb", "--bytes", "many"],
        ["decode", "in.cmb"],
    ):
        done = forked(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "usage:" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.cmb").exists()


BAD_INPUTS: dict[str, Callable[[Path], object]] = {
    "empty.png": lambda path: path.touch(),
    "text.png": lambda path: path.write_text("This is not a picture."),
    "cut.png": lambda path: path.write_bytes(image_bytes(picture(60, 60), "PNG")[:-900]),
    "dot.png": lambda path: path.write_bytes(image_bytes(np.zeros((1, 1, 3), np.uint8), "PNG")),
    "none.wav": lambda path: sf.write(path, np.zeros(0), 8000),
    "nan.wav": lambda path: sf.write(path, np.full(8000, np.nan), 8000, subtype="FLOAT"),
    "missing.png": lambda path: None,
    "folder.png": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_signals_are_refused(name: str, forked: RunCli, tmp_path: Path) -> None:
    BAD_INPUTS[name](tmp_path / name)
    done = forked("encode", tmp_path / name, "-o", "out.cmb", *SIREN, "--bytes", 100, "--json")
    assert name in refusal(done, tmp_path, "out.cmb")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bytes", 5], "A budget of 5 bytes is too small"),
        (["--bytes", 0], "A budget of 0 bytes is not a positive number."),
        (["--bytes", "9" * 400], "is not sensible"),
        (["--bytes", 10**6], "The model can use at most about"),
        (["--kbps", 6], "Bits per second are for audio"),
        (["--bytes", 100, "--model", "nonsense"], "There is no model named nonsense"),
        (["--bytes", 100, "--model", AUDIO], "is for audio, not for image"),
        (["--bytes", 100, "--seed", -1], "The seed -1 is not a number from 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_requests_are_refused(
    arguments: list[str | int], words: str, forked: RunCli, photo_file: Path, tmp_path: Path
) -> None:
    done = forked("encode", photo_file, "-o", "out.cmb", *SIREN, *arguments)
    assert words in refusal(done, tmp_path, "out.cmb")


def _change(place: int, value: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([value]) + data[place + 1 :]


def _other_prior(data: bytes) -> bytes:
    container = bitstream.read(data)
    fields = {**container.header.__dict__, "prior_hash": 0}
    return bitstream.write(bitstream.Header(**fields), container.payload)


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "not a .cmb file"),
    "text": (lambda data: b"hello, this is text", "not a .cmb file"),
    "version": (_change(4, 9), "has format version 9"),
    "damaged": (_change(60, 0), "is damaged"),
    "prior": (_other_prior, "another version of the model"),
    "cut": (lambda data: data[:-40], "is cut short"),
    "header": (lambda data: data[:12], "ends within its header"),
    "longer": (lambda data: data + b"x", "1 bytes after its end"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_bad_files_are_refused(name: str, forked: RunCli, cmb_file: Path, tmp_path: Path) -> None:
    damage, words = DAMAGE[name]
    cmb_file.write_bytes(damage(cmb_file.read_bytes()))
    done = forked("decode", cmb_file, "-o", "out.png", "--json")
    assert words in refusal(done, tmp_path, "out.png")


def test_missing_files_are_named(forked: RunCli, tmp_path: Path) -> None:
    for command in (["decode", tmp_path / "gone.cmb", "-o", "out.png"], ["info", "gone.cmb"]):
        assert "gone.cmb" in refusal(forked(*command), tmp_path, "out.png")


def test_a_folder_that_is_not_there_is_refused_at_once(
    forked: RunCli, photo_file: Path, cmb_file: Path, tmp_path: Path
) -> None:
    request = ("encode", photo_file, "-o", "no/out.cmb", *SIREN, "--bytes", 100)
    done = forked(*request, "--effort", "best", timeout_s=40)
    assert "out.cmb" in refusal(done, tmp_path, "no")
    done = forked("decode", cmb_file, "-o", "no/out.png")
    assert "out.png" in refusal(done, tmp_path, "no")


def test_an_older_output_survives_a_failure(
    forked: RunCli, photo_file: Path, cmb_file: Path, tmp_path: Path
) -> None:
    for name in ("old.cmb", "old.png", "old.txt"):
        (tmp_path / name).write_text("precious")
    refusal(forked("encode", photo_file, "-o", "old.cmb", *SIREN, "--bytes", 10**6), tmp_path)
    refusal(forked("decode", cmb_file, "-o", "old.txt"), tmp_path)
    refusal(forked("decode", cmb_file, "-o", "old.png", "--scale", 1e9), tmp_path)
    for name in ("old.cmb", "old.png", "old.txt"):
        assert (tmp_path / name).read_text() == "precious"


def test_sound_is_not_written_as_a_picture(
    forked: RunCli, tmp_path: Path, library: PresetLibrary
) -> None:
    (tmp_path / "clip.cmb").write_bytes(file_of_noise(AudioShape(2000, 1, 8000), library, 60))
    done = forked("decode", "clip.cmb", "-o", "out.png")
    assert "out.png" in refusal(done, tmp_path, "out.png")
