"""The sets of files that are made or fetched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from benchmarks.datasets import graphics, music
from combiner_core import load
from combiner_core.errors import CombinerError

RunCli = Callable[..., subprocess.CompletedProcess[str]]


def test_graphics_are_twelve_and_the_same_every_time(
    run_benchmarks: RunCli, tmp_path: Path
) -> None:
    names = list(graphics.draw_all(tmp_path / "here"))
    done = run_benchmarks("graphics", "--out", "there")
    assert done.returncode == 0, done.stderr
    assert len(names) == 12
    pictures = [load(tmp_path / "here" / f"{name}.png") for name in names]
    for name, picture in zip(names, pictures, strict=True):
        again = load(tmp_path / "there" / f"{name}.png")
        assert np.array_equal(picture.values, again.values)
        assert (picture.width, picture.height) == (graphics.WIDTH, graphics.HEIGHT)
    # what tells graphics from photographs: most pixels are exactly like their neighbours
    for picture in pictures:
        level = picture.values.astype(int)
        flat = (np.diff(level, axis=1) == 0).all(-1).mean()
        assert flat > 0.4
    assert len({picture.values.tobytes() for picture in pictures}) == 12


def write_tone(path: Path, duration_s: float, sample_rate: int = 44100) -> None:
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    tone = np.sin(2 * np.pi * 440 * t) * np.linspace(0.1, 0.5, t.size)
    sf.write(path, np.stack([tone, 0.5 * tone], 1), sample_rate)


def test_an_excerpt_is_mono_at_48_khz(tmp_path: Path) -> None:
    write_tone(tmp_path / "long.flac", 50)
    sound = music.excerpt(tmp_path / "long.flac")
    assert (sound.channels, sound.sample_rate) == (1, 48000)
    assert sound.samples == 6 * 48000
    # the level rises with time: from the 40th second of 50 on
    assert np.abs(sound.values[:, :4800]).max() == pytest.approx(0.75 * 0.42, abs=0.02)
    write_tone(tmp_path / "short.flac", 2)
    assert music.excerpt(tmp_path / "short.flac").samples == 2 * 48000


def test_pieces_that_are_there_are_not_fetched(tmp_path: Path) -> None:
    assert len(music.PIECES) == len({piece.name for piece in music.PIECES}) == 12
    for piece in music.PIECES:
        (tmp_path / f"{piece.name}.flac").touch()
    assert list(music.fetch(tmp_path)) == []


def test_what_cannot_be_fetched_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CombinerError, match=r"^The package [a-z-]+ cannot be had: .*\.$"):
        list(music.fetch(tmp_path / "music"))
