"""Signals as fields and back, and the streams of several fields in one payload."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core import BudgetError, Signal
from combiner_core.rec import TrellisCoder
from combiner_core.signals import AudioShape, ImageShape
from combiner_core.siren.payload import Division, Streams, allocate
from combiner_core.siren.preset import Framing
from combiner_core.siren.prior import FactorisedPrior
from combiner_core.siren.tiling import AudioTiling, ImageTiling, Tiling

FRAMING = Framing(sample_rate=8000, segment_samples=500)


def values_of(tiling: Tiling, signal: Signal) -> list[np.ndarray]:
    """Each field's data in the raster order of its own grid."""
    ordered = []
    for target, grid in zip(
        tiling.field_data(signal, "cpu"), tiling.coordinates(1.0, "cpu"), strict=True
    ):
        values = target.values.numpy().astype(np.float32)
        if signal.kind == "image":
            values = values / 127.5 - 1
        place = {tuple(point): row for row, point in enumerate(target.coordinates.tolist())}
        ordered.append(values[[place[tuple(point)] for point in grid.tolist()]])
    return ordered


@given(
    height=st.integers(16, 50),
    width=st.integers(16, 50),
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
)
def test_tiles_make_the_image_again(height: int, width: int, rows: int, columns: int) -> None:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    signal = Signal.image(pixels)
    tiling = ImageTiling(ImageShape(width, height), rows, columns)
    again = tiling.assemble(values_of(tiling, signal), 1.0)
    np.testing.assert_array_equal(again.values, pixels)


@given(samples=st.integers(16, 3000), channels=st.integers(1, 3))
def test_segments_make_the_clip_again(samples: int, channels: int) -> None:
    clip = Signal.audio(
        np.random.default_rng(samples).uniform(-1, 1, (channels, samples)).astype(np.float32), 8000
    )
    shape = clip.shape
    assert isinstance(shape, AudioShape)
    tiling = AudioTiling(shape, FRAMING)
    again = tiling.assemble(values_of(tiling, clip), 1.0)
    np.testing.assert_array_equal(again.values, clip.values)


@given(height=st.integers(8, 4000), width=st.integers(8, 4000), fields=st.floats(0.01, 300.0))
def test_grids_have_about_the_fields_asked_for(height: int, width: int, fields: float) -> None:
    tiling = ImageTiling.of_about(ImageShape(width, height), fields)
    if min(height, width) >= 16:
        assert min(height // tiling.rows, width // tiling.columns) >= 16
    if fields < 1.5:
        assert tiling.fields == 1
    elif min(height, width) > 400 and max(height, width) < 2 * min(height, width):
        assert 0.5 <= tiling.fields / fields <= 2


def test_photographs_are_cut_into_tiles_of_their_own_shape() -> None:
    assert ImageTiling.of_about(ImageShape(768, 512), 4.1) == ImageTiling(
        ImageShape(768, 512), 2, 2
    )
    assert ImageTiling.of_about(ImageShape(512, 768), 1.9) == ImageTiling(
        ImageShape(512, 768), 2, 1
    )


def prior(count: int = 90) -> FactorisedPrior:
    rates = np.random.default_rng(1).integers(0, 4000, count).astype(np.int32)
    return FactorisedPrior(np.zeros(count, np.float32), np.ones(count, np.float32), rates)


@given(
    count=st.integers(1, 6),
    payload_bytes=st.integers(20, 60),
    cut=st.integers(0, 60),
    part_count=st.sampled_from([0, 1, 3]),
    data=st.data(),
)
def test_a_prefix_of_the_payload_is_a_prefix_of_every_stream(
    count: int, payload_bytes: int, cut: int, part_count: int, data: st.DataObject
) -> None:
    shares = data.draw(st.lists(st.integers(60, 255), min_size=count, max_size=count))
    shares = shares if count > 1 else [255]
    generator = np.random.default_rng(payload_bytes)
    parts = np.arange(len(prior().mean)) % (part_count + 1)
    streams = Streams(prior(), TrellisCoder(8), 5, count, parts)
    division = Division(shares, generator.integers(-8, 8, (count, part_count)))
    payload_bytes += len(streams.side(division))
    lengths = streams.lengths(payload_bytes, division)
    bits = [generator.integers(0, 2, length, np.uint8) for length in lengths]
    payload = streams.pack(bits, division, payload_bytes)
    assert len(payload) == payload_bytes
    whole = streams.unpack(payload, payload_bytes)
    part = streams.unpack(payload[:cut], payload_bytes)
    for all_values, some_values in zip(whole, part, strict=True):
        assert len(all_values) == len(streams.order)
        np.testing.assert_array_equal(some_values, all_values[: len(some_values)])
    ready = [len(values) / len(streams.order) for values in part]
    assert max(ready) - min(ready) < 0.5


def test_a_share_of_nothing_is_refused() -> None:
    streams = Streams(prior(), TrellisCoder(8), 5, 2)
    with pytest.raises(BudgetError):
        streams.unpack(b"\x00\xff" + bytes(20), 22)


def test_scales_that_are_longer_than_the_payload_are_refused() -> None:
    parts = np.arange(len(prior().mean)) % 3
    streams = Streams(prior(), TrellisCoder(8), 5, 2, parts)
    with pytest.raises(BudgetError):
        streams.unpack(b"\xff\xff" + b"\x40\x00\x00" + bytes(25), 30)


@given(st.lists(st.floats(0.0, 1e5), min_size=1, max_size=30))
def test_shares_follow_the_need_within_bounds(kl_bits: list[float]) -> None:
    shares = allocate(kl_bits, 1000)
    assert all(1 <= share <= 255 for share in shares)
    assert max(shares) == 255
    for need, share in zip(kl_bits, shares, strict=True):
        for other_need, other_share in zip(kl_bits, shares, strict=True):
            assert need > other_need or share <= other_share or need == other_need


def test_one_loud_field_gets_what_its_weights_take() -> None:
    shares = np.array(allocate([100_000.0, *[100.0] * 9], 2000))
    # 100900 bits in all; 4 bits a weight are 8000, 1.6 times the mean is 16144
    assert shares[0] / shares.sum() == pytest.approx(0.16, abs=0.005)
    shares = np.array(allocate([9_000.0, *[100.0] * 9], 2000))
    assert shares[0] / shares.sum() == pytest.approx(8000 / 9900, abs=0.01)
