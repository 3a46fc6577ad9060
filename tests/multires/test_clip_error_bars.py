"""Error bars of clips: what a decoder expects of each band of each frame, and what came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from signal_files import tone

import combiner_core as cc
from combiner_core.multires.audio import bands
from combiner_core.multires.audio.mdct import analyse

EXAMPLE = Path(__file__).resolve().parents[2] / "assets" / "examples" / "reader-125.flac"
HOP = 384


# Without levels of noise, at low rates, the quietest bands are expected to be off by twice as much.
@pytest.mark.parametrize(("tune", "kbps"), [("psnr", 32), ("perceptual", 8), ("perceptual", 32)])
def test_errors_are_as_large_as_expected(tune: Literal["psnr", "perceptual"], kbps: float) -> None:
    clip = cc.load(EXAMPLE)
    file = cc.compress(clip, kbps=kbps, tune=tune, effort="fast", device="cpu")
    expected = cc.uncertainty(file, device="cpu")
    difference = cc.decompress(file, device="cpu").values - clip.values
    measured = bands.sums(analyse(torch.from_numpy(difference), HOP).square())
    counts = np.broadcast_to(bands.widths(HOP).numpy(), expected.shape)
    assert measured.shape == expected.shape
    foretold, found = counts * np.square(expected), measured.numpy()
    for part in np.array_split(np.argsort(expected, axis=None), 5):
        ratio = np.sqrt(found.flat[part].sum() / foretold.flat[part].sum())
        assert 0.6 < ratio < 1.5


def test_silent_and_equal_channels_are_known_exactly(multires_presets: Path) -> None:
    library = cc.PresetLibrary(multires_presets)
    sound = tone(4000, 16000, 1)[0]
    clip = cc.Signal.audio(np.stack([sound, 0 * sound, sound]), 16000)
    file = cc.compress(clip, bytes=400, effort="fast", device="cpu", models=library)
    left, silent, right = cc.uncertainty(file, device="cpu", models=library)
    assert (left > 0).all()
    assert (silent == 0).all()
    assert np.array_equal(left, right)
    silence = cc.Signal.audio(0 * clip.values, 16000)
    file = cc.compress(silence, bytes=400, effort="fast", device="cpu", models=library)
    assert np.array_equal(cc.uncertainty(file, models=library), np.zeros((3, 1, 1)))


def test_the_command_writes_a_map(
    run_cli: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    run_cli(
        "encode", EXAMPLE, "-o", "clip.cmb", "--kbps", "8", "--effort", "fast", "--device", "cpu"
    )
    done = run_cli(
        "decode", "clip.cmb", "-o", "clip.wav", "--uncertainty", "map.png", "--device", "cpu"
    )
    assert done.returncode == 0, done.stderr
    expected = cc.uncertainty((tmp_path / "clip.cmb").read_bytes(), device="cpu")[0]
    levels = np.asarray(Image.open(tmp_path / "map.png"))[..., 0]
    frames = expected.shape[0]
    assert levels.shape == (len(bands.spans(HOP)), frames)
    np.testing.assert_allclose(levels[::-1].T, 255 + 40 * np.log10(expected), atol=0.51)
