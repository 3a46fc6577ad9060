"""Commands that are killed, many visitors: the benchmarks run, and find what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.reliability import app, hostile, kills, load, tables
from benchmarks.reliability.client import Client, RefusedError, page_events
from benchmarks.reliability.rows import HOSTILE, Claimed, Decoding, Job, Row
from benchmarks.reliability.visits import Notes, Visitor
from combiner_core.errors import CombinerError


@pytest.mark.long
def test_killed_commands_leave_whole_files(tmp_path: Path) -> None:
    rows = list(kills.measure(tmp_path, rounds=1))
    names = ["encode", "train siren", "train multires", "benchmarks rd"]
    assert [row["command"] for row in rows] == names
    assert all(row["rounds"] == 1 for row in rows)


def test_a_half_written_file_is_found(tmp_path: Path) -> None:
    encoding, *_ = kills.victims(tmp_path)
    output = tmp_path / "encode" / "picture.cmb"
    output.parent.mkdir()
    assert encoding.check() == "none"
    output.write_bytes(b"CMB1 but not all of it")
    with pytest.raises(CombinerError):
        encoding.check()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_few_visitors_at_once_are_all_answered_and_nothing_stays() -> None:
    row = load.run(Job(3, 0.3, workers=2, files_life_s=10, most_memory=1.3))
    assert row.counts["runs done"] > 0
    assert row.counts["uploads"] >= row.counts["runs done"]
    assert {"compress", "page", "progress", "stop"} <= set(row.waits_s) | {"compress", "stop"}
    assert 0 < row.first_picture_s <= row.first_result_s
    assert row.memory_mb[1] >= 0.9 * row.memory_mb[0] > 0
    assert "runs done" in tables.of_load([row])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_visitor_notices_what_must_not_happen(tmp_path: Path) -> None:
    """Of an app that gives a run no time, which is not what visitors call clear."""
    notes = Notes()

    async def come(url: str) -> None:
        async with Client.at(url, "127.0.0.2", await page_events(url)) as client:
            visitor = Visitor(client, notes, 0)
            await visitor.do(visitor.use_as_program)

    with app.running(tmp_path, "--max-run-s", "0.001") as served:
        asyncio.run(come(served.url))
    (fault,) = notes.faults
    assert fault.startswith("use_as_program: It took longer than 0.001 s")


@pytest.mark.parametrize(
    ("sentence", "is_clear"),
    [("The queue is full: try again in a minute.", True), ("It failed: the log says why.", False)],
)
def test_only_clear_refusals_are_no_faults(sentence: str, is_clear: bool) -> None:
    notes = Notes()

    async def refused() -> None:
        raise RefusedError(sentence)

    async def do(habit: Callable[[], Awaitable[None]]) -> None:
        async with Client.at("http://127.0.0.1:9", "127.0.0.2", {}) as client:
            await Visitor(client, notes, 0).do(habit)

    asyncio.run(do(refused))
    assert notes.counts["refusals"] == is_clear
    assert len(notes.faults) == (not is_clear)


def test_the_table_tells_what_was_noticed() -> None:
    row = Row(
        Job(50, 10, 2),
        9.5,
        0.5,
        4.0,
        {"runs done": 1234},
        {"stop": (0.1, 0.4, 0.9)},
        (900.0, 1800.0, 910.0),
        (3.0, 40.0, 3.0),
    )
    text = tables.of_load([row])
    assert "50 visitors, 2 workers, 10 minutes" in text
    assert "| runs done | 1,234 |" in text
    assert "| wait for stop | 0.10 s; 95 % within 0.40 s; at most 0.90 s |" in text
    assert "| memory before, at most, after | 900.0, 1,800.0, 910.0 MB |" in text


@pytest.mark.slow
def test_hostile_files_are_decoded_or_refused_by_their_claims(tmp_path: Path) -> None:
    names = ["`multires`, 1048576 x 22", "`multires`, 48 kHz, 29.9 million samples"]
    assert set(names) < set(hostile.CLAIMS)
    output = tmp_path / "hostile.json"
    jobs = [Claimed(name, threads=1) for name in names]
    rows = list(HOSTILE.measure_missing(jobs, hostile.run, output, processes=1))
    wide, long = rows
    assert wide.answer.startswith("refused: The image is 1,048,576 x 22 pixels")
    assert long.answer == "decoded: 29,900,000 samples"
    assert long.cpu_s > wide.cpu_s
    assert max(row.bytes for row in rows) < 100
    assert max(row.peak_memory_mb for row in rows) < 2000
    with pytest.raises(CombinerError, match="no claim"):
        hostile.run(Claimed("nothing"))


def test_the_table_of_hostile_files_tells_what_they_cost() -> None:
    row = Decoding(Claimed("much"), 1234, "decoded: 3 x 2 pixels", 5.25, 2.625, 400.0, 1000.0)
    text = tables.of_hostile([row])
    assert "| much | 1,234 | decoded: 3 x 2 pixels | 5.2 | 2.6 | 1.05 |" in text
