"""Batches on this machine, in fresh processes: outputs, results, errors, runs that are cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from batch_tools import (
    BUDGET,
    QUICK,
    command,
    environment,
    leftovers,
    outputs,
    rows,
    run,
    write_clip,
    write_pictures,
)

import combiner_core as cc
from combiner_core.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "photos")
    return tmp_path / "photos"


def test_a_folder_there_and_back(
    photos: Path,
    multires_presets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One file is bad: a row of its own, which is done in the next run, as nothing else is."""
    monkeypatch.chdir(tmp_path)
    write_clip(photos / "clip.wav")
    (photos / "below" / "bad.png").write_text("This is not a picture.")
    arguments = ("encode", "photos", "--out", "files", "--bpp", 1.4, *QUICK, "--json")
    done = run(tmp_path, multires_presets, *arguments, "--kbps", 3.2, "--workers", 2)
    assert done.returncode == 3, done.stderr
    names = ["1.png", "3.png", "below/0.png", "below/2.png", "clip.wav"]
    report, found = json.loads(done.stdout), rows(tmp_path / "files")
    assert (report["done"], report["failed"], report["skipped"]) == (5, 1, 0)
    bad = found.pop("below/bad.png")
    assert bad["output"] is None
    assert bad["error"].startswith("bad.png cannot be read: ")
    assert str(tmp_path) not in bad["error"]
    assert sorted(found) == names
    files = outputs(tmp_path / "files")
    assert sorted(files) == [f"{name}.cmb" for name in names]
    for name, row in found.items():
        assert row["output"] == f"{name}.cmb"
        assert row["bytes"] == len(files[row["output"]])
        assert row["source_bytes"] == (photos / name).stat().st_size
        assert row["seconds"] > 0
        assert (row["error"], row["notes"]) == (None, [])
    assert report["bytes"] == sum(map(len, files.values()))

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "files").rglob("*.cmb")}
    shutil.copy(photos / "1.png", photos / "below" / "bad.png")
    done = run(tmp_path, multires_presets, *arguments, "--kbps", 3.2, "--workers", 1)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["done"], report["failed"], report["skipped"]) == (1, 0, 5)
    assert rows(tmp_path / "files")["below/bad.png"]["error"] is None
    assert {path: path.stat().st_mtime_ns for path in before} == before
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `batch` is not installed")
    table = parquet.read_table(tmp_path / "files" / "results.parquet").to_pylist()
    assert {row["name"]: row for row in table} == rows(tmp_path / "files")

    assert main(["batch", *map(str, arguments), "--kbps", "4"]) == 1
    assert capsys.readouterr().err == (
        "combiner: files holds outputs of other settings (budgets): name another folder.\n"
    )

    done = run(tmp_path, multires_presets, "decode", "files", "--out", "back", "--device", "cpu",
               "--sound", "flac", "--workers", 1)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(outputs(tmp_path / "back", ".png")) == 5
    assert sorted(outputs(tmp_path / "back", ".flac")) == ["clip.wav.flac"]
    for name in names[:4]:
        original, back = cc.load(photos / name), cc.load(tmp_path / "back" / f"{name}.png")
        assert cc.psnr_db(original, back) == pytest.approx(found[name]["psnr_db"], abs=0.05)


@pytest.mark.long
def test_bytes_depend_on_neither_workers_nor_order_nor_parts(
    photos: Path, multires_presets: Path, tmp_path: Path
) -> None:
    names = sorted(path.relative_to(photos).as_posix() for path in photos.rglob("*.png"))
    lines = [json.dumps({"source": f"photos/{name}", "output": f"{name}.cmb"}) for name in names]
    (tmp_path / "list.jsonl").write_text("\n".join(reversed(lines)))
    done = run(tmp_path, multires_presets, "encode", "photos", "--out", "two", *BUDGET, *QUICK,
               "--workers", 2)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for shard in ("0/2", "1/2"):
        done = run(tmp_path, multires_presets, "encode", "list.jsonl", "--out", "one", *BUDGET,
                   *QUICK, "--workers", 1, "--shard", shard, "--json",
                   OMP_NUM_THREADS="2")  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["skipped"] == 0
    # where a manifest names outputs, results go by these
    assert sorted(rows(tmp_path / "one")) == [f"{name}.cmb" for name in names]
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
    single = [*command()[:-1], "encode", photos / names[0], "-o", tmp_path / "x.cmb"]
    subprocess.run(
        [*single, *BUDGET, *QUICK],
        env=environment(multires_presets, OMP_NUM_THREADS="1"),
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "x.cmb").read_bytes() == outputs(tmp_path / "one")[f"{names[0]}.cmb"]


@contextmanager
def started(folder: Path, presets: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(presets),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def members(session: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(number) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def recorded(out: Path) -> set[str]:
    """Files that a run which may be cut off at any time will not do again."""
    return {
        json.loads(line)["name"]
        for path in out.glob(".combiner-batch/*.jsonl")
        for line in path.read_text().splitlines()
    }


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_cut_off_goes_on_where_it_was(
    number: signal.Signals, multires_presets: Path, tmp_path: Path
) -> None:
    names, out = write_pictures(tmp_path / "photos", 8), tmp_path / "out"
    arguments = ("encode", "photos", "--out", "out", *BUDGET, *QUICK, "--workers", 2)
    with started(tmp_path, multires_presets, *arguments) as process:
        while len(recorded(out)) < 2:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.kill(process.pid, number)
        process.wait()
        assert process.returncode != 0
        # workers end by themselves, whatever became of who started them
        while members(process.pid):
            time.sleep(0.05)
    kept = recorded(out)
    assert 2 <= len(kept) < len(names)
    times = {name: (out / f"{name}.cmb").stat().st_mtime_ns for name in kept}

    done = run(tmp_path, multires_presets, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["done"], report["skipped"]) == (len(names) - len(kept), len(kept))
    assert sorted(rows(out)) == names
    assert {name: (out / f"{name}.cmb").stat().st_mtime_ns for name in kept} == times
    for data in outputs(out).values():
        cc.decode(data, models=cc.PresetLibrary(multires_presets))
    assert len(outputs(out)) == len(names)
    assert leftovers(out) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("encode", "nowhere", "--bytes", 100), "There is no nowhere."),
        (("encode", "*.tif", "--bytes", 100), "No file is like *.tif."),
        (("encode", "list.jsonl", "--bytes", 100), "There is no list.jsonl."),
        (("encode", "photos"), "Say how large files may be"),
        (("encode", "photos", "--bytes", 100, "--bpp", 1), "in bytes, or in bpp and kbps."),
        (("encode", "photos", "--bytes", 100, "--workers", 0), "There cannot be 0 workers."),
        (("encode", "photos", "--bytes", 100, "--shard", "2/2"), "no part 2 of 2"),
        (("encode", "photos", "--bytes", 100, "--shard", "half"), "half is no part"),
        (("encode", "nosuch://photos", "--bytes", 100), "There is no file system nosuch here"),
        (("decode", "photos", "--address", "here:1"), "An address is of the executor ray"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_impossible_batches_are_refused(
    arguments: tuple[object, ...],
    words: str,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(photos.parent)
    assert main(["batch", *map(str, arguments), "--out", "out"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert words in told.err
    assert outputs(photos.parent / "out") == {}
