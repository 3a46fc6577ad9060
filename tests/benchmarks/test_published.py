"""Curves that others published: means, and single files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rate_distortion.curves import by_file
from benchmarks.rate_distortion.published import (
    PublishedCurve,
    PublishedFiles,
    frame_of,
    read_published,
    read_published_files,
)
from combiner_core import CombinerError

PUBLISHED = Path(__file__).resolve().parents[2] / "benchmarks" / "published"
CURVE = {
    "version": 1,
    "name": "Codec",
    "kind": "image",
    "source": "A paper",
    "note": "mean over 24 images",
    "points": [[0.1, 25.0], [0.2, 27.5]],
}


def write_curve(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "curve.json").write_text(json.dumps({**CURVE, **changes}))


def test_published_curve_is_read(tmp_path: Path) -> None:
    write_curve(tmp_path)
    expected = PublishedCurve(
        "Codec", "image", ((0.1, 25.0), (0.2, 27.5)), "A paper", "mean over 24 images"
    )
    assert read_published(tmp_path) == [expected]
    assert read_published(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"kind": "film"},
        {"points": []},
        {"points": [[0.1, 25.0, 1.0]]},
        {"points": [[0.1, 25.0], [0.1, 26.0]]},
        {"points": [[-0.1, 25.0]]},
        {"points": [[0.1, "high"]]},
        {"points": [[0.1, float("nan")]]},
        {"source": ""},
        {"averaged_at": "will"},
        {"colour": "red"},
    ],
)
def test_damaged_published_curve_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_curve(tmp_path, **changes)
    with pytest.raises(CombinerError, match=r"^curve\.json is not a file of a published curve\.$"):
        read_published(tmp_path)


@given(content=st.binary(max_size=60))
def test_any_bytes_are_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "published-noise"
    folder.mkdir(exist_ok=True)
    (folder / "curve.json").write_bytes(content)
    with pytest.raises(CombinerError, match=r"^curve\.json"):
        read_published(folder)


@pytest.mark.parametrize(
    "files", [{}, {"a": []}, {"a": [[0.2, 25.0], [0.1, 26.0]]}, [1, 2], {"a": [[0.1]]}]
)
def test_damaged_files_are_refused(tmp_path: Path, files: Any) -> None:
    content = {**CURVE, "files": files}
    del content["points"]
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "codec.json").write_text(json.dumps(content))
    with pytest.raises(CombinerError, match=r"^codec\.json is not a file of a published curve\.$"):
        read_published_files(tmp_path)


def test_single_files_become_curves() -> None:
    points = ((0.1, 25.0), (0.2, 27.5))
    published = PublishedFiles("Codec", "image", {"a": points, "b": points}, "there", "two")
    curves = by_file(frame_of([published]), "psnr_db")
    assert set(curves) == {"a", "b"}
    assert list(zip(curves["a"].rates, curves["a"].quality, strict=True)) == list(points)


def test_shipped_curves_have_sources(tmp_path: Path) -> None:
    curves, files = read_published(PUBLISHED), read_published_files(PUBLISHED)
    assert len(curves) >= 12
    assert all(len(curve.source) > 20 for curve in [*curves, *files])
    assert {found.name for found in files} == {"Cool-Chic 3.4", "Cool-Chic 5.0.1"}
    assert all(len(found.files) == 12 for found in files)
    shutil.copytree(PUBLISHED, tmp_path / "copy")
    assert read_published(tmp_path / "copy") == curves
