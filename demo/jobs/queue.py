"""The job queue: runs that live on the server, whether or not anybody watches."""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from types import TracebackType
from typing import Self

import numpy as np

import combiner_core as cc
from combiner_core.options import DeviceName
from demo.baselines import CODECS, BaselineComparison, background_pool
from demo.jobs.files import keep
from demo.jobs.job import JobView, Outcome, State, Task
from demo.jobs.pace import Pace, stages_of
from demo.media import Extent

_MAX_KEPT = 64
_CURVES_AFTER_S = 2.0
_LOG = logging.getLogger(__name__)


class QueueFullError(cc.CombinerError):
    """As many runs wait as may."""


@dataclass(eq=False)
class _Job:
    id: str
    task: Task | None
    view: JobView
    comparison: BaselineComparison
    folder: Path
    pace: Pace
    points: list[tuple[int, float]] = field(default_factory=list)
    ended_at: float | None = None
    companion: str | None = None

    def see(self, progress: cc.Progress) -> None:
        """Take note of an event."""
        if progress.phase == "code":
            bits = progress.committed_bits
            if self.points and bits < self.points[-1][0]:
                self.points.clear()  # The encoder began its code anew.
            self.points.append((bits, progress.psnr_db))
        before, preview = self.view.progress, progress.preview
        is_new = preview is not None and (before is None or before.preview is not preview)
        self.view = replace(
            self.view,
            progress=progress,
            fraction=self.pace.see(progress),
            previews=self.view.previews + is_new,
        )

    def end(self, state: State, outcome: Outcome | None = None, error: str = "") -> None:
        """No more events will be looked at."""
        self.view = replace(self.view, state=state, outcome=outcome, error=error)
        self.ended_at = time.monotonic()
        self.task = None  # A large signal is not kept in memory.


