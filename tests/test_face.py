"""The face of the engine: every kind of source, every refusal at the call and in one sentence."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoding import set_effort
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from signal_files import audio_bytes, image_bytes, picture, tone

import combiner_core as cc
from combiner_core.multires import codec as multires_codec
from combiner_core.multires.codec import MultiresEffort
from combiner_core.signals import ImageShape, to_signal

PIXELS = picture(24, 40)
GREY = PIXELS[..., 0]
CLIP = tone(800, 8000, channels=2)
QUICK: dict[str, Any] = {"bytes": 200, "effort": "fast", "device": "cpu"}


@pytest.fixture(scope="module")
def models(multires_presets: Path) -> cc.PresetLibrary:
    return cc.PresetLibrary(multires_presets)


@pytest.fixture
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, multires_codec, "fast", MultiresEffort(10, measured=1, latent_steps=0))


def assert_one_sentence(error: BaseException) -> None:
    text = str(error)
    assert re.fullmatch(r"([A-Z]|\S+\.\w{3} )[^\n]*\.", text), (
        text
    )  # it may begin with a file's name
    assert not re.search(r"[.!?] [A-Z]", text), text


def refusal(action: Callable[[], object], kind: type[cc.CombinerError] = cc.SignalError) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert_one_sentence(caught.value)
    return str(caught.value)


def in_short(value: object) -> str:
    """Of a parameter: the same in every process, and no longer than a line."""
    return str(value) if isinstance(value, str | int | float | dict) else type(value).__name__


PNG, WAV = image_bytes(PIXELS, "PNG"), audio_bytes(CLIP, 8000, "WAV", "FLOAT")
SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda folder: _written(folder / "a.png", PNG),
    "text path": lambda folder: str(_written(folder / "a.png", PNG)),
    "bytes": lambda folder: PNG,
    "bytearray": lambda folder: bytearray(PNG),
    "memoryview": lambda folder: memoryview(PNG),
    "stream": lambda folder: io.BytesIO(PNG),
    "open file": lambda folder: _written(folder / "a.png", PNG).open("rb"),
    "PIL": lambda folder: Image.fromarray(PIXELS),
    "lazy PIL": lambda folder: Image.open(_written(folder / "a.png", PNG)),
    "signal": lambda folder: cc.Signal.image(PIXELS),
    "uint8": lambda folder: PIXELS,
    "uint16": lambda folder: PIXELS.astype(np.uint16) * 257,
    "big-endian": lambda folder: (PIXELS.astype(np.uint16) * 257).astype(">u2"),
    "float64": lambda folder: PIXELS / 255,
    "float32": lambda folder: (PIXELS / 255).astype(np.float32),
    "strided": lambda folder: np.repeat(PIXELS, 2, axis=1)[:, ::2],
    "RGBA": lambda folder: np.dstack([PIXELS, np.full_like(GREY, 255)]),
    "tensor HWC": lambda folder: torch.from_numpy(PIXELS),
    "tensor CHW": lambda folder: torch.from_numpy(PIXELS).permute(2, 0, 1),
    "float tensor": lambda folder: torch.from_numpy(PIXELS / 255).requires_grad_(),
}
CLIPS: dict[str, Callable[[Path], tuple[Any, int | None]]] = {
    "path": lambda folder: (_written(folder / "a.wav", WAV), None),
    "open file": lambda folder: (io.BytesIO(WAV), None),
    "float32": lambda folder: (CLIP.T, 8000),
    "float64": lambda folder: (CLIP.T.astype(np.float64), 8000),
    "int16": lambda folder: (np.rint(CLIP.T * 32768).astype(np.int16), 8000),
    "big-endian": lambda folder: (np.rint(CLIP.T * 32768).astype(">i2"), 8000),
    "int32": lambda folder: (np.rint(CLIP.T * 2.0**31).astype(np.int32), 8000),
    "tensor": lambda folder: (torch.from_numpy(CLIP.T), 8000),
    "NumPy's rate": lambda folder: (CLIP.T, np.int64(8000)),
}


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_of_a_picture_gives_it(source: str, tmp_path: Path) -> None:
    signal = to_signal(SOURCES[source](tmp_path))
    assert signal.kind == "image"
    np.testing.assert_array_equal(signal.values, PIXELS)


@pytest.mark.parametrize("source", CLIPS)
def test_every_source_of_a_clip_gives_it(source: str, tmp_path: Path) -> None:
    samples, rate = CLIPS[source](tmp_path)
    signal = to_signal(samples, rate)
    assert (signal.kind, type(signal.sample_rate)) == ("audio", int)
    np.testing.assert_allclose(signal.values, CLIP, atol=2.0**-15)


def test_mono_and_grey_have_fewer_dimensions() -> None:
    np.testing.assert_array_equal(to_signal(CLIP[0], 8000).values, CLIP[:1])
    for grey in (GREY, GREY[..., None], torch.from_numpy(GREY)[None]):
        np.testing.assert_array_equal(to_signal(grey).values, np.dstack([GREY] * 3))


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr",
             "LAB", "HSV", "I", "I;16", "I;16B", "F"]
)  # fmt: skip
def test_every_mode_of_pillow_becomes_a_picture(mode: str) -> None:
    image = Image.fromarray(PIXELS)
    if mode == "I;16B":
        image = Image.frombytes(mode, (40, 24), (GREY.astype(">u2") * 257).tobytes())
    elif mode in ("PA", "La", "RGBa"):
        image = image.convert({"PA": "P", "La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    elif mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    elif mode == "LAB":
        image = Image.new("LAB", (40, 24), (128, 0, 0))
    else:
        image = image.convert(mode)
    signal = to_signal(image)
    assert signal.shape == ImageShape(40, 24)


def test_transparent_pixels_lie_on_white() -> None:
    clear = np.dstack([PIXELS, np.zeros_like(GREY)])
    for source in (clear, Image.fromarray(clear), torch.from_numpy(clear)):
        assert (to_signal(source).values == 255).all()


SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=12)
TYPES = (
    hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?")
    | hnp.complex_number_dtypes()
    | hnp.boolean_dtypes()
    | hnp.byte_string_dtypes()
    | hnp.datetime64_dtypes()
)


@settings(max_examples=400)
@given(data=st.data(), shape=SHAPES, dtype=TYPES, rate=st.sampled_from([None, None, 8000]))
def test_any_array_is_a_signal_or_refused(
    data: st.DataObject, shape: tuple[int, ...], dtype: np.dtype, rate: int | None
) -> None:
    array = np.zeros(shape, dtype)
    if data.draw(st.booleans()):
        array = np.full(shape, data.draw(hnp.from_dtype(dtype)), dtype)
    sources: list[Any] = [array]
    with suppress(TypeError, ValueError):
        sources.append(torch.from_numpy(array))
    for source in sources:
        try:
            signal = to_signal(source, rate)
        except cc.SignalError as error:
            assert_one_sentence(error)
            continue
        if rate is None:
            height, width, _ = signal.values.shape
            assert min(height, width) >= 8
            assert {height, width} <= set(shape)
            assert array.size / (height * width) in (1, 3, 4)
        else:
            assert signal.values.T.shape == (shape if len(shape) == 2 else (*shape, 1))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (None, "no signal"),
        (7, "no signal"),
        ([1, 2], "no signal"),
        (np.ndarray, "no signal"),
        (b"", "cannot be read"),
        (b"noise", "cannot be read"),
        (io.StringIO("text"), "open it with mode 'rb'"),
        ("nowhere.png", "nowhere.png"),
        (CLIP[0], "say the sample_rate"),
        (CLIP, "say the sample_rate"),
        (np.moveaxis(PIXELS, 2, 0), "moveaxis"),
        (PIXELS[None], "one picture at a time"),
        (PIXELS[:7], "at least 8 pixels"),
        (PIXELS[..., :2], "has shape"),
        (PIXELS / 100, "lie between 0 and 1"),
        (np.full((9, 9), np.nan), "finite"),
        (PIXELS.astype(np.int32), "not int32"),
        (PIXELS > 9, "not bool"),
        (np.zeros((9, 9, 0), np.uint8), "has shape"),
        (torch.zeros(3, 30, 3), "first or last"),
        (torch.zeros(9, 9, device="meta"), "cannot become an array"),
        (torch.zeros(9, 9).to_sparse(), "cannot become an array"),
    ],
    ids=in_short,
)
def test_what_is_no_picture_is_refused(source: Any, sentence: str) -> None:
    assert sentence in refusal(lambda: to_signal(source))
    refusal(lambda: cc.iter_compress(source, **QUICK))


@pytest.mark.parametrize(
    ("samples", "rate", "sentence"),
    [
        (CLIP, 8000, "transposed"),
        (np.zeros((3, 3, 3)), 8000, "have shape"),
        (np.zeros(0), 8000, "have shape"),
        (np.full(99, 2.0), 8000, "reach 2"),
        (np.full(99, np.inf), 8000, "finite"),
        (np.zeros(99, np.uint8), 8000, "not uint8"),
        (CLIP.T, 0, "positive whole number"),
        (CLIP.T, 8000.5, "positive whole number"),
        (CLIP.T, "8000", "positive whole number"),
        (PNG, 8000, "sample_rate is for arrays"),
        (Image.fromarray(PIXELS), 8000, "no sample rate"),
        (cc.Signal.image(PIXELS), 8000, "its own sample rate"),
        (CLIP[0, :15], 8000, "at least 16"),
        (CLIP[0], 1 << 30, "samples a second"),
    ],
    ids=in_short,
)
def test_what_is_no_clip_is_refused(samples: Any, rate: Any, sentence: str) -> None:
    message = refusal(lambda: cc.iter_compress(samples, sample_rate=rate, **QUICK))
    assert sentence in message


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ({}, cc.BudgetError, "given was nothing"),
        ({"bytes": 9, "bpp": 1}, cc.BudgetError, "given was bytes and bpp"),
        ({"kbps": 9}, cc.BudgetError, "for audio"),
        ({"bytes": 9}, cc.BudgetError, "too small"),
        ({"bytes": "many"}, cc.BudgetError, "a number"),
        ({"bytes": -1}, cc.BudgetError, "positive"),
        ({"bytes": 99, "model": "nonsense"}, cc.PresetError, "no model named nonsense"),
        ({"bytes": 99, "model": None}, cc.CombinerError, "give a name or a codec"),
        ({"bytes": 99, "effort": "more"}, cc.CombinerError, "no effort"),
        ({"bytes": 99, "rec": "huffman"}, cc.CombinerError, "huffman"),
        ({"bytes": 99, "seed": -1}, cc.CombinerError, "seed"),
        ({"bytes": 99, "seed": 1.5}, cc.CombinerError, "seed"),
        ({"bytes": 99, "device": "tpu"}, cc.CombinerError, "device"),
    ],
    ids=in_short,
)
def test_wrong_settings_are_refused_at_the_call(
    settings: dict[str, Any], kind: type[cc.CombinerError], sentence: str, models: cc.PresetLibrary
) -> None:
    action = lambda: cc.iter_compress(PIXELS, models=models, **settings)  # noqa: E731
    assert sentence in refusal(action, kind)


def test_a_picture_too_large_for_any_decoder_is_refused_at_the_call() -> None:
    huge = np.broadcast_to(np.uint8(0), (10_000, 5_001, 3))
    refused = refusal(lambda: cc.iter_compress(cc.Signal(huge, "image"), bpp=1))
    assert "at most 25,000,000 are accepted" in refused


def test_a_file_open_for_text_says_so_even_if_it_holds_no_text(tmp_path: Path) -> None:
    with _written(tmp_path / "a.png", PNG).open(encoding="utf-8") as stream:
        assert "mode 'rb'" in refusal(lambda: to_signal(stream))
    with (tmp_path / "b.png").open("wb") as stream:
        assert "b.png cannot be read" in refusal(lambda: to_signal(stream))


def test_a_damaged_picture_that_pillow_has_not_decoded_is_refused() -> None:
    image = Image.open(io.BytesIO(PNG[: len(PNG) // 2]))
    assert refusal(lambda: to_signal(image)) == "The pixels of the picture cannot be read."


@pytest.mark.usefixtures("quick_effort")
def test_compressed_is_the_file_and_what_was_said_of_it(
    models: cc.PresetLibrary, tmp_path: Path
) -> None:
    events = cc.iter_compress(PIXELS, models=models, **QUICK)
    assert isinstance(events, Generator)
    *progress, last = events
    assert all(isinstance(event, cc.Progress) for event in progress)
    file = cc.compress(PIXELS, models=models, **QUICK)
    assert isinstance(last, cc.Encoded)
    assert file == last.data == bytes(file)
    assert repr(file) == f"Compressed({len(file)} bytes, {file.encoded.model})"
    path = _written(tmp_path / "a.cmb", file)
    expected = file.encoded.reconstruction.values
    for source in (file, bytes(file), memoryview(file), path, str(path), io.BytesIO(file)):
        decoded = cc.decompress(source, models=models, device="cpu")
        np.testing.assert_array_equal(decoded.values, expected)
    with path.open("rb") as stream:
        half = cc.decompress(stream, models=models, fraction=0.5, scale=2, device="cpu")
    assert half.shape == ImageShape(80, 48)


@pytest.mark.usefixtures("quick_effort")
def test_clips_and_pictures_come_back(models: cc.PresetLibrary) -> None:
    for channels, rate in ((1, 8000), (2, 11025)):
        clip = tone(900, rate, channels)
        file = cc.compress(clip.T, sample_rate=rate, models=models, **QUICK)
        decoded = cc.decompress(file, models=models, device="cpu")
        assert (decoded.to_numpy().shape, decoded.sample_rate) == (clip.T.shape, rate)
    again = cc.compress(decoded, models=models, kbps=20, effort="fast")
    assert len(again) <= 20_000 / 8 * 900 / 11025


@pytest.mark.parametrize("source", [7, None, np.zeros(9), Image.new("L", (9, 9))], ids=in_short)
def test_what_is_no_file_cannot_be_decompressed(source: Any) -> None:
    assert "is no .cmb file" in refusal(lambda: cc.decompress(source), cc.BitstreamError)


def test_other_files_cannot_be_decompressed(tmp_path: Path) -> None:
    for source in (PNG, b"", io.BytesIO(WAV), _written(tmp_path / "a.cmb", PNG)):
        assert "not a .cmb file" in refusal(lambda s=source: cc.decompress(s), cc.BitstreamError)
    refusal(lambda: cc.decompress(tmp_path / "nowhere.cmb"))
    refusal(lambda: cc.decompress(io.StringIO("text")))


def test_an_image_in_every_form() -> None:
    signal = cc.Signal.image(PIXELS)
    assert repr(signal) == "Signal(image, 40 x 24)"
    np.testing.assert_array_equal(np.asarray(signal.to_pil()), PIXELS)
    assert np.asarray(signal, np.float32).dtype == np.float32
    tensor = signal.to_torch()
    assert tensor.shape == (3, 24, 40)
    for source in (signal.to_numpy(), np.asarray(signal), tensor, signal.to_pil()):
        np.testing.assert_array_equal(to_signal(source).values, PIXELS)
    for copy in (signal.to_numpy(), np.asarray(signal), np.array(signal)):
        copy[:] = 0  # nobody's own copy changes the signal
    tensor.zero_()
    np.testing.assert_array_equal(signal.values, picture(24, 40))
    assert np.shares_memory(np.array(signal, copy=False), signal.values)
    with pytest.raises(ValueError, match="copy"):
        np.array(signal, dtype=np.float32, copy=False)


def test_a_clip_in_every_form() -> None:
    signal = cc.Signal.audio(CLIP, 8000)
    assert repr(signal) == "Signal(audio, 2 x 0.10 s at 8000 Hz)"
    assert (
        signal.to_torch().shape == signal.to_numpy().shape == np.asarray(signal).shape == (800, 2)
    )
    for source in (signal.to_numpy(), np.asarray(signal), signal.to_torch()):
        np.testing.assert_array_equal(to_signal(source, 8000).values, CLIP)
    assert "no picture" in refusal(signal.to_pil)
    assert "whole sample rate" in refusal(lambda: cc.Signal.audio(CLIP, 8000.5))  # type: ignore[arg-type]
