"""The Results tab shows what the files of benchmarks hold, whatever that is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import standing
from benchmarks.rate_distortion.rows import OTHERS, OURS, Job, OtherJob, Row
from benchmarks.standing import Standing
from demo.results import tab
from demo.results.views import View, chart, read_views

CURVE = {
    "version": 1,
    "name": "Codec",
    "kind": "image",
    "source": "A paper",
    "note": "mean over 24 images",
    "points": [[0.1, 25.0], [0.2, 27.5]],
}
RATES = (0.1, 0.2, 0.3, 0.4)


def write_rows(path: Path, codec: str, gain_db: float, files: int = 3) -> None:
    """Results of one codec at four rates, `gain_db` better than 20 dB at 0.1 bpp."""
    benchmark = OURS if codec in ("multires", "siren") else OTHERS
    jobs = [
        Job(f"{number}.png", rate, "bpp", codec)
        if benchmark is OURS
        else OtherJob(f"{number}.png", "bpp", codec, 100 * rate)
        for number in range(files)
        for rate in RATES
    ]
    rows = []
    for job in jobs:
        rate = job.point if benchmark is OURS else job.point / 100
        psnr_db = 20 + gain_db + 10 * rate + int(job.file[0])
        rows.append(Row(job, round(1000 * rate), rate, psnr_db, 1, 0.1, 100, 1))
    run = {"machine": {}, "commit": "1234567", "packages": {}, "command": ""}
    content = {"version": 2, "kind": benchmark.kind, "runs": [run]}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**content, "rows": [asdict(row) for row in rows]}))


def write_curve(folder: Path, **changes: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "curve.json").write_text(json.dumps({**CURVE, **changes}))


def by_name(folder: Path) -> dict[str, View]:
    return {view.name: view for view in read_views(folder)}


def test_measured_and_published_curves_are_drawn(tmp_path: Path) -> None:
    write_rows(tmp_path / "results" / "ours-kodak.json", "multires", 1.0)
    write_rows(tmp_path / "results" / "others-kodak.json", "webp", 0.0)
    write_rows(tmp_path / "results" / "trial-kodak.json", "siren", 0.0, files=1)
    write_curve(tmp_path / "published")
    views = by_name(tmp_path)
    photographs = views["kodak-psnr"]
    assert photographs.files == 3
    assert list(photographs.measured) == ["multires balanced", "webp"]
    assert photographs.ours == ["multires balanced"]
    rate, psnr_db = photographs.measured["webp"][0]
    assert 0.099 < rate < 0.13
    assert psnr_db == pytest.approx(21 + 10 * max(rate, 0.1), abs=0.1)
    names = [trace.name for trace in chart(photographs).data]
    assert names == ["multires balanced", "WebP", "Codec (published)"]
    text = tab.sources(photographs)
    assert "Means over 3 files" in text
    assert "A paper" in text
    for empty in ("kodak-ssimulacra2", "music-visqol-audio"):
        assert views[empty].measured == {}
    assert "no results of this kind" in tab.sources(views["speech-pesq-wb"])


def test_where_we_stand_is_told_in_words(tmp_path: Path) -> None:
    write_rows(tmp_path / "results" / "ours-kodak.json", "multires", 1.0)
    write_rows(tmp_path / "results" / "others-kodak.json", "webp", 0.0)
    (found,) = standing.standings(tmp_path)
    text = tab.standing_table([found, Standing("<b>", "PSNR", "opus (voip)", "behind", "far")])
    assert "Photographs" in text
    assert "<td>WebP</td><td>ahead</td><td>" in text
    assert "fewer bytes" in text
    assert "<td>Opus (voip)</td><td>behind</td><td>far</td>" in text
    assert "&lt;b&gt;" in text
    assert "no results yet" in tab.standing_table([])


def test_tab_lives_without_results_and_with_damaged_ones(tmp_path: Path) -> None:
    assert {view.files for view in read_views(tmp_path)} == {0}
    write_curve(tmp_path / "published", points=[[0.2, 25.0], [0.1, 26.0]])
    write_rows(tmp_path / "results" / "others-kodak.json", "webp", 0.0)
    (tmp_path / "results" / "noise-kodak.json").write_bytes(b"\x00\xff")
    views = by_name(tmp_path)
    assert list(views["kodak-psnr"].measured) == ["webp"]
    assert views["kodak-psnr"].published == {}
    for view in views.values():
        chart(view)
        tab.sources(view)


def test_a_name_is_text_and_not_markup(tmp_path: Path) -> None:
    write_curve(tmp_path / "published", name="<b>", source="<script>")
    text = tab.sources(by_name(tmp_path)["kodak-psnr"])
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_shipped_results_are_all_there() -> None:
    views = by_name(tab.FOLDER)
    photographs = views["kodak-psnr"]
    assert {"COIN", "COIN++", "MSCN", "VC-INR", "RECOMBINER", "C3", "VTM 18.0", "MLIC++"} <= set(
        photographs.published
    )
    assert {"Cool-Chic 3.4", "Cool-Chic 5.0.1", "ELIC", "LotteryCodec"} <= set(
        photographs.published
    )
    assert any(name.startswith("multires") for name in photographs.ours)
    assert any(name.startswith("siren") for name in photographs.ours)
    for name, codecs in (
        ("kodak-ssimulacra2", {"avif (tune=psnr)", "avif (tune=iq)", "jxl", "webp"}),
        ("graphics-ssimulacra2", {"jpeg", "jxl"}),
        ("speech-pesq-wb", {"opus (voip)", "mp3"}),
        ("music-visqol-audio", {"opus (audio)", "mp3"}),
    ):
        assert codecs <= set(views[name].measured)
        assert any(setting.startswith("multires") for setting in views[name].ours)
