"""The plugin for Pillow: open and save `.cmb` images as any other."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from encoding import set_effort
from PIL import Image, UnidentifiedImageError
from signal_files import picture, tone

import combiner_core as cc
import combiner_core.pillow
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresEffort

PIXELS = picture(24, 40)
PICTURE = Image.fromarray(PIXELS)


@pytest.fixture(autouse=True)
def tiny_multires_presets(multires_presets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    for name in ("fast", "balanced"):
        effort = MultiresEffort(states=8, latent_steps=0)
        set_effort(monkeypatch, multires_codec, name, effort)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    PICTURE.save(tmp_path / "a.cmb", bytes=300, effort="fast")
    return tmp_path / "a.cmb"


def test_a_picture_is_saved_and_opened(file: Path) -> None:
    assert 280 < file.stat().st_size <= 300
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with Image.open(file) as image:
            assert (image.format, image.mode, image.size) == ("CMB", "RGB", (40, 24))
            pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels, cc.decompress(file).values)
    assert np.asarray(Image.open(io.BytesIO(file.read_bytes()))).shape == (24, 40, 3)


def test_opening_decodes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    decode = combiner_core.pillow.decode
    monkeypatch.setattr(
        combiner_core.pillow, "decode", lambda data: calls.append(data) or decode(data)
    )
    image = Image.open(file)
    assert image.size == (40, 24)
    assert not calls
    image.load()
    image.load()
    image.copy()
    assert len(calls) == 1


def test_budgets_and_other_settings_are_those_of_compress(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.cmb", bpp=2.5, effort="fast", seed=7, quality=75)
    assert 280 < (tmp_path / "a.cmb").stat().st_size <= 300
    assert cc.inspect((tmp_path / "a.cmb").read_bytes()).seed == 7
    stream = io.BytesIO()
    PICTURE.save(stream, "CMB", bytes=200, effort="fast", optimise_latents=False)
    assert 185 < len(stream.getvalue()) <= 200


def test_a_refusal_leaves_no_file(tmp_path: Path) -> None:
    for settings, error in (
        ({}, cc.BudgetError),
        ({"bytes": 3}, cc.BudgetError),
        ({"bytes": 99, "effort": "more"}, cc.CombinerError),
    ):
        with pytest.raises(error):
            PICTURE.save(tmp_path / "a.cmb", **settings)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_other_modes_are_saved_as_they_look(mode: str, tmp_path: Path) -> None:
    image = PICTURE.convert(mode)
    image.save(tmp_path / "a.cmb", bytes=300, effort="fast")
    expected = cc.compress(image.convert("RGB"), bytes=300, effort="fast")
    assert (tmp_path / "a.cmb").read_bytes() == expected


def test_what_is_no_image_is_not_identified(file: Path) -> None:
    content = file.read_bytes()
    damaged = bytearray(content)
    damaged[-9] ^= 1
    clip = cc.compress(tone(800, 8000).T, sample_rate=8000, bytes=120, effort="fast")
    for data in (bytes(damaged), content[:-20], content[:10], b"CMBR", bytes(clip)):
        with pytest.raises(UnidentifiedImageError):
            Image.open(io.BytesIO(data))


def test_a_file_of_an_unknown_model_opens_and_says_what_is_missing(
    file: Path, tiny_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(tiny_presets))
    image = Image.open(file)
    with pytest.raises(cc.PresetError, match="which is not here"):
        image.load()
