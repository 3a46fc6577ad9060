"""What the codec refuses, in which words, and at what cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoding import OPTIONS, QUICK, SHAPE, assert_uses, encoded, image, set_effort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from signal_files import tone
from tiny_presets import AUDIO, IMAGE, ONE_TILE, TRELLIS, card_for, file_of_noise

from combiner_core import (
    BitstreamError,
    Budget,
    BudgetError,
    CombinerError,
    PresetLibrary,
    Signal,
    SignalError,
    bitstream,
    decode,
    encode,
)
from combiner_core.bitstream import Header
from combiner_core.signals import AudioShape, ImageShape
from combiner_core.siren import codec as siren_codec


@pytest.fixture
def library(tiny_presets: Path) -> PresetLibrary:
    return PresetLibrary(tiny_presets)


@pytest.fixture(autouse=True)
def quick_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)


def refused(signal: Signal, budget: Budget, library: PresetLibrary, **options: Any) -> str:
    with pytest.raises(CombinerError) as caught:
        encoded(signal, budget, library, replace(OPTIONS, **options))
    return str(caught.value)


def test_a_budget_below_the_header_is_refused(library: PresetLibrary) -> None:
    header = bitstream.overhead_bytes(SHAPE, len(TRELLIS + ONE_TILE), 1)
    for file_bytes in (1, 2, header // 2, header - 1, header):
        assert refused(image(), Budget(file_bytes), library) == (
            f"A budget of {file_bytes} bytes is too small: the header alone needs {header}."
        )
    assert len(encoded(image(), Budget(header + 1), library).data) == header + 1


def test_a_budget_without_a_bit_for_every_field_is_refused(library: PresetLibrary) -> None:
    clip = Signal.audio(tone(2000 * 9, 8000, 2), 8000)
    assert refused(clip, Budget(34), library) == (
        "The budget leaves no bits for the signal itself."
    )


def test_a_budget_above_the_model_is_refused(library: PresetLibrary) -> None:
    message = refused(image(), Budget(10**6), library)
    most = int(message.split()[7])
    assert message == f"The model can use at most about {most} bytes on this signal."
    assert_uses(encoded(image(), Budget(most), library), most)
    assert refused(image(), Budget(10**11), library) == message


@pytest.mark.parametrize("amount", [0, -3, float("nan"), float("inf"), 10**400])
def test_impossible_budgets_are_refused(amount: float) -> None:
    with pytest.raises(
        BudgetError, match=r"^A budget of .* is not (a positive number|sensible)\.$"
    ):
        Budget(amount)


def test_units_belong_to_a_kind(library: PresetLibrary) -> None:
    clip = Signal.audio(tone(2000, 8000), 8000)
    assert refused(clip, Budget(1, "bpp"), library) == (
        "Bits per pixel are for images; give a clip kbps or bytes."
    )
    assert refused(image(), Budget(1, "kbps"), library) == (
        "Bits per second are for audio; give an image bpp or bytes."
    )


def test_unknown_models_are_refused(library: PresetLibrary, tmp_path: Path) -> None:
    assert refused(image(), Budget(100), library, model="nonsense") == (
        f"There is no model named nonsense; there are: siren, {AUDIO}, {IMAGE}."
    )
    assert refused(image(), Budget(100), library, model=AUDIO) == (
        f"The model {AUDIO} is for audio, not for image."
    )
    assert refused(image(), Budget(100), PresetLibrary(tmp_path / "nowhere")) == (
        "The folder nowhere holds no trained models."
    )


def test_signals_too_small_are_refused(library: PresetLibrary) -> None:
    assert refused(image(7, 30), Budget(100), library) == (
        "The image is 30 x 7 pixels: it needs at least 8 on each side."
    )
    assert refused(Signal.audio(tone(15, 8000), 8000), Budget(100), library) == (
        "The clip has 15 samples: it needs at least 16."
    )


@pytest.mark.parametrize(
    "signal",
    [
        Signal.audio(np.full(64, 0.1, np.float32), bitstream.MAX_SAMPLE_RATE + 1),
        Signal.audio(np.full((256, 64), 0.1, np.float32), 8000),
        Signal.image(np.zeros((8, bitstream.MAX_SIDE + 1, 3), np.uint8)),
    ],
    ids=["rate", "channels", "width"],
)
def test_signals_the_format_cannot_hold_are_refused(signal: Signal, library: PresetLibrary) -> None:
    with pytest.raises(SignalError):
        next(encode(signal, Budget(100), OPTIONS, library))


@pytest.mark.parametrize(
    ("shape", "change", "sentence"),
    [
        (SHAPE, {"model_id": 4}, "The file was made with model number 4, which is not here."),
        (SHAPE, {"model_id": 60002}, "another version of the model tiny-audio"),
        (SHAPE, {"prior_hash": 0xABC}, "its prior has hash 00000abc, the one here "),
        (SHAPE, {"parameters": b"\x02\x0a\x01\x01"}, "The file's coder, number 2, is unknown."),
        (SHAPE, {"parameters": b"\x00\x0a"}, "The file's parameters are not those of this"),
        (SHAPE, {"parameters": b"\x00\x07\x01\x01"}, "coder has an impossible size, 7."),
        (
            SHAPE,
            {"parameters": b"\x01\x11\x01\x01"},
            "coder has an impossible size, 17.",
        ),
        (SHAPE, {"parameters": TRELLIS + b"\x00\x01"}, "grid of 0 x 1 tiles is impossible."),
        (SHAPE, {"parameters": TRELLIS + b"\x01\x29"}, "grid of 1 x 41 tiles is impossible."),
        (
            SHAPE,
            {"shape": ImageShape(1 << 20, 1 << 20)},
            "at most 262,144 along a side are accepted.",
        ),
    ],
)
def test_files_of_others_are_refused(
    shape: bitstream.Shape, change: dict[str, Any], sentence: str, library: PresetLibrary
) -> None:
    container = bitstream.read(file_of_noise(shape, library))
    data = bitstream.write(replace(container.header, **change), container.payload)
    with pytest.raises(CombinerError) as caught:
        decode(data, models=library)
    assert sentence in str(caught.value)


def test_a_model_of_the_other_kind_is_refused(library: PresetLibrary) -> None:
    card = card_for(AudioShape(1, 1, 1), library)
    data = bitstream.write(Header(SHAPE, card.id, card.prior_hash, 0, TRELLIS + ONE_TILE), b"pay")
    with pytest.raises(BitstreamError, match=r"^The file holds image but its model is for audio"):
        decode(data, models=library)


@pytest.mark.parametrize("payload_bytes", [0, 10**5])
def test_impossible_payloads_are_refused(payload_bytes: int, library: PresetLibrary) -> None:
    with pytest.raises(BitstreamError, match=r"^The file's payload has an impossible length\.$"):
        decode(file_of_noise(SHAPE, library, payload_bytes), models=library)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("samples", [20_000, 2_000_000])
def test_a_hostile_duration_costs_little(samples: int, library: PresetLibrary) -> None:
    data = file_of_noise(AudioShape(samples, 1, 1), library)
    with pytest.raises(BitstreamError):
        decode(data, models=library)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 1e5, 1e200])
def test_impossible_scales_are_refused(scale: float, library: PresetLibrary) -> None:
    with pytest.raises(CombinerError):
        decode(file_of_noise(SHAPE, library), scale=scale, models=library)


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.5, float("nan")])
def test_impossible_fractions_are_refused(fraction: float, library: PresetLibrary) -> None:
    with pytest.raises(CombinerError, match="is not between 0 and 1"):
        decode(file_of_noise(SHAPE, library), fraction=fraction, models=library)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_hostile_headers_meet_only_refusals(library: PresetLibrary, data: st.DataObject) -> None:
    """Checksums are no defence: whoever writes a file can make them right."""
    sides = st.integers(1, 60)
    shapes = st.builds(ImageShape, sides, sides) | st.builds(
        AudioShape, st.integers(1, 9000), st.integers(1, 3), st.integers(2000, 1 << 20)
    )
    shape = data.draw(shapes)
    card = card_for(shape, library)
    parameters = st.binary(max_size=3) | st.builds(
        lambda coder, size: bytes([coder, size]), st.integers(0, 1), st.integers(0, 20)
    )
    seed = data.draw(st.integers(0, (1 << 32) - 1))
    header = Header(shape, card.id, card.prior_hash, seed, data.draw(parameters))
    file = bitstream.write(header, data.draw(st.binary(max_size=60)))
    fraction = data.draw(st.sampled_from([1.0, 0.5]))
    try:
        decoded = decode(file, fraction=fraction, models=library)
    except BitstreamError:
        return
    assert decoded.kind == header.shape.kind
