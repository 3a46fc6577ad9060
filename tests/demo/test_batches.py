"""Several files at once: turns, what is refused, the list and the zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import await_that

import combiner_core as cc
from demo.compress.budgets import Known, Wish
from demo.compress.several import Chosen, zipped
from demo.jobs import MAX_FILES, Batches, BatchView, Capacity, JobQueue, Lanes, Task
from demo.media import Extent
from demo.scheduling import QueueFullError, Visitor
from demo.settings import InputLimits

ANNA, BEN = (Visitor("198.51.100.1", name) for name in ("anna", "ben"))
FAST = cc.EncodeOptions(effort="fast", device="cpu")


@pytest.fixture
def queue(multires_presets: Path, tmp_path: Path) -> Iterator[JobQueue]:
    with ExitStack() as stack:
        capacity = Capacity("cpu", multires_presets, max_waiting_each=1)
        limits = InputLimits(24_000_000, 600)
        yield stack.enter_context(JobQueue(tmp_path / "jobs", Lanes(capacity), limits))


@pytest.fixture
def tasks(photo: cc.Signal, tmp_path: Path) -> list[Task]:
    """Of five files, of which the second is none."""
    found = []
    for name in ("first", "bad", "second", "third", "fourth"):
        file = tmp_path / f"{name}.png"
        cc.save(photo, file)
        if name == "bad":
            file.write_bytes(b"no picture")
        found.append(Task(file, "image", cc.Budget(0.8, "bpp"), FAST))
    return found


def await_batch(
    batches: Batches, batch_id: str, wanted: Callable[[BatchView], object]
) -> BatchView:
    view = await_that(lambda: batches.view(batch_id), lambda view: view is None or wanted(view))
    assert view is not None
    return view


def test_all_are_done_in_turn_though_only_one_may_wait(queue: JobQueue, tasks: list[Task]) -> None:
    batches = Batches(queue)
    batch_id = batches.submit(ANNA, tasks)
    begun = batches.view(batch_id)
    assert begun is not None
    assert sum(bool(item.job_id) for item in begun.items) <= 2
    other = queue.submit(BEN, tasks[0])  # There is room for others.
    view = await_batch(batches, batch_id, lambda view: view.ended)
    assert [each.name for each in view.results] == ["first", "second", "third", "fourth"]
    refused = view.items[1].view
    assert refused is not None
    assert "bad.png" in refused.error
    ended = await_that(lambda: queue.view(other), lambda view: view is None or view.ended)
    assert ended is not None
    assert ended.state == "done"


def test_a_batch_is_stopped_as_a_whole(queue: JobQueue, tasks: list[Task]) -> None:
    batches = Batches(queue)
    batch_id = batches.submit(ANNA, tasks)
    batches.stop(batch_id)
    view = await_batch(batches, batch_id, lambda view: view.ended)
    assert view.results == []
    assert view.items[-1].error == "Stopped before its turn."


def test_no_more_than_may_be(queue: JobQueue, tasks: list[Task]) -> None:
    batches = Batches(queue)
    with pytest.raises(cc.CombinerError, match=f"At most {MAX_FILES} files"):
        batches.submit(ANNA, tasks[:1] * (MAX_FILES + 1))
    paper = cc.EncodeOptions(model="siren", effort="best", device="cpu")
    long = Task(tasks[0].file, "image", cc.Budget(250), paper)
    ids = [queue.submit(ANNA, long), queue.submit(ANNA, long)]
    with pytest.raises(QueueFullError):
        batches.submit(ANNA, tasks)
    for each in ids:
        queue.stop(each)


def test_an_own_size_is_the_same_for_a_pixel_of_each() -> None:
    extent = Extent("image", "100 x 100", 10_000, 30_000)
    known = Known("first.png", extent, 30_000, 9_000)
    assert Wish("own", 1000).budget_each("image", known) == cc.Budget(0.8, "bpp")
    assert Wish("small", 1000).budget_each("image", None) == cc.Budget(0.15, "bpp")
    with pytest.raises(cc.BudgetError, match="still being looked into"):
        Wish("own", 1000).budget_each("image", None)


def test_what_browsers_say_was_chosen_is_bounded() -> None:
    hostile: list[object] = [None, 3, {"path": 5}, {"name": "x" * 999, "error": "y" * 999}]
    chosen = Chosen.of([*hostile, *({"name": "a", "path": f"/{n}"} for n in range(MAX_FILES + 1))])
    assert len(chosen.paths) == MAX_FILES
    assert max(len(text) for pair in chosen.refused for text in pair) <= 200
    assert chosen.refused[-1] == ("a", f"At most {MAX_FILES} files are taken at once.")
    assert Chosen.of("what") == Chosen()


def test_what_was_refused_is_a_sentence_until_a_run_begins() -> None:
    chosen = Chosen(("/a/one.png", "/a/bad.png")).without("/a/bad.png", "bad.png is empty.")
    assert chosen.paths == ("/a/one.png",)
    assert chosen.refusal == "bad.png is empty."
    assert replace(chosen, taken=True).refusal == ""
    nameless = Chosen(refused=(("late.png", "It did not arrive."),))
    assert nameless.refusal == "late.png cannot be used: It did not arrive."
    many = Chosen(refused=tuple((f"{number}.png", "") for number in range(9)))
    assert many.refusal == "9 files cannot be used: 0.png, 1.png, 2.png, 3.png and 5 others."


def test_the_zip_keeps_names_apart_and_has_no_paths(tmp_path: Path) -> None:
    files = []
    for folder, name in (("a", "Photo.cmb"), ("b", "photo.cmb"), ("c", "..\\other.cmb")):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / name)
        files[-1].write_bytes(folder.encode())
    with zipfile.ZipFile(io.BytesIO(zipped(files))) as archive:
        assert archive.namelist() == ["Photo.cmb", "photo-2.cmb", ".._other.cmb"]
        assert [archive.read(name) for name in archive.namelist()] == [b"a", b"b", b"c"]
