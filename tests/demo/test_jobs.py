"""The queue of jobs: order, stopping, what is kept, comparisons in the background."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from encoding import QUICK, set_effort

import combiner_core as cc
from combiner_core.siren import codec as siren_codec
from demo.baselines import OURS
from demo.compress.report import report_of
from demo.jobs import JobQueue, JobView, QueueFullError, Task

WAIT_S = 60.0
ENDLESS = cc.EncodeOptions(model="siren", effort="best", device="cpu")
SHORT = cc.EncodeOptions(model="multires", effort="fast", device="cpu")


@pytest.fixture(scope="module")
def presets(
    tiny_presets: Path, multires_presets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Both families in one folder."""
    folder = tmp_path_factory.mktemp("both")
    for source in (tiny_presets, multires_presets):
        for file in source.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def queue(presets: Path, tmp_path: Path) -> Iterator[JobQueue]:
    with JobQueue(tmp_path, device="cpu", presets=presets, queue_length=2) as queue:
        yield queue


@pytest.fixture
def short(photo: cc.Signal) -> Task:
    return Task(photo, "photo", 1500, SHORT)


@pytest.fixture
def endless(photo: cc.Signal) -> Task:
    return Task(photo, "photo", 250, ENDLESS)


def await_view(queue: JobQueue, job_id: str, wanted: Callable[[JobView], object]) -> JobView:
    """The job as it stands when it is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        view = queue.view(job_id)
        assert view is not None
        if wanted(view):
            return view
        time.sleep(0.01)
    raise AssertionError(f"the job stayed {view.state}: {view.error}")


def test_a_result_is_kept_in_files(queue: JobQueue, short: Task) -> None:
    view = await_view(queue, queue.submit(short), lambda view: view.ended)
    outcome = view.outcome
    assert outcome is not None
    data = outcome.compressed.read_bytes()
    decoded = queue.decode(data)
    assert len(data) == outcome.bytes_count <= 1500
    assert np.array_equal(cc.load(outcome.original).values, short.signal.values)
    assert np.array_equal(cc.load(outcome.decoded).values, decoded.values)
    assert outcome.psnr_db == pytest.approx(cc.psnr_db(short.signal, decoded))
    bits = [point for point, _ in view.points]
    assert bits == sorted(bits)
    assert view.fraction <= 1


def test_other_codecs_are_measured_afterwards(queue: JobQueue, short: Task) -> None:
    view = await_view(queue, queue.submit(short), lambda view: view.settled)
    entries = view.comparison.entries
    assert set(entries) == {OURS, "jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000"}
    ours = entries[OURS]
    assert ours is not None
    assert view.outcome is not None
    assert ours.psnr_db == pytest.approx(view.outcome.psnr_db)
    for entry in entries.values():
        if entry is not None:
            assert entry.bytes_count <= 1500
            assert cc.load(entry.file).values.shape == short.signal.values.shape
    assert set(view.comparison.curves) == {"jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000"}
    report = json.loads(json.dumps(report_of(view, view.outcome)))
    assert report["result"]["bytes"] == view.outcome.bytes_count
    assert set(report["codecs"]) == set(entries)


def test_jobs_wait_in_order_and_no_more_than_may(
    queue: JobQueue, endless: Task, short: Task
) -> None:
    first = queue.submit(endless)
    await_view(queue, first, lambda view: view.state == "running")
    second, third = queue.submit(short), queue.submit(short)
    places = [await_view(queue, each, lambda view: True).place for each in (second, third)]
    assert places == [1, 2]
    with pytest.raises(QueueFullError, match="full"):
        queue.submit(short)
    queue.stop(second)
    queue.stop(first)
    assert await_view(queue, third, lambda view: view.ended).state == "done"
    assert await_view(queue, second, lambda view: True).state == "stopped"


def test_a_stopped_job_says_so_at_once_and_frees_the_worker(
    queue: JobQueue, endless: Task, short: Task
) -> None:
    job_id = queue.submit(endless)
    await_view(queue, job_id, lambda view: view.progress is not None)
    queue.stop(job_id)
    view = queue.view(job_id)
    assert view is not None
    assert view.state == "stopped"
    assert view.settled
    assert await_view(queue, queue.submit(short), lambda view: view.ended).state == "done"
    assert await_view(queue, job_id, lambda view: True).state == "stopped"


def test_decoding_does_not_wait_for_the_run(queue: JobQueue, endless: Task, short: Task) -> None:
    done = await_view(queue, queue.submit(short), lambda view: view.ended)
    assert done.outcome is not None
    job_id = queue.submit(endless)
    await_view(queue, job_id, lambda view: view.state == "running")
    assert queue.decode(done.outcome.compressed.read_bytes(), fraction=0.5).kind == "image"
    assert await_view(queue, job_id, lambda view: True).state == "running"


def test_a_failed_job_tells_the_reason(queue: JobQueue, short: Task) -> None:
    view = await_view(queue, queue.submit(replace(short, budget_bytes=3)), lambda view: view.ended)
    assert view.state == "failed"
    assert view.error.startswith("A budget of 3 bytes is too small")
    assert view.settled


def test_the_other_model_joins_a_result(
    queue: JobQueue, short: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_effort(monkeypatch, siren_codec, "fast", QUICK)
    job_id = queue.submit(replace(short, budget_bytes=250))
    await_view(queue, job_id, lambda view: view.ended)
    queue.submit_companion(job_id)
    view = await_view(queue, job_id, lambda view: view.settled)
    companion = view.companion
    assert companion is not None
    assert companion.outcome is not None
    assert companion.options.model == "siren"
    assert companion.outcome.bytes_count <= 250
    assert set(companion.comparison.entries) == {OURS}


def test_a_companion_needs_a_result(queue: JobQueue) -> None:
    with pytest.raises(cc.CombinerError, match="no longer here"):
        queue.submit_companion("nothing")


def test_ended_jobs_are_forgotten_with_their_files(
    presets: Path, tmp_path: Path, short: Task
) -> None:
    with JobQueue(tmp_path, device="cpu", presets=presets, life_s=0.2) as queue:
        job_id = queue.submit(short)
        deadline = time.monotonic() + WAIT_S
        while queue.view(job_id) is not None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


def test_nobody_is_told_of_a_job_without_its_id(queue: JobQueue, short: Task) -> None:
    job_id = queue.submit(short)
    assert len(job_id) >= 16
    for guess in ("", None, job_id[:-1]):
        assert queue.view(guess) is None
    queue.stop("nothing")
