"""What workers find out for the explanation of the default model."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import combiner_core as cc
from combiner_core.signals.images import encode_png
from demo.settings import Settings
from demo.ui.chart_tables import table_of
from demo.work import Explain, Explained, Source
from demo.workers import Setup

ENGINE = Setup(device="cpu").engine()


def explained(signal: cc.Signal) -> Explained:
    source = Source("photo.png", encode_png(signal), "image", Settings().input_limits)
    (found,) = Explain(source).run(ENGINE)
    return found


def size(content: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(content)).size


def test_a_large_picture_is_scaled_and_taken_apart(photo: cc.Signal) -> None:
    found = explained(cc.Signal.image(photo.values.repeat(8, 0).repeat(8, 1)))
    assert found.sides == (512, 341)
    assert 0.9 * 0.3 * 512 * 341 / 8 < found.file_bytes <= 0.3 * 512 * 341 / 8
    assert [size(level.picture) for level in found.levels] == [lv.sides for lv in found.levels]
    assert found.levels[-1].sides == found.sides
    assert sum(level.weights for level in found.levels) == 3 * 512 * 341
    assert sum(level.bits for level in found.levels) < 8 * found.file_bytes
    assert 0 <= found.foretold.share < 1
    assert size(found.foretold.before) == size(found.foretold.deviation) == (72, 72)
    assert found.crops.detail == pytest.approx(0.3, abs=0.01)
    assert found.crops.faithful != found.crops.natural
    assert len(found.path) == 12
    assert found.path_chart is not None
    for figure in (found.bit_map, found.bits_by_level, found.path_chart):
        assert len(figure.to_json()) < 20_000
    assert "bits" in table_of(found.bit_map)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 1100)])
def test_small_and_thin_pictures_have_levels_too(height: int, width: int) -> None:
    ramp = np.arange(3 * height * width).reshape(height, width, 3) * 11 % 251
    found = explained(cc.Signal.image(ramp.astype(np.uint8)))
    assert found.levels[-1].sides == found.sides == (min(width, 512), 8)
    assert (found.path_chart is None) == (not found.path)


def test_a_picture_of_one_colour_has_nothing_to_look_at() -> None:
    with pytest.raises(cc.CombinerError, match="one colour"):
        explained(cc.Signal.image(np.full((50, 60, 3), 9, np.uint8)))
