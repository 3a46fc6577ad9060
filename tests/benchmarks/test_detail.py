"""Side by side pictures of sampled detail, and what it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from signal_files import picture

from benchmarks.detail import measure, tables


def test_detail_is_shown_beside_the_faithful_picture(tmp_path: Path) -> None:
    pytest.importorskip("ssimulacra2")
    grain = np.random.default_rng(1).normal(0, 12, (96, 120, 3))
    pixels = np.clip(picture(96, 120) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "grain.png")
    row = measure.run(measure.Job("grain.png", 1.0, "fast"), tmp_path, 1, tmp_path / "shown")
    assert row.bytes <= 96 * 120 / 8
    assert 0 < row.detail < 1
    # what is sampled is not what was there
    assert row.detailed_db < row.faithful_db
    with Image.open(tmp_path / "shown" / "grain.webp") as shown:
        assert shown.height == 96
        assert shown.width == 3 * 120 + 2 * 6
    assert "grain.webp" in tables.table([row])
