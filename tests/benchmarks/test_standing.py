"""Where we stand: verdicts from intervals, in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rate_distortion_examples import RATES, row

from benchmarks import standing
from benchmarks.rate_distortion.rows import OTHERS, OURS, Row

FILES = "abcdef"


def results(folder: Path, name: str, rows: Sequence[Row]) -> None:
    (folder / "results").mkdir(exist_ok=True)
    for benchmark, part in (
        (OURS, [one for one in rows if not one.job.is_baseline]),
        (OTHERS, [one for one in rows if one.job.is_baseline]),
    ):
        run = {"machine": {}, "commit": "", "packages": {}, "command": ""}
        content = {"version": 2, "kind": benchmark.kind, "runs": [run]}
        content["rows"] = [asdict(one) for one in part]
        path = folder / "results" / f"{benchmark.kind}-{name}.json"
        path.write_text(json.dumps(content))


def scored(one: Row) -> Row:
    return replace(one, scores={"ssimulacra2": one.psnr_db or 0})


def test_verdicts_follow_the_intervals(tmp_path: Path) -> None:
    gains = dict(zip(FILES, (0.7, 1.4, 0.8, 1.3, 0.9, 1.1), strict=True))
    ours = [row(file, rate, "multires", 1.25) for file in FILES for rate in RATES]
    others = [
        row(file, rate, codec, gain)
        for file in FILES
        for rate in RATES
        for codec, gain in (
            ("avif (tune=psnr)", 2.5),
            ("jxl", 1.25 * gains[file]),
            ("webp", 1.0),
        )
    ]
    results(tmp_path, "kodak", [*ours, *others])
    found = {one.anchor: one for one in standing.standings(tmp_path)}
    assert {name: one.verdict for name, one in found.items()} == {
        "avif (tune=psnr)": "behind",
        "jxl": "equal",
        "webp": "ahead",
    }
    assert found["avif (tune=psnr)"].detail == "2.0 times the bytes (+100 to +100 %)"
    assert found["webp"].detail == "20 % fewer bytes (-20 to -20 %)"
    assert "| Photographs | PSNR | webp | **ahead** |" in standing.table([*found.values()])


def test_what_is_never_as_good_is_compared_at_equal_bytes(tmp_path: Path) -> None:
    ours = [scored(row(file, rate, "multires")) for file in FILES for rate in RATES]
    better = [scored(row(file, rate, "avif (tune=iq)", 1e3)) for file in FILES for rate in RATES]
    results(tmp_path, "graphics", [*ours, *better])
    (found,) = standing.standings(tmp_path)
    assert (found.subject, found.measure) == ("Graphics", "SSIMULACRA2")
    assert (found.verdict, found.detail) == ("behind", "-30.0 at equal bytes")


def test_published_means_are_averaged_alike(tmp_path: Path) -> None:
    ours = [row(file, rate, "multires", 1.25) for file in FILES for rate in RATES]
    # at equal settings the files differ in their rates, as those of encoders do
    avif = [
        replace(one, actual_rate=one.actual_rate * factor)
        for file, factor in zip(FILES, (0.5, 2.0) * 3, strict=True)
        for one in (row(file, rate, "avif (tune=psnr)") for rate in RATES)
        if one.actual_rate is not None
    ]
    results(tmp_path, "kodak", [*ours, *avif])
    (tmp_path / "published").mkdir()
    curve = {"version": 1, "name": "C3", "kind": "image", "source": "there", "note": "all"}
    curve["points"] = [[one.actual_rate, one.psnr_db] for one in ours[: len(RATES)]]
    (tmp_path / "published" / "c3.json").write_text(json.dumps(curve))
    found = {one.anchor: one for one in standing.standings(tmp_path)}
    # the same means, but theirs at equal settings: ours alike would be a quarter dearer
    assert found["C3"].verdict == "behind"
    assert found["C3"].detail == "25 % more bytes (published means)"


def test_without_results_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert standing.standings(tmp_path) == []


@pytest.mark.slow
def test_what_is_judged_has_been_measured() -> None:
    folder = Path(standing.__file__).parent
    subjects = {one.subject for one in standing.standings(folder)}
    assert subjects == {"Photographs", "Graphics", "Speech", "Music"}
