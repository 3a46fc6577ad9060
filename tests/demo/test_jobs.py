"""The queue of jobs: stopping, limits, what is kept, comparisons in the background."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from waiting import WAIT_S, await_that
from works import CrashingSource

import combiner_core as cc
from combiner_core.signals import AudioShape, to_signal
from demo.baselines import OURS, BaselineComparison, Ours
from demo.compress.report import report_of
from demo.jobs import Capacity, JobQueue, JobView, Lanes, Task
from demo.media import Extent, lossless
from demo.scheduling import QueueFullError, Visitor
from demo.settings import InputLimits
from demo.work import Decode, Decoded, Measure, Part, Source
from demo.workers import TimeLimitError

ANNA, BEN = (Visitor("198.51.100.1", name) for name in ("anna", "ben"))
LIMITS = InputLimits(24_000_000, 600)
ENDLESS = cc.EncodeOptions(model="siren", effort="best", device="cpu")
SHORT = cc.EncodeOptions(model="multires", effort="fast", device="cpu")


@pytest.fixture
def make(both_presets: Path, tmp_path: Path) -> Iterator[Callable[..., JobQueue]]:
    with ExitStack() as stack:

        def queue(life_s: float = 14400.0, **capacity: object) -> JobQueue:
            lanes = Lanes(Capacity(**{"device": "cpu", "presets": both_presets, **capacity}))  # type: ignore[arg-type]
            return stack.enter_context(JobQueue(tmp_path / "jobs", lanes, LIMITS, life_s=life_s))

        yield queue


@pytest.fixture
def queue(make: Callable[..., JobQueue]) -> JobQueue:
    return make(max_waiting=2)


@pytest.fixture
def photo_file(photo: cc.Signal, tmp_path: Path) -> Path:
    cc.save(photo, tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def short(photo_file: Path) -> Task:
    return Task(photo_file, "image", cc.Budget(1500), SHORT)


@pytest.fixture
def endless(photo_file: Path) -> Task:
    return Task(photo_file, None, cc.Budget(250), ENDLESS)


def await_view(queue: JobQueue, job_id: str, wanted: Callable[[JobView], object]) -> JobView:
    """The job as it stands when it is as wanted."""
    view = await_that(lambda: queue.view(job_id), lambda view: view is None or wanted(view))
    assert view is not None
    return view


def decode(queue: JobQueue, data: bytes, fraction: float = 1.0) -> cc.Signal:
    """A file decoded by a worker."""
    work = Decode("photo.cmb", data, (Part("Decoded", fraction),))
    decoded: Decoded = queue.ask(BEN, lambda: work).result.result(WAIT_S)
    (rendering,) = decoded.renderings
    signal = to_signal(rendering.content)
    assert signal.shape == rendering.shape
    return signal


def test_a_result_is_kept_in_files(queue: JobQueue, short: Task, photo: cc.Signal) -> None:
    view = await_view(queue, queue.submit(ANNA, short), lambda view: view.ended)
    outcome = view.outcome
    assert outcome is not None
    data = outcome.compressed.read_bytes()
    decoded = decode(queue, data)
    assert len(data) == outcome.bytes_count <= 1500
    assert np.array_equal(cc.load(outcome.original).values, photo.values)
    assert np.array_equal(cc.load(outcome.decoded).values, decoded.values)
    assert outcome.psnr_db == pytest.approx(cc.psnr_db(photo, decoded))
    bits = [point for point, _ in view.points]
    assert bits == sorted(bits)
    assert view.fraction <= 1


def test_a_run_that_has_ended_keeps_a_small_picture(queue: JobQueue, short: Task) -> None:
    view = await_view(queue, queue.submit(ANNA, short), lambda view: view.ended)
    assert view.progress is not None
    assert view.progress.preview is not None
    assert max(view.progress.preview.shape) <= 512
    picture = np.arange(2000 * 900 * 3, dtype=np.uint8).reshape(2000, 900, 3)
    large = replace(view, progress=replace(view.progress, preview=picture))
    kept = large.with_small_preview().progress
    assert kept is not None
    assert kept.preview is not None
    assert np.array_equal(kept.preview, picture[::4, ::4])
    assert kept.preview.base is None


def test_other_codecs_are_measured_afterwards(
    queue: JobQueue, short: Task, photo: cc.Signal
) -> None:
    view = await_view(queue, queue.submit(ANNA, short), lambda view: view.settled)
    entries = view.comparison.entries
    assert set(entries) == {OURS, "jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000"}
    ours = entries[OURS]
    assert ours is not None
    assert view.outcome is not None
    assert ours.psnr_db == pytest.approx(view.outcome.psnr_db)
    for entry in entries.values():
        if entry is not None:
            assert entry.bytes_count <= 1500
            assert cc.load(entry.file).values.shape == photo.values.shape
    assert set(view.comparison.curves) == {"jpeg", "webp", "avif-psnr", "avif-iq", "jpeg2000"}
    report = json.loads(json.dumps(report_of(view, view.outcome)))
    assert report["result"]["bytes"] == view.outcome.bytes_count
    assert set(report["codecs"]) == set(entries)


def test_jobs_wait_in_order_and_no_more_than_may(
    queue: JobQueue, endless: Task, short: Task
) -> None:
    first = queue.submit(ANNA, endless)
    await_view(queue, first, lambda view: view.state == "running")
    second, third = queue.submit(ANNA, short), queue.submit(ANNA, short)
    places = [await_view(queue, each, lambda view: True).place for each in (second, third)]
    assert places == [1, 2]
    with pytest.raises(QueueFullError, match="full"):
        queue.submit(ANNA, short)
    queue.stop(second)
    queue.stop(first)
    assert await_view(queue, third, lambda view: view.ended).state == "done"
    assert await_view(queue, second, lambda view: True).state == "stopped"


def test_a_stopped_job_says_so_at_once_and_frees_the_worker(
    queue: JobQueue, endless: Task, short: Task
) -> None:
    job_id = queue.submit(ANNA, endless)
    await_view(queue, job_id, lambda view: view.progress is not None)
    queue.stop(job_id)
    view = queue.view(job_id)
    assert view is not None
    assert view.state == "stopped"
    assert view.settled
    assert await_view(queue, queue.submit(ANNA, short), lambda view: view.ended).state == "done"
    assert await_view(queue, job_id, lambda view: True).state == "stopped"


def test_decoding_does_not_wait_for_the_run(queue: JobQueue, endless: Task, short: Task) -> None:
    done = await_view(queue, queue.submit(ANNA, short), lambda view: view.ended)
    assert done.outcome is not None
    job_id = queue.submit(ANNA, endless)
    await_view(queue, job_id, lambda view: view.state == "running")
    assert decode(queue, done.outcome.compressed.read_bytes(), 0.5).kind == "image"
    assert await_view(queue, job_id, lambda view: True).state == "running"


def test_a_failed_job_tells_the_reason(queue: JobQueue, short: Task) -> None:
    view = await_view(
        queue, queue.submit(ANNA, replace(short, budget=cc.Budget(3))), lambda view: view.ended
    )
    assert view.state == "failed"
    assert view.error.startswith("A budget of 3 bytes is too small")
    assert view.settled
    assert view.file is not None
    assert view.file.read_bytes() == short.file.read_bytes()  # To be tried in another way.


@pytest.mark.slow
def test_the_other_model_joins_a_result(
    queue: JobQueue, short: Task, photo: cc.Signal, tmp_path: Path
) -> None:
    cc.save(cc.Signal.image(photo.values[:32, :32]), tmp_path / "corner.png")
    task = replace(short, file=tmp_path / "corner.png", budget=cc.Budget(250))
    job_id = queue.submit(ANNA, task)
    await_view(queue, job_id, lambda view: view.ended)
    queue.submit_companion(job_id, ANNA)
    queue.stop(job_id)
    stopped = await_view(queue, job_id, lambda view: view.settled).companion
    assert stopped is not None
    assert stopped.state == "stopped"
    queue.submit_companion(job_id, ANNA)
    view = await_view(queue, job_id, lambda view: view.settled)
    companion = view.companion
    assert companion is not None
    queue.submit_companion(job_id, ANNA)  # There is one.
    again = queue.view(job_id)
    assert again is not None
    assert again.companion is not None
    assert again.companion.id == companion.id
    assert companion.outcome is not None
    assert companion.options.model == "siren"
    assert companion.outcome.bytes_count <= 250
    assert set(companion.comparison.entries) == {OURS}


def test_a_companion_needs_a_result(queue: JobQueue) -> None:
    with pytest.raises(cc.CombinerError, match="no longer here"):
        queue.submit_companion("nothing", ANNA)


def test_ended_jobs_are_forgotten_with_their_files(
    make: Callable[..., JobQueue], tmp_path: Path, short: Task
) -> None:
    queue = make(life_s=0.2)
    job_id = queue.submit(ANNA, short)
    await_that(lambda: queue.view(job_id), lambda view: view is None)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_file_may_go_while_its_job_waits(queue: JobQueue, endless: Task, short: Task) -> None:
    first = queue.submit(ANNA, endless)
    second = queue.submit(ANNA, short)
    short.file.unlink()
    queue.stop(first)
    assert await_view(queue, second, lambda view: view.ended).state == "done"
    with pytest.raises(cc.SignalError, match=r"^photo\.png is no longer here"):
        queue.submit(ANNA, short)


def test_of_what_is_stopped_only_what_was_handed_in_is_kept(
    queue: JobQueue, endless: Task, tmp_path: Path
) -> None:
    jobs = [queue.submit(ANNA, endless) for _ in range(3)]
    with pytest.raises(QueueFullError):
        queue.submit(ANNA, endless)
    await_view(queue, jobs[0], lambda view: view.progress is not None)
    for job_id in jobs:
        queue.stop(job_id)
    folders = [tmp_path / "jobs" / job_id for job_id in jobs]
    await_that(
        lambda: [file for folder in folders for file in folder.rglob("*") if file.is_file()],
        lambda files: files == [folder / "uploaded" / endless.file.name for folder in folders],
    )
    for job_id in jobs:
        queue.forget(job_id)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_closing_with_work_waiting_leaves_no_file(
    both_presets: Path, tmp_path: Path, endless: Task
) -> None:
    lanes = Lanes(Capacity("cpu", both_presets))
    with JobQueue(tmp_path / "jobs", lanes, LIMITS) as queue:
        jobs = [queue.submit(ANNA, endless) for _ in range(3)]
        await_view(queue, jobs[0], lambda view: view.progress is not None)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_run_that_takes_too_long_fails_alone(
    make: Callable[..., JobQueue], endless: Task, photo_file: Path
) -> None:
    queue = make(max_run_s=2.0)
    view = await_view(queue, queue.submit(ANNA, endless), lambda view: view.ended)
    assert view.state == "failed"
    assert view.error == ("It took longer than 2 s, the most that is given here, and was ended.")
    measured = queue.ask(ANNA, lambda: Measure(Source.read(photo_file, "image", LIMITS)))
    assert measured.result.result(WAIT_S).shape.values_count == 3 * 96 * 64


def test_a_run_that_needs_too_much_memory_fails_alone(
    make: Callable[..., JobQueue], short: Task
) -> None:
    queue = make(max_memory_bytes=64 << 20)  # Less than the libraries alone.
    view = await_view(queue, queue.submit(ANNA, short), lambda view: view.ended)
    assert view.state == "failed"
    assert view.error.startswith("It needed more than 64 MB of memory")


def test_a_crash_of_a_codec_costs_one_row(
    queue: JobQueue, photo: cc.Signal, tmp_path: Path
) -> None:
    opened = count()

    def open_file(_: Path | None) -> Source:
        kind = CrashingSource if next(opened) == 2 else Source
        return kind("photo.png", lossless(photo), "image", LIMITS)

    stem, background = tmp_path / "photo", queue._lanes.background
    comparison = BaselineComparison("image", open_file, stem, background, ANNA)
    comparison.compare(Ours(stem, stem, stem, 1500, 30.0, 1.0, 1.0))
    state = await_that(comparison.state, lambda state: state.complete)
    assert set(state.entries) == {OURS, "webp", "avif-psnr", "avif-iq", "jpeg2000"}
    assert state.failures == {
        "jpeg": "The process that worked on it crashed; nothing else is affected."
    }


def test_decoding_that_takes_too_long_is_ended(
    make: Callable[..., JobQueue], queue: JobQueue, short: Task
) -> None:
    done = await_view(queue, queue.submit(ANNA, short), lambda view: view.ended)
    assert done.outcome is not None
    data = done.outcome.compressed.read_bytes()
    hasty = make(max_run_s=0.01)
    with pytest.raises(TimeLimitError):
        decode(hasty, data)


def test_visitors_with_few_results_keep_them(
    make: Callable[..., JobQueue], photo_file: Path
) -> None:
    queue = make(max_waiting=200, max_waiting_each=200)
    refused = Task(photo_file, "audio", cc.Budget(1500), SHORT)
    crowd = [Visitor("198.51.100.1", str(number)) for number in range(20)]
    asked = {}

    def kept_after(*visitors: Visitor) -> Counter[Visitor]:
        for each in visitors:
            asked[job_id := queue.submit(each, refused)] = each
            await_view(queue, job_id, lambda view: view.ended)
        return Counter(asked[job_id] for job_id, _, _ in queue.ended())

    assert kept_after(BEN, *[ANNA] * 36) == {BEN: 1, ANNA: 32}
    kept = kept_after(*crowd * 13)
    assert kept.total() == 256
    assert kept[BEN] == 1
    assert max(kept.values()) - min(kept[each] for each in crowd) <= 1


def test_nobody_is_told_of_a_job_without_its_id(queue: JobQueue, short: Task) -> None:
    job_id = queue.submit(ANNA, short)
    assert len(job_id) >= 16
    for guess in ("", None, job_id[:-1]):
        assert queue.view(guess) is None
    queue.stop("nothing")


def test_how_long_runs_take_is_known_from_the_start_and_learned(
    queue: JobQueue, short: Task, photo: cc.Signal
) -> None:
    extents = [Extent.of(photo.shape), Extent.of(AudioShape(16000, 1, 16000))]
    expected_s = [queue.times.usual_s(extent, SHORT) for extent in extents]
    queue.warm_up()
    await_that(
        lambda: queue.times.usual_s(extents[1], SHORT), lambda usual_s: usual_s != expected_s[1]
    )
    gauged_s = queue.times.usual_s(extents[0], SHORT)
    assert 0 < gauged_s != expected_s[0]
    job_id = queue.submit(ANNA, short)
    await_view(queue, job_id, lambda view: view.state == "done")
    assert queue.times.usual_s(extents[0], SHORT) != gauged_s
