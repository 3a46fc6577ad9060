"""What visitors type and hand in, as the server takes it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import pytest

import combiner_core as cc
from combiner_core.bitstream import MAGIC
from demo.settings import Settings
from demo.ui import inputs, parts


@pytest.mark.parametrize(
    ("typed", "taken"), [(0, 1), (-7.5, 1), (40, 40), (33.5, 33.5), (500, 100), (None, 100)]
)
def test_any_number_will_do_for_a_slider(typed: float | None, taken: float) -> None:
    assert parts.prefix_slider("percent").preprocess(typed) == taken


@pytest.mark.parametrize(
    ("typed", "taken"), [(-11, -10), (-6.3, -6.5), (-6.2, -6), (9, -2), (None, -4)]
)
def test_some_sliders_take_their_steps_alone(typed: float | None, taken: float) -> None:
    slider = inputs.any_number(gr.Slider(-10, -2, -4, step=0.5), in_steps=True)
    assert slider.preprocess(typed) == taken


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "photo.png",
            b"\x89PNG\r\n\x1a\n",
            "is not a .cmb file; pictures and clips are compressed",
        ),
        ("empty.cmb", b"", "is not a .cmb file"),
        ("short.cmb", MAGIC + bytes(3), "cannot be decoded: the file ends within its header"),
    ],
)
def test_what_cannot_be_decoded_is_named(
    name: str, content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(cc.BitstreamError, match=f"^{name} {words}"):
        inputs.read_compressed(str(tmp_path / name), Settings())
