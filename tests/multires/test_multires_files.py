"""Multires files that nobody fitted: damaged, cut, hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_presets import received_weights

from combiner_core import BitstreamError, PresetLibrary, bitstream, decode
from combiner_core.bitstream import Header
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX
from combiner_core.signals import AudioShape, ImageShape, Shape

STATES = b"\x07"


@pytest.fixture(scope="module")
def library(multires_presets: Path) -> PresetLibrary:
    return PresetLibrary(multires_presets)


def bytes_of(index: int) -> bytes:
    """A noise scale in parameters."""
    return index.to_bytes(2, "little", signed=True)


def kind_of(shape: Shape) -> str:
    return shape.kind


def file_of(shape: Shape, library: PresetLibrary, parameters: bytes, payload: bytes) -> bytes:
    """A file with valid checksums, whatever is in it."""
    card = library.card_for("multires", shape, 1.0)
    header = Header(shape, card.id, card.prior_hash, 1, parameters)
    return bitstream.write(header, payload)


def file_of_noise(shape: Shape, library: PresetLibrary) -> bytes:
    payload = np.random.default_rng(3).bytes(300)
    return file_of(shape, library, STATES + bytes_of(4 * 256), payload)


@pytest.mark.parametrize("missing", [1, 4, 5, 100, 303, 304])
@pytest.mark.parametrize("shape", [ImageShape(21, 30), AudioShape(900, 2, 8000)], ids=kind_of)
def test_a_file_cut_anywhere_decodes_on_request(
    shape: Shape, missing: int, library: PresetLibrary
) -> None:
    data = file_of_noise(shape, library)[:-missing]
    with pytest.raises(BitstreamError, match="cut short"):
        decode(data, models=library)
    assert decode(data, fraction=0.999, device="cpu", models=library).values.size


@pytest.mark.parametrize("scale", [2.0, 0.5, 0.3, 3.0, 1.37, 0.001])
@pytest.mark.parametrize("rate", [8000, 6001])
def test_scale_changes_the_samples(rate: int, scale: float, library: PresetLibrary) -> None:
    data = file_of_noise(AudioShape(1501, 2, rate), library)
    clip = decode(data, scale=scale, device="cpu", models=library)
    assert clip.values.shape == (2, max(1, round(1501 * scale)))
    assert clip.sample_rate == max(1, round(rate * scale))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (STATES + b"\xff\x7f", "noise scale, number 32767, is impossible"),
        (STATES + b"\x00\x80", "noise scale, number -32768, is impossible"),
        (STATES + bytes_of(MIN_INDEX - 1), "is impossible"),
        (STATES + bytes_of(MAX_INDEX + 1), "is impossible"),
        (b"\x01\x00\x04", "trellis, of 1 bits, is impossible"),
        (b"\x09\x00\x04", "trellis, of 9 bits, is impossible"),
        (b"\xff\x00\x04", "trellis, of 15 bits, is impossible"),
        (b"", "parameters are not those of this model"),
        (STATES, "parameters are not those of this model"),
        (STATES + b"\x00\x04\x00", "parameters are not those of this model"),
    ],
)
@pytest.mark.parametrize("shape", [ImageShape(9, 8), AudioShape(40, 1, 8000)], ids=kind_of)
def test_impossible_parameters_are_refused(
    shape: Shape, parameters: bytes, message: str, library: PresetLibrary
) -> None:
    data = file_of(shape, library, parameters, b"abc")
    with pytest.raises(BitstreamError, match=message):
        decode(data, device="cpu", models=library)
    with pytest.raises(BitstreamError, match=message):
        received_weights(data, library)


def test_a_picture_goes_without_the_postfilter_if_its_file_says_so(library: PresetLibrary) -> None:
    shape, scale = ImageShape(9, 8), bytes_of(4 * 256)
    with_g, without = (
        decode(file_of(shape, library, first + scale, b"abc"), device="cpu", models=library)
        for first in (b"\x07", b"\x17")
    )
    assert not np.array_equal(with_g.values, without.values)
    with pytest.raises(BitstreamError, match="parameters are not those of this model"):
        decode(file_of(shape, library, b"\x47" + scale, b"abc"), device="cpu", models=library)


@pytest.mark.parametrize("index", [MIN_INDEX, MAX_INDEX])
@pytest.mark.parametrize(
    "shape",
    [ImageShape(1, 1), ImageShape(1, 40), ImageShape(40, 33), AudioShape(1, 1, 1000),
     AudioShape(700, 5, 8000)],
    ids=str,
)  # fmt: skip
def test_any_payload_decodes_to_something(shape: Shape, index: int, library: PresetLibrary) -> None:
    rng = np.random.default_rng(abs(index))
    for payload in (b"", b"\x00" * 200, b"\xff" * 200, rng.bytes(400)):
        data = file_of(shape, library, STATES + bytes_of(index), payload)
        values = decode(data, device="cpu", models=library).values
        if isinstance(shape, ImageShape):
            assert values.shape == (shape.height, shape.width, 3)
        else:
            assert values.shape == (shape.channels, shape.samples)
            assert np.isfinite(values).all()
