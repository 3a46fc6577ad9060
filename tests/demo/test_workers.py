"""Workers: processes whose end costs one piece of work and one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest
from works import Abort, Count, Crash, Fill, HoldInterpreter, Pid, Raise, Sleep

import combiner_core as cc
from demo.workers import (
    LocalExecutor,
    MemoryLimitError,
    RunLimits,
    Setup,
    StoppedError,
    TimeLimitError,
    Work,
    WorkerDiedError,
    WorkFailedError,
    machine,
)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "assets" / "examples"
PATIENT = RunLimits(600, 8 << 30)
WAIT_S = 120.0


@pytest.fixture
def make() -> Iterator[Callable[..., LocalExecutor]]:
    made: list[LocalExecutor] = []

    def executor(limits: RunLimits = PATIENT, **setup: object) -> LocalExecutor:
        made.append(LocalExecutor(Setup(device="cpu", **setup), limits))  # type: ignore[arg-type]
        return made[-1]

    yield executor
    for each in made:
        each.close()


def await_end(pid: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_events_come_one_by_one(make: Callable[..., LocalExecutor]) -> None:
    events = iter(make().submit(Count(3, 0.5)))
    assert next(events) == 0
    seen_s = time.monotonic()
    assert list(events) == [1, 2]
    assert time.monotonic() - seen_s > 0.9


def test_a_worker_is_used_again_and_has_its_threads(make: Callable[..., LocalExecutor]) -> None:
    executor = make(threads=3)
    first, second = (list(executor.submit(Pid())) for _ in range(2))
    assert first == second
    assert first[0][1] == 3
    assert first[0][0] != os.getpid()


@pytest.mark.parametrize(
    ("work", "error", "sentence"),
    [
        (Crash(), WorkerDiedError, r"The process that worked on it crashed; nothing else"),
        (Abort(), WorkerDiedError, r"The process that worked on it crashed; nothing else"),
        (Raise("Too wide.", True), cc.SignalError, r"Too wide\."),
        (Raise("details of the server", False), WorkFailedError, r"It failed: the log"),
    ],
    ids=["crash", "abort", "refusal", "fault"],
)
def test_a_failure_is_one_sentence_and_the_next_work_is_done(
    make: Callable[..., LocalExecutor],
    work: Work[object],
    error: type[cc.CombinerError],
    sentence: str,
) -> None:
    executor = make()
    with pytest.raises(error, match=f"^{sentence}") as failure:
        list(executor.submit(work))
    assert str(failure.value).count(".") == 1
    assert "details" not in str(failure.value)
    assert list(executor.submit(Count(2))) == [0, 1]


def test_what_takes_too_long_is_ended(make: Callable[..., LocalExecutor]) -> None:
    events = iter(make(RunLimits(1.5, 8 << 30)).submit(HoldInterpreter()))
    pid = next(events)
    with pytest.raises(TimeLimitError, match=r"^It took longer than 1\.5 s, "):
        list(events)
    await_end(pid)


def test_what_needs_too_much_memory_is_ended(make: Callable[..., LocalExecutor]) -> None:
    limits = RunLimits(600, 1200 << 20)
    assert list(make(limits).submit(Fill(100))) == [6]
    with pytest.raises(MemoryLimitError, match=r"^It needed more than 1,200 MB of memory, "):
        list(make(limits).submit(Fill(8000)))


@pytest.mark.parametrize("work", [Count(10_000, 0.05), Sleep(), HoldInterpreter()])
def test_what_is_stopped_ends_soon(make: Callable[..., LocalExecutor], work: Work[int]) -> None:
    executor = make()
    run = executor.submit(work)
    events = iter(run)
    next(events)
    run.stop()
    stopped_s = time.monotonic()
    with pytest.raises(StoppedError):
        list(events)
    assert time.monotonic() - stopped_s < WAIT_S  # Much less than it would still take.
    assert list(executor.submit(Count(1))) == [0]


def test_a_worker_that_stops_by_itself_is_kept(make: Callable[..., LocalExecutor]) -> None:
    executor = make()
    ((pid, _),) = executor.submit(Pid())
    run = executor.submit(Count(10_000, 0.01))
    events = iter(run)
    next(events)
    run.stop()
    with pytest.raises(StoppedError):
        list(events)
    assert next(iter(executor.submit(Pid())))[0] == pid


def test_a_worker_that_died_before_it_had_work_costs_nothing(
    make: Callable[..., LocalExecutor],
) -> None:
    executor = make(rehearsal=Crash())
    executor.warm_up()
    assert list(executor.submit(Count(2))) == [0, 1]


def test_workers_that_die_while_they_get_ready_cost_nothing(
    make: Callable[..., LocalExecutor],
) -> None:
    assert list(make().submit(Count(1))) == [0]  # What workers are forked from is loaded.
    executor = make(rehearsal=Crash(pause_s=1.5))
    warming = Thread(target=executor.warm_up)
    warming.start()
    time.sleep(0.5)
    assert list(executor.submit(Count(2))) == [0, 1]
    warming.join()


def test_a_worker_that_dies_between_its_works_is_replaced(
    make: Callable[..., LocalExecutor],
) -> None:
    executor = make()
    ((pid, _),) = executor.submit(Pid())
    os.kill(pid, signal.SIGKILL)
    ((other, _),) = executor.submit(Pid())
    assert other != pid


def test_a_rehearsal_ends_when_there_is_work(make: Callable[..., LocalExecutor]) -> None:
    executor = make(rehearsal=Count(10_000, 0.1))
    warming = Thread(target=executor.warm_up)
    warming.start()
    began_s = time.monotonic()
    assert list(executor.submit(Count(2))) == [0, 1]
    assert time.monotonic() - began_s < WAIT_S  # Much less than the rehearsal would take.
    executor.close()
    warming.join()


def test_nothing_is_left_of_what_is_closed(make: Callable[..., LocalExecutor]) -> None:
    executor = make()
    events = iter(executor.submit(HoldInterpreter()))
    pid = next(events)
    closing = Thread(target=executor.close)
    closing.start()
    with pytest.raises(cc.CombinerError):
        list(events)
    closing.join()
    await_end(pid)
    with pytest.raises(StoppedError):
        list(executor.submit(Count(1)))


PARENT = """
import sys
from threading import Thread
sys.path += [{tests!r}]
from works import HoldInterpreter, Sleep
from demo.workers import RunLimits, LocalExecutor, Setup

