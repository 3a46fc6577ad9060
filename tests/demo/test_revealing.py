"""What the file of an image tells beside the picture: any strength of detail, expected errors."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import combiner_core as cc
from demo.work import Reveal
from demo.workers import Setup

ENGINE = Setup(device="cpu").engine()


def pixels(content: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(BytesIO(content)), np.float64)


@pytest.fixture
def data(photo: cc.Signal) -> bytes:
    options = cc.EncodeOptions(effort="fast", tune="perceptual", device="cpu")
    *_, result = cc.encode(photo, cc.Budget(700), options)
    assert isinstance(result, cc.Encoded)
    return result.data


def test_any_detail_lies_between_two_pictures(data: bytes) -> None:
    (found,) = Reveal(data).run(ENGINE)
    assert found is not None
    assert found.detail == pytest.approx(0.3, abs=0.01)
    faithful, natural = pixels(found.faithful), pixels(found.natural)
    assert np.array_equal(faithful, cc.decode(data, device="cpu", detail=0).values)
    for share in (found.detail, 0.7):
        decoded = cc.decode(data, device="cpu", detail=share).values
        off = np.abs(faithful + share * (natural - faithful) - decoded)
        # Rounding; only what is black or white in one of them may differ by more.
        is_mixed = (np.minimum(faithful, natural) > 0) & (np.maximum(faithful, natural) < 255)
        assert off[is_mixed].max() < 1.01
        assert off.mean() < 0.5


def test_map_of_expected_errors_has_a_scale(data: bytes) -> None:
    (found,) = Reveal(data).run(ENGINE)
    assert found is not None
    deviations = cc.uncertainty(data, device="cpu")
    assert found.most_levels == pytest.approx(deviations.max())
    levels = pixels(found.unsure)[..., 0] * found.most_levels / 255
    assert np.abs(levels - deviations).max() <= found.most_levels / 255


def test_sound_has_nothing_of_the_kind(clip: cc.Signal) -> None:
    *_, result = cc.encode(clip, cc.Budget(1000), cc.EncodeOptions(effort="fast", device="cpu"))
    assert isinstance(result, cc.Encoded)
    assert list(Reveal(result.data).run(ENGINE)) == [None]
