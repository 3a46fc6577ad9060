"""The Results tab shows what the files of benchmarks hold, whatever that is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rate_distortion.published import PublishedCurve, read_published
from combiner_core import CombinerError
from demo.results import tab

CURVE = {
    "version": 1,
    "name": "Codec",
    "kind": "image",
    "source": "A paper",
    "note": "mean over 24 images",
    "points": [[0.1, 25.0], [0.2, 27.5]],
}


def write_rows(path: Path, codec: str, gain_db: float, files: int = 3) -> None:
    """Results of one codec at four rates, `gain_db` better than 20 dB at 0.1 bpp."""
    rows = [
        {
            "job": {"file": f"{number}.png", "rate": rate, "unit": "bpp", "codec": codec},
            "bytes": round(1000 * rate),
            "actual_rate": rate,
            "psnr_db": 20 + gain_db + 10 * rate + number,
            "encode_s": 1.0,
            "decode_s": 0.1,
            "peak_memory_mb": 100.0,
            "threads": 1,
        }
        for number in range(files)
        for rate in (0.1, 0.2, 0.3, 0.4)
    ]
    run = {"machine": {}, "commit": "1234567", "packages": {}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": 1, **run, "rows": rows}))


def write_curve(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "curve.json").write_text(json.dumps({**CURVE, **changes}))


def test_measured_and_published_curves_are_drawn(tmp_path: Path) -> None:
    write_rows(tmp_path / "results" / "ours.json", "multires", 1.0)
    write_rows(tmp_path / "results" / "others.json", "avif", 0.0)
    write_rows(tmp_path / "results" / "trial.json", "siren", 0.0, files=1)
    write_curve(tmp_path / "published")
    image, audio = tab.read_views(tmp_path)

    assert image.files == 3
    assert list(image.measured) == ["multires balanced", "avif"]
    assert image.ours == ["multires balanced"]
    assert image.measured["avif"][0] == pytest.approx((0.1, 22.0))
    names = [trace.name for trace in tab.chart(image).data]
    assert names == ["multires balanced", "AVIF", "Codec (published)"]
    text = tab.tables(image)
    assert "against AVIF" in text
    assert "<td>-" in text
    assert "A paper" in text
    assert "no results of this kind" in tab.tables(audio)


def test_tab_lives_without_results_and_with_damaged_ones(tmp_path: Path) -> None:
    assert [view.files for view in tab.read_views(tmp_path)] == [0, 0]
    write_curve(tmp_path / "published", points=[[0.2, 25.0], [0.1, 26.0]])
    write_rows(tmp_path / "results" / "avif.json", "avif", 0.0)
    (tmp_path / "results" / "noise.json").write_bytes(b"\x00\xff")
    image, audio = tab.read_views(tmp_path)
    assert list(image.measured) == ["avif"]
    assert image.published == []
    for view in (image, audio):
        tab.chart(view)
        tab.tables(view)


def test_a_name_is_text_and_not_markup(tmp_path: Path) -> None:
    write_curve(tmp_path / "published", name="<b>", source="<script>")
    text = tab.tables(tab.read_views(tmp_path)[0])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_shipped_results_are_all_there() -> None:
    image, audio = tab.read_views(tab.FOLDER)
    assert {"COIN", "COIN++", "MSCN", "VC-INR", "RECOMBINER", "C3", "VTM"} == {
        curve.name for curve in image.published
    }
    assert any(name.startswith("multires") for name in image.ours)
    assert any(name.startswith("siren") for name in image.ours)
    assert {"avif", "webp"} <= set(image.measured)
    assert any(name.startswith("multires") for name in audio.ours)


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


def test_shipped_curves_have_sources(tmp_path: Path) -> None:
    curves = read_published(tab.FOLDER / "published")
    assert len(curves) >= 8
    assert all(len(curve.source) > 20 for curve in curves)
    shutil.copytree(tab.FOLDER / "published", tmp_path / "copy")
    assert read_published(tmp_path / "copy") == curves