def follow(executor, work):
    for pid in executor.submit(work):
        print(pid, flush=True)

executor = LocalExecutor(Setup(device="cpu"), RunLimits(600, 8 << 30))
for work in (HoldInterpreter(), Sleep()):
    Thread(target=follow, args=(executor, work)).start()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    body = PARENT.format(tests=str(ROOT / "tests" / "demo")).replace("\n", "\n    ")
    script.write_text(f"if __name__ == '__main__':\n    {body}\n")
    with subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        family = psutil.Process(parent.pid).children(recursive=True)
        assert {each.pid for each in family} > set(workers)
        parent.send_signal(how)
        parent.wait(WAIT_S)
        for each in family:
            await_end(each.pid)


def test_a_machine_has_cores_and_memory() -> None:
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert 0 < machine.memory_bytes() <= psutil.virtual_memory().total


@pytest.mark.slow
def test_rehearsing_at_set_up_leaves_nothing_to_compile(tmp_path: Path) -> None:
    def compiled(*arguments: str) -> dict[str, int]:
        variables = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", *arguments]
        subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True)
        return {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb[ci]")}

    rehearsed = compiled("demo.work")
    assert rehearsed
    file, bytes_each = str(tmp_path / "file.cmb"), ("--bytes", "3000", "--device", "cpu")
    for example in ("portrait.png", "reader-125.flac"):
        asked = (str(EXAMPLES / example), *bytes_each, "--tune", "perceptual", "--effort", "fast")
        assert compiled("combiner_core", "encode", *asked, "-o", file) == rehearsed
