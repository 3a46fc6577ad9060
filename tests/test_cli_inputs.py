"""The command line and what people give it: videos, animations, deep pictures, words about them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media_files import tones, video_bytes
from PIL import Image
from signal_files import audio_bytes, image_bytes, picture

import combiner_core as cc
from combiner_core import PresetLibrary

RunCli = Callable[..., subprocess.CompletedProcess[str]]
FAST = ("--effort", "fast", "--json", "--device", "cpu")


@pytest.fixture
def cli(run_forked: RunCli, multires_presets: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """`run_forked` with the small multires presets."""
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    return run_forked


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_sound_of_a_video_or_a_frame_of_it(cli: RunCli, tmp_path: Path) -> None:
    film = video_bytes([(200, 30, 20)] * 5 + [(20, 30, 200)] * 5, sound=tones("mono"))
    (tmp_path / "clip.mp4").write_bytes(film)
    sound = answer(cli("encode", "clip.mp4", "-o", "sound.cmb", "--bytes", 900, *FAST))
    assert sound["kbps"] > 0
    assert sound["notes"][0].startswith("It is a video: its sound was used")
    frame = answer(
        cli("encode", "clip.mp4", "-o", "frame.cmb", "--bytes", 400, "--frame", 0.7, *FAST)
    )
    assert frame["bpp"] > 0
    assert frame["notes"] == [
        "It is a video: its frame at 0.70 s was used, and its sound left out."
    ]
    info = answer(cli("info", "frame.cmb", "--json"))
    assert (info["width"], info["height"]) == (64, 48)
    late = cli("encode", "clip.mp4", "-o", "late.cmb", "--bytes", 400, "--frame", 9, *FAST)
    assert late.returncode == 1
    assert late.stderr == "combiner: clip.mp4 lasts 1.00 s: it has no frame at 9 s.\n"


def test_notes_are_printed_for_people_too(cli: RunCli, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "blue", "lime", "black")]
    content = image_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])
    (tmp_path / "film.gif").write_bytes(content)
    done = cli("encode", "film.gif", "-o", "film.cmb", "--bytes", 400, "--effort", "fast")
    assert done.returncode == 0, done.stderr
    assert "note           1 of its 4 frames was used: number 1." in done.stdout.splitlines()


def test_words_are_kept_on_request(cli: RunCli, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x13B], exif[0x132] = "(c) Ann", "Ann", "2019:01:01 00:00:00"
    (tmp_path / "photo.jpg").write_bytes(image_bytes(picture(), "JPEG", exif=exif))
    plain = answer(cli("encode", "photo.jpg", "-o", "plain.cmb", "--bytes", 400, *FAST))
    assert plain["notes"] == [
        "Details of the file that are not kept: copyright, author, date, EXIF."
    ]
    kept = answer(
        cli("encode", "photo.jpg", "-o", "kept.cmb", "--bytes", 400, "--keep-metadata", *FAST)
    )
    assert kept["notes"][0] == "Details of the file that are kept: copyright, author, date."
    assert kept["bytes"] <= 400
    known = {"copyright": "(c) Ann", "author": "Ann", "date": "2019:01:01 00:00:00"}
    assert known.items() <= answer(cli("info", "kept.cmb", "--json")).items()
    assert not known.keys() & answer(cli("info", "plain.cmb", "--json")).keys()
    assert "copyright      (c) Ann" in cli("info", "kept.cmb").stdout.splitlines()
    assert (tmp_path / "plain.cmb").read_bytes()[4] == 2


def test_a_picture_of_16_bits_there_and_back(
    cli: RunCli, tmp_path: Path, multires_presets: Path
) -> None:
    y, x = np.mgrid[0:24, 0:40]
    deep = (np.stack([x * 3 + y, y * 5 + x, x + y], -1) * 90 + 3000).astype(np.uint16)
    cc.save(cc.Signal.image(deep), tmp_path / "deep.png")
    answer(cli("encode", "deep.png", "-o", "deep.cmb", "--bytes", 600, *FAST))
    answer(cli("decode", "deep.cmb", "-o", "out.png", "--depth", 16, "--json"))
    assert (tmp_path / "out.png").read_bytes()[24] == 16
    library = PresetLibrary(multires_presets)
    expected = cc.decode((tmp_path / "deep.cmb").read_bytes(), models=library, depth=16).deep
    got = cc.load(tmp_path / "out.png").deep
    assert got is not None
    assert expected is not None
    assert np.abs(got.astype(int) - expected.astype(int)).max() <= 1
    answer(cli("decode", "deep.cmb", "-o", "shallow.png", "--json"))
    assert (tmp_path / "shallow.png").read_bytes()[24] == 8
    assert cli("decode", "deep.cmb", "-o", "x.png", "--depth", 12).returncode == 2


def test_the_face_tells_what_was_left_out(tmp_path: Path, multires_presets: Path) -> None:
    loud = (4 * tones("mono", 16000, 4000)).astype(np.float32)
    content = audio_bytes(loud, 16000, "WAV", "FLOAT")
    options: dict[str, Any] = {"effort": "fast", "device": "cpu"}
    file = cc.compress(content, bytes=400, models=PresetLibrary(multires_presets), **options)
    (note,) = file.encoded.notes
    assert note.endswith("of its samples were clipped to full scale: they reach 1.6.")
    film = video_bytes([(200, 30, 20)] * 3)
    frame = cc.compress(
        film, bytes=300, frame_s=0.2, models=PresetLibrary(multires_presets), **options
    )
    assert frame.encoded.reconstruction.kind == "image"
