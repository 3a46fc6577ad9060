"""Executors: results, errors, threads, events, lost workers, tasks that are stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from itertools import chain, repeat
from pathlib import Path
from threading import Lock

import executor_work as work
import pytest

from combiner_core.errors import CombinerError
from combiner_core.executors import (
    EXECUTORS,
    Executor,
    Resources,
    WorkerLostError,
    completed,
    executor_named,
)

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "ray":
        pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    with pytest.MonkeyPatch.context() as patch:
        # where workers of a cluster find what they are to import
        patch.setenv("PYTHONPATH", f"{ROOT}:{Path(__file__).parent}")
        # or they wait for whatever else runs here
        patch.setenv("RAY_worker_niceness", "0")
        with executor_named(request.param, workers=2, preload=["executor_work"]) as executor:
            yield executor


def until(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        # who has ended but was not waited for yet
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_results_and_errors_come_back(executor: Executor) -> None:
    assert executor.slots == 2
    assert executor.submit(work.square, 7).result() == 49
    with pytest.raises(ValueError, match="not 7"):
        executor.submit(work.fail, 7).result()


def test_what_cannot_be_sent_is_an_error_and_the_next_is_done(executor: Executor) -> None:
    for _ in range(2 * executor.slots):
        with pytest.raises(TypeError, match="pickle"):
            executor.submit(work.square, Lock()).result()  # type: ignore[arg-type]
    assert executor.submit(work.square, 3).result() == 9


def test_each_task_has_one_thread_in_another_process(executor: Executor) -> None:
    found = [executor.submit(work.threads, number).result() for number in range(4)]
    assert {threads for threads, _ in found} == {1}
    assert os.getpid() not in {process for _, process in found}


def test_each_argument_comes_back_once(executor: Executor) -> None:
    found = {
        number: future.result() for number, future in completed(executor, work.square, range(40))
    }
    assert found == {number: number * number for number in range(40)}


def test_few_arguments_are_asked_for_ahead(executor: Executor) -> None:
    asked = 0

    def endless() -> Iterator[int]:
        nonlocal asked
        while True:
            asked += 1
            yield asked

    results = completed(executor, work.square, endless())
    for done in range(1, 20):
        next(results)
        assert asked <= done + 2 * executor.slots
    results.close()  # type: ignore[attr-defined]


def test_events_come_before_the_result(executor: Executor) -> None:
    told: list[int] = []
    future = executor.stream(work.count, 5, told.append)
    assert future.result() == "5 steps"
    until(lambda: len(told) == 5)
    assert told == [0, 1, 2, 3, 4]


def test_a_task_that_runs_can_be_stopped(executor: Executor, tmp_path: Path) -> None:
    marker, told = tmp_path / "process", list[int]()
    future = executor.stream(work.wait_for_ever, str(marker), told.append)
    until(lambda: told)
    process = int(marker.read_text())
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result()
    until(lambda: not is_alive(process))
    assert executor.submit(work.square, 3).result() == 9
    assert told == [1]


def test_a_lost_worker_is_replaced_and_its_task_done_again(
    executor: Executor, tmp_path: Path
) -> None:
    places = [str(tmp_path / str(number)) for number in range(3)]
    found = {place: future.result() for place, future in completed(executor, work.die_once, places)}
    assert found == dict.fromkeys(places, "alive")


def test_a_task_that_always_loses_its_worker_is_given_up(
    executor: Executor, tmp_path: Path
) -> None:
    place = tmp_path / "deaths"
    ((_, future),) = completed(executor, work.die, [str(place)])
    assert isinstance(future.exception(), WorkerLostError)
    assert place.read_text() == "xxx"
    assert executor.submit(work.square, 3).result() == 9


def test_who_stops_asking_stops_all_tasks(executor: Executor, tmp_path: Path) -> None:
    markers = [tmp_path / name for name in ("first", "second")]
    idle = 0

    def stop() -> None:
        nonlocal idle
        idle += 1
        if all(marker.exists() and marker.read_text() for marker in markers):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(completed(executor, work.wait_long, list(map(str, markers)), idle=stop))
    assert idle
    for marker in markers:
        process = int(marker.read_text())
        until(lambda process=process: not is_alive(process))


@pytest.mark.parametrize("executor", ["ray"], indirect=True)
def test_a_cluster_that_grows_begins_what_waits(
    executor: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no task ends meanwhile."""
    sizes = chain([1], repeat(2))
    monkeypatch.setattr(executor, "_count_slots", lambda: next(sizes))
    monkeypatch.setattr(executor, "_asked_at", -10.0)  # not a moment ago
    markers = [tmp_path / name for name in ("first", "second")]

    def stop() -> None:
        if all(marker.exists() and marker.read_text() for marker in markers):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(completed(executor, work.wait_long, list(map(str, markers)), idle=stop))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "There cannot be 0 workers."),
        ({"address": "here:1"}, "An address is of the executor ray, not of local."),
        ({"resources": Resources(gpus=0.5)}, "are of the executor ray, not of local."),
    ],
)
def test_impossible_executors_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(CombinerError, match=words):
        executor_named("local", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{"threads": 0}, {"gpus": -1.0}, {"gpus": 1.5}, {"memory_bytes": -1}]
)
def test_impossible_resources_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(CombinerError, match="A task cannot have"):
        Resources(**options)  # type: ignore[arg-type]
