"""Workers on a real Ray cluster of this machine: the page's runs, their limits, hosts that die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from works import Count, Crash, Fill, HoldInterpreter, Pid, Raise, Sleep

import combiner_core as cc
from combiner_core.executors import Resources
from demo.capacity import capacity_of
from demo.jobs import Capacity, JobQueue, JobView, Lanes, Task
from demo.scheduling import Visitor
from demo.settings import InputLimits, Settings
from demo.workers import (
    MemoryLimitError,
    RunLimits,
    Setup,
    StoppedError,
    TimeLimitError,
    Work,
    WorkerDiedError,
    WorkFailedError,
)
from demo.workers.cluster import Cluster, ClusterExecutor, Machine

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SMALL = RunLimits(600, 1200 << 20)
LIMITS = InputLimits(24_000_000, 600)
ANNA = Visitor("198.51.100.1", "anna")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        # where workers of a cluster find what they are to import
        patch.setenv("PYTHONPATH", f"{ROOT}:{Path(__file__).parent}")
        # or they wait for whatever else runs here
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_ADDRESS", "")
        made = Cluster(cores=2)
        yield made
        made.close()


@pytest.fixture(scope="module")
def executor(cluster: Cluster) -> Iterator[ClusterExecutor]:
    made = cluster.executor(Setup(device="cpu"), SMALL, resources=Resources(1))
    yield made
    made.close()


def hosts() -> set[int]:
    """Actors of the cluster of this process."""
    family = psutil.Process().children(recursive=True)
    return {each.pid for each in family if each.name().startswith("ray::_Host")}


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def host_of(worker: int) -> int:
    """The actor above a worker's process."""
    above = {each.pid for each in psutil.Process(worker).parents()}
    (host,) = above & hosts()
    return host


def test_events_come_one_by_one_from_a_worker_with_its_threads(executor: ClusterExecutor) -> None:
    events = iter(executor.submit(Count(3, 0.5)))
    assert next(events) == 0
    seen_s = time.monotonic()
    assert list(events) == [1, 2]
    assert time.monotonic() - seen_s > 0.9
    ((pid, threads),) = executor.submit(Pid())
    assert threads == 1
    assert host_of(pid) != os.getpid()
    assert list(executor.submit(Pid())) == [(pid, threads)]


@pytest.mark.parametrize(
    ("work", "error", "sentence"),
    [
        (Raise("Too wide.", True), cc.SignalError, r"Too wide\."),
        (Raise("details of the server", False), WorkFailedError, r"It failed: the log"),
        (Fill(8000), MemoryLimitError, r"It needed more than 1,200 MB of memory, "),
        (Crash(), WorkerDiedError, r"The process that worked on it crashed; nothing else"),
    ],
    ids=["refusal", "fault", "memory", "crash"],
)
def test_a_failure_is_one_sentence_and_the_next_work_is_done(
    executor: ClusterExecutor, work: Work[object], error: type[cc.CombinerError], sentence: str
) -> None:
    with pytest.raises(error, match=f"^{sentence}") as failure:
        list(executor.submit(work))
    assert "details" not in str(failure.value)
    assert list(executor.submit(Count(2))) == [0, 1]


@pytest.mark.parametrize("work", [Count(10_000, 0.05), HoldInterpreter()], ids=["soon", "never"])
def test_what_is_stopped_ends_soon(executor: ClusterExecutor, work: Work[int]) -> None:
    run = executor.submit(work)
    events = iter(run)
    next(events)
    run.stop()
    with pytest.raises(StoppedError):
        list(events)
    assert list(executor.submit(Count(1))) == [0]


def test_a_host_that_dies_costs_a_retry(executor: ClusterExecutor) -> None:
    run = executor.submit(Sleep())
    events = iter(run)
    first = next(events)
    lost = host_of(first)
    os.kill(lost, signal.SIGKILL)
    second = next(events)
    assert second != first
    assert host_of(second) != lost
    run.stop()
    with pytest.raises(StoppedError):
        list(events)


def test_what_takes_too_long_is_ended_and_nothing_is_left(cluster: Cluster) -> None:
    executor = cluster.executor(Setup(device="cpu"), RunLimits(1.0, 8 << 30))
    events = iter(executor.submit(HoldInterpreter()))
    worker = next(events)
    host = host_of(worker)
    with pytest.raises(TimeLimitError, match=r"^It took longer than 1 s, "):
        list(events)
    executor.close()
    while any(map(is_alive, (host, worker))):
        time.sleep(0.05)
    with pytest.raises(StoppedError):
        list(executor.submit(Count(1)))


def await_view(queue: JobQueue, job_id: str, wanted: Callable[[JobView], object]) -> JobView:
    """The job as it stands when it is as wanted."""
    while True:
        view = queue.view(job_id)
        assert view is not None
        if wanted(view):
            return view
        assert not view.ended, view.error
        time.sleep(0.02)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_jobs_of_the_page_outlive_their_workers(
    cluster: Cluster, photo: cc.Signal, tiny_presets: Path, tmp_path: Path
) -> None:
    small = cc.Signal.image(photo.values[:24, :32])
    cc.save(small, tmp_path / "photo.png")
    options = cc.EncodeOptions(model="siren", effort="fast", device="cpu")
    task = Task(tmp_path / "photo.png", "image", cc.Budget(120), options)
    lanes = Lanes(Capacity("cpu", tiny_presets, max_memory_bytes=1 << 30), cluster)
    with JobQueue(tmp_path / "jobs", lanes, LIMITS) as queue:
        before = hosts()
        job = queue.submit(ANNA, task)
        await_view(queue, job, lambda view: view.progress)
        (lost,) = hosts() - before
        os.kill(lost, signal.SIGKILL)
        view = await_view(queue, job, lambda view: view.ended)
        assert view.state == "done", view.error
        assert hosts() - before - {lost}
        assert view.outcome is not None
        assert view.outcome.compressed.stat().st_size <= 120

        stopped = queue.submit(ANNA, task)
        await_view(queue, stopped, lambda view: view.state == "running")
        queue.stop(stopped)
        view = queue.view(stopped)
        assert view is not None
        assert view.state == "stopped"


def test_a_cluster_is_shared_out_by_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    machines = [Machine(1, 4 << 30), Machine(8, 32 << 30, 1.0), Machine(5, 10 << 30)]
    capacity = capacity_of(Settings(executor="ray"), machines)
    assert (capacity.workers, capacity.threads, capacity.device) == (6, 2, "cpu")
    assert capacity.max_memory_bytes == 4 << 30
    on_gpus = capacity_of(Settings(executor="ray", gpus_per_worker=0.25), machines)
    assert (on_gpus.workers, on_gpus.device, on_gpus.gpus) == (4, "auto", 0.25)
