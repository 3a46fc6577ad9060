"""What is kept exactly whatever the rate: grey, equal channels, silence, a single colour."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from encoding import QUICK, set_effort
from numpy.typing import NDArray
from signal_files import picture, tone

from combiner_core import (
    Budget,
    BudgetError,
    CombinerError,
    Encoded,
    EncodeOptions,
    PresetLibrary,
    Signal,
    bitstream,
    decode,
    encode,
    inspect,
    psnr_db,
)
from combiner_core.signals import About, AudioShape
from combiner_core.signals.about import NOTHING_KNOWN
from combiner_core.siren import codec as siren_codec


def encoded(
    signal: Signal,
    file_bytes: int,
    library: PresetLibrary,
    model: str = "multires",
    rec: str = "trellis",
    about: About = NOTHING_KNOWN,
) -> Encoded:
    options = EncodeOptions(model, "fast", rec, device="cpu")  # type: ignore[arg-type]
    *_, result = encode(signal, Budget(file_bytes), options, library, about=about)
    assert isinstance(result, Encoded)
    assert len(result.data) <= file_bytes
    return result


def grey_picture() -> Signal:
    return Signal.image(picture(24, 40)[..., :1].repeat(3, axis=2))


@pytest.fixture(autouse=True)
def _quick_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)


@pytest.fixture
def libraries(tiny_presets, multires_presets) -> dict[str, PresetLibrary]:  # type: ignore[no-untyped-def]
    return {"siren": PresetLibrary(tiny_presets), "multires": PresetLibrary(multires_presets)}


FAMILIES = pytest.mark.parametrize("model", ["siren", "multires"])


@pytest.mark.parametrize(
    ("model", "rec", "file_bytes"),
    [("siren", "trellis", 900), ("siren", "astar", 150), ("multires", "trellis", 900)],
)
def test_grey_is_grey(
    model: str, rec: str, file_bytes: int, libraries: dict[str, PresetLibrary]
) -> None:
    library = libraries[model]
    result = encoded(grey_picture(), file_bytes, library, model, rec)
    for scale in (1.0, 0.5, 2.0):
        got = decode(result.data, models=library, device="cpu", scale=scale)
        assert np.ptp(got.values, axis=2).max() == 0
    half = decode(result.data, models=library, device="cpu", fraction=0.5)
    assert np.ptp(half.values, axis=2).max() == 0
    deep = decode(result.data, models=library, device="cpu", depth=16).deep
    assert deep is not None
    assert np.ptp(deep.astype(int), axis=2).max() == 0
    np.testing.assert_array_equal(result.reconstruction.values, decode(
        result.data, models=library, device="cpu").values)  # fmt: skip


@FAMILIES
def test_equal_channels_are_coded_once(model: str, libraries: dict[str, PresetLibrary]) -> None:
    library = libraries[model]
    mono = Signal.audio(tone(8000), 16000)
    stereo = Signal.audio(tone(8000).repeat(2, axis=0), 16000)
    result = encoded(stereo, 700, library, model)
    got = decode(result.data, models=library, device="cpu")
    assert (got.channels, got.samples, got.sample_rate) == (2, 8000, 16000)
    np.testing.assert_array_equal(got.values[0], got.values[1])
    shape = AudioShape(8000, 2, 16000)
    assert inspect(result.data, library).shape == shape
    # the same as of one channel, whose file lacks the five bytes that say so
    alone = bitstream.read(encoded(mono, 695, library, model).data)
    assert bitstream.read(result.data).payload == alone.payload


@pytest.mark.parametrize(
    ("model", "routes"),
    [("siren", (1, 0)), ("multires", (0, 1)), ("multires", (1, 2, 0, 1, 0, 2))],
)
def test_silent_channels_are_silent_and_equal_ones_equal(
    model: str, routes: tuple[int, ...], libraries: dict[str, PresetLibrary]
) -> None:
    library = libraries[model]
    different = np.concatenate([np.zeros((1, 8000)), tone(8000, 16000, 2)]).astype(np.float32)
    clip = Signal.audio(different[list(routes)], 16000)
    result = encoded(clip, 700, library, model)
    assert inspect(result.data, library).shape == AudioShape(8000, len(routes), 16000)
    got = decode(result.data, models=library, device="cpu")
    np.testing.assert_array_equal(got.values, result.reconstruction.values)
    for route, channel in zip(routes, got.values, strict=True):
        first = got.values[routes.index(route)] if route else np.zeros_like(channel)
        np.testing.assert_array_equal(channel, first)
    alone = Signal.audio(different[1 : 1 + max(routes)], 16000)
    # a section takes three bytes and one for each channel, the length of all sections one more
    without = encoded(alone, 700 - 4 - len(routes), library, model)
    assert bitstream.read(result.data).payload == bitstream.read(without.data).payload


@FAMILIES
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_silence_is_silence(model: str, channels: int, libraries: dict[str, PresetLibrary]) -> None:
    library = libraries[model]
    silence = Signal.audio(np.zeros((channels, 8000), np.float32), 8000)
    result = encoded(silence, 2000, library, model)
    assert len(result.data) < 60
    assert result.psnr_db == math.inf
    got = decode(result.data, models=library)
    np.testing.assert_array_equal(got.values, silence.values)
    assert decode(result.data, models=library, scale=2).shape == AudioShape(16000, channels, 16000)


@FAMILIES
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (12, 200, 77)])
def test_a_single_colour_is_exact(
    model: str, colour: tuple[int, int, int], libraries: dict[str, PresetLibrary]
) -> None:
    library = libraries[model]
    flat = Signal.image(np.broadcast_to(np.uint8(colour), (32, 48, 3)))
    result = encoded(flat, 409, library, model)
    assert len(result.data) < 60
    np.testing.assert_array_equal(decode(result.data, models=library).values, flat.values)
    large = decode(result.data, models=library, scale=2, fraction=0.1)
    assert large.values.shape == (64, 96, 3)
    assert (large.values == colour).all()


def test_a_single_deep_colour_is_exact(libraries: dict[str, PresetLibrary]) -> None:
    flat = Signal.image(np.full((16, 16, 3), 12345, np.uint16))
    result = encoded(flat, 409, libraries["multires"])
    deep = decode(result.data, models=libraries["multires"], depth=16).deep
    assert deep is not None
    assert (deep == 12345).all()
    assert result.psnr_db == math.inf


def test_one_other_value_is_not_constant(libraries: dict[str, PresetLibrary]) -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[-1, -1, 2] = 1
    result = encoded(Signal.image(pixels), 400, libraries["multires"])
    assert bitstream.read(result.data).header.sections.constant is None
    assert bitstream.read(result.data).header.sections.equal == 0


def test_a_budget_below_the_header_of_a_constant_is_refused(
    libraries: dict[str, PresetLibrary],
) -> None:
    flat = Signal.image(np.zeros((16, 16, 3), np.uint8))
    needed = len(encoded(flat, 400, libraries["multires"]).data)
    with pytest.raises(BudgetError, match=f"needs {needed}"):
        encoded(flat, needed - 1, libraries["multires"])


def test_loudspeakers_come_back(libraries: dict[str, PresetLibrary]) -> None:
    values = tone(2000, 16000, 6)
    side = Signal.audio(values, 16000, 0x60F)
    result = encoded(side, 1500, libraries["multires"])
    assert decode(result.data, models=libraries["multires"], device="cpu").channel_mask == 0x60F
    usual = encoded(Signal.audio(values, 16000), 1500, libraries["multires"])
    assert usual.data[4] == 2
    assert decode(usual.data, models=libraries["multires"], device="cpu").channel_mask is None


def test_words_are_kept_within_the_budget(libraries: dict[str, PresetLibrary]) -> None:
    about = About("© Ann", "Ann", "2020:01:02")
    signal = Signal.image(picture(24, 40))
    kept = encoded(signal, 400, libraries["multires"], about=about)
    assert inspect(kept.data, libraries["multires"]).about == about
    plain = encoded(signal, 400, libraries["multires"])
    assert inspect(plain.data, libraries["multires"]).about == NOTHING_KNOWN
    assert plain.data[4] == 2


def hostile(make: Callable[[], bytes], library: PresetLibrary) -> str:
    with pytest.raises(CombinerError) as caught:
        decode(make(), models=library, device="cpu")
    return str(caught.value)


def test_many_equal_channels_do_not_fill_the_memory(libraries: dict[str, PresetLibrary]) -> None:
    from dataclasses import replace

    data = encoded(
        Signal.audio(tone(8000).repeat(2, axis=0), 16000), 400, libraries["multires"]
    ).data
    container = bitstream.read(data)
    usual = container.header.sections
    for shape, sections, refused in (
        (AudioShape(8000, 1, 16000), replace(usual, equal=255), "255 channels"),
        (AudioShape(10_000_000, 1, 16000), replace(usual, equal=8), "80,000,000 samples"),
        (AudioShape(400_000_000, 1, 16000), replace(usual, equal=0, constant=()), "samples"),
    ):
        header = replace(container.header, shape=shape, sections=sections)
        payload = b"" if sections.constant is not None else container.payload
        message = hostile(lambda h=header, p=payload: bitstream.write(h, p), libraries["multires"])
        assert refused in message


def test_depth_is_for_images(libraries: dict[str, PresetLibrary]) -> None:
    clip = encoded(Signal.audio(tone(4000), 16000), 300, libraries["multires"]).data
    with pytest.raises(CombinerError, match="for images"):
        decode(clip, models=libraries["multires"], depth=16)
    with pytest.raises(CombinerError, match="The depth 12 is none of 8, 16 bits"):
        decode(clip, models=libraries["multires"], depth=12)


@FAMILIES
def test_deep_pictures_are_coded_to_full_precision(
    model: str, libraries: dict[str, PresetLibrary]
) -> None:
    y, x = np.mgrid[0:24, 0:40]
    values = np.stack([x * 3 + y, y * 5 + x, x * y / 9], -1) * 40.0 + 3000
    deep = values.round().astype(np.uint16)
    signal = Signal.image(deep)
    library = libraries[model]
    result = encoded(signal, 900, library, model)
    again = decode(result.data, models=library, device="cpu", depth=16)
    assert again.deep is not None
    # rendered on finer levels than eight bits have
    assert (again.deep % 257 != 0).mean() > 0.9
    assert psnr_db(signal, again) == pytest.approx(result.psnr_db, abs=0.01)
    shallow = decode(result.data, models=library, device="cpu")
    assert shallow.deep is None
    levels: NDArray[np.float32] = again.levels()
    assert np.abs(levels - shallow.values).max() <= 0.51