class JobQueue:
    """Jobs, of which one runs at a time in the order of their coming; all methods return at once.

    Args:
        folder: for the files of the jobs.
        device: where to fit and decode.
        presets: folder of trained models; ``None`` for those shipped with the program.
        queue_length: jobs that may wait.
        life_s: how long an ended job is kept.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: DeviceName = "auto",
        presets: Path | None = None,
        queue_length: int = 8,
        life_s: float = 14400.0,
    ) -> None:
        self._folder, self._device = folder, device
        self._queue_length, self._life_s = queue_length, life_s
        self._presets = cc.PresetLibrary(presets)
        self._jobs: dict[str, _Job] = {}
        self._lock, self._closing = Lock(), Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._background = background_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        for job_id in list(self._jobs):
            self.stop(job_id)
        for job in self._jobs.values():
            job.comparison.abandon()
        for pool in (self._worker, self._decoder, self._background):
            pool.shutdown(cancel_futures=True)

    def warm_up(self) -> None:
        """Load models and compile kernels before the first visitor needs them."""
        self._worker.submit(self._warm_up)

    def submit(self, task: Task) -> str:
        """Queue a task; returns the id of its job.

        Raises:
            QueueFullError: too many wait already.
        """
        with self._lock:
            self._forget()
            return self._add(task).id

    def submit_companion(self, job_id: str) -> None:
        """Queue what a job that is done compressed, with another model; it shows in its view.

        Raises:
            CombinerError: there is no such job, or it is not done.
            QueueFullError: too many wait already.
        """
        gone = cc.CombinerError("The result is no longer here: compress again.")
        view = self.view(job_id)
        if view is None or view.outcome is None:
            raise gone
        model = "siren" if view.options.model == "multires" else "multires"
        task = Task(
            cc.load(view.outcome.original),
            view.name,
            view.outcome.bytes_count,
            replace(view.options, model=model, effort="fast"),
            view.notes,
        )
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                raise gone
            if job.companion is None:
                job.companion = self._add(task, compared=False).id

    def view(self, job_id: str | None) -> JobView | None:
        """A job as it stands; ``None`` if it is not known, or no longer."""
        with self._lock:
            self._forget()
            return self._view(job_id)

    def stop(self, job_id: str | None) -> None:
        """End a job that waits or runs, and its companion; the encoder is free soon after."""
        with self._lock:
            job = self._jobs.get(job_id or "")
            for each in (job, job and self._jobs.get(job.companion or "")):
                if each is not None and not each.view.ended:
                    each.comparison.abandon()
                    each.end("stopped")

    def ended(self) -> list[tuple[str, Path, float]]:
        """Jobs that have ended: id, folder of the files, seconds since."""
        now = time.monotonic()
        with self._lock:
            return [
                (job.id, job.folder, now - job.ended_at)
                for job in self._jobs.values()
                if job.ended_at is not None
            ]

    def forget(self, job_id: str) -> None:
        """Let go of a job that has ended, and of its files."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and job.ended_at is not None:
                self._drop(job)

    def decode(self, data: bytes, fraction: float = 1.0, scale: float = 1.0) -> cc.Signal:
        """Decompress a file, beside the job that runs; waits for the result.

        Raises:
            CombinerError: as `combiner_core.decode`.
        """
        return self._decoder.submit(
            cc.decode,
            data,
            fraction=fraction,
            scale=scale,
            device=self._device,
            models=self._presets,
        ).result()

    def _add(self, task: Task, *, compared: bool = True) -> _Job:
        active = sum(not job.view.ended for job in self._jobs.values())
        if active > self._queue_length:
            raise QueueFullError("The queue is full: try again in a minute.")
        job_id = secrets.token_urlsafe(12)
        folder = self._folder / job_id
        codecs = CODECS[task.signal.kind] if compared else ()
        comparison = BaselineComparison(task.signal, folder / task.name, self._background, codecs)
        view = JobView(
            id=job_id,
            name=task.name,
            extent=Extent.of(task.signal),
            budget_bytes=task.budget_bytes,
            options=replace(task.options, device=self._device),
            notes=task.notes,
            state="waiting",
            place=0,
            progress=None,
            fraction=0.0,
            previews=0,
            points=(),
            outcome=None,
            error="",
            comparison=comparison.state(),
            companion=None,
        )
        pace = Pace(stages_of(task.options, task.signal.kind))
        job = self._jobs[job_id] = _Job(job_id, task, view, comparison, folder, pace)
        self._worker.submit(self._work, job)
        return job

    def _view(self, job_id: str | None) -> JobView | None:
        job = self._jobs.get(job_id or "")
        if job is None:
            return None
        place = 0
        if job.view.state == "waiting":
            for other in self._jobs.values():
                if other is job:
                    break
                place += not other.view.ended
        return replace(
            job.view,
            place=place,
            points=tuple(job.points),
            comparison=job.comparison.state(),
            companion=self._view(job.companion),
        )

    def _forget(self) -> None:
        """Let go of jobs that ended long ago, and of the oldest if there are very many."""
        ended = [job for job in self._jobs.values() if job.ended_at is not None]
        too_many = len(ended) - _MAX_KEPT
        latest = time.monotonic() - self._life_s
        for index, job in enumerate(ended):
            assert job.ended_at is not None
            if index < too_many or job.ended_at < latest:
                self._drop(job)

    def _drop(self, job: _Job) -> None:
        job.comparison.abandon()
        del self._jobs[job.id]
        shutil.rmtree(job.folder, ignore_errors=True)

    def _work(self, job: _Job) -> None:
        with self._lock:
            task = job.task
            if task is None:
                return
            job.view = replace(job.view, state="running")
        try:
            self._encode(job, task)
        except cc.CombinerError as error:
            self._end(job, "failed", error=str(error))
        except Exception:
            _LOG.exception("a job failed")
            self._end(job, "failed", error="The run failed: the log of the app says why.")

    def _encode(self, job: _Job, task: Task) -> None:
        budget = cc.Budget(task.budget_bytes, "bytes")
        started, has_curves = time.monotonic(), False
        for event in cc.encode(task.signal, budget, job.view.options, self._presets):
            if job.view.ended:
                return
            is_done = isinstance(event, cc.Encoded)
            # other codecs would take the processor from a short run
            if not has_curves and (is_done or time.monotonic() - started > _CURVES_AFTER_S):
                job.comparison.draw_curves()
                has_curves = True
            if isinstance(event, cc.Encoded):
                outcome = keep(event, task, job.folder)
                if self._end(job, "done", outcome):
                    job.comparison.compare(event, outcome.decoded)
            else:
                with self._lock:
                    job.see(event)

    def _end(
        self, job: _Job, state: State, outcome: Outcome | None = None, error: str = ""
    ) -> bool:
        """End a job; False if it was stopped before."""
        with self._lock:
            if job.view.ended:
                return False
            job.end(state, outcome, error)
            if outcome is None:
                job.comparison.abandon()
            return True

    def _warm_up(self) -> None:
        noise = np.random.default_rng(0)
        signals = [
            cc.Signal.image(noise.integers(0, 256, (64, 64, 3), np.uint8)),
            cc.Signal.audio(noise.uniform(-0.5, 0.5, 8000), 16000),
        ]
        options = cc.EncodeOptions(effort="fast", device=self._device)
        for signal in signals:
            with suppress(cc.CombinerError):  # Other presets may lack this model.
                for _ in cc.encode(signal, cc.Budget(1000), options, self._presets):
                    if self._closing.is_set():
                        return
