"""The job queue: runs that live on the server, whether or not anybody watches."""

from __future__ import annotations

import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Self

import combiner_core as cc
from demo.baselines import BaselineComparison, ComparisonState, Ours
from demo.jobs.files import keep, keep_alone, take
from demo.jobs.job import JobView, Outcome, State, Task
from demo.jobs.lanes import Lanes
from demo.jobs.pace import Pace, stages_of
from demo.jobs.run_times import RunTimes
from demo.media import Extent
from demo.scheduling import Ticket, Visitor
from demo.settings import InputLimits
from demo.work import Encode, Made, Opened, Source
from demo.workers import StoppedError, Work
from demo.workers.protocol import EventT

# Ended jobs, in all and of one visitor: results must be there long enough to be fetched.
_MAX_KEPT, _MAX_OF_ONE = 256, 32
# Other codecs would take the processor from a short run.
_CURVES_AFTER_S = 2.0
_EncodeEvent = Opened | cc.Progress | Made


@dataclass(eq=False)
class _Job:
    id: str
    visitor: Visitor
    task: Task
    view: JobView
    folder: Path
    ticket: Ticket[_EncodeEvent] | None = None
    extent: Extent | None = None
    pace: Pace | None = None
    comparison: BaselineComparison | None = None
    has_curves: bool = False
    points: list[tuple[int, float]] = field(default_factory=list)
    passes: int = 0
    ended_at: float | None = None
    companion: str | None = None

    def open(self, opened: Opened, times: RunTimes) -> None:
        """Take note of what is compressed, and how long that usually takes."""
        self.extent, options = Extent.of(opened.shape), self.view.options
        usual_s = times.usual_s(self.extent, options)
        self.pace = Pace(stages_of(options, self.extent.kind), usual_s)
        self.view = replace(
            self.view,
            budget_bytes=opened.budget_bytes,
            notes=opened.notes,
            file_bytes=0 if opened.has_frames else self.view.file_bytes,
            extent=self.extent,
        )

    def see(self, progress: cc.Progress) -> None:
        """Take note of an event."""
        assert self.pace is not None
        if progress.phase == "code":
            bits = progress.committed_bits
            if self.points and bits < self.points[-1][0]:
                self.points.clear()  # The encoder began its code anew.
                self.passes += 1
            self.points.append((bits, progress.psnr_db))
        before, is_new = self.view.progress, progress.preview is not None
        if before is not None and not is_new:
            progress = replace(progress, preview=before.preview)
        fraction = self.pace.see(progress)
        self.view = replace(
            self.view,
            progress=progress,
            fraction=fraction,
            left_s=self.pace.left_s(progress.elapsed_s),
            previews=self.view.previews + is_new,
        )

    def end(self, state: State, outcome: Outcome | None = None, error: str = "") -> None:
        """No more events will be looked at."""
        kept = self.view.with_small_preview()
        self.view = replace(kept, state=state, outcome=outcome, error=error)
        self.ended_at, self.ticket = time.monotonic(), None
        if outcome is None and self.comparison is not None:
            self.comparison.abandon()


class JobQueue:
    """Jobs; all methods return at once.

    Args:
        folder: for the files of the jobs.
        lanes: where the work is done; they are closed with this.
        limits: of what is compressed.
        life_s: how long an ended job is kept.

    Attributes:
        times: how long runs usually take.
    """

    def __init__(
        self, folder: Path, lanes: Lanes, limits: InputLimits, *, life_s: float = 14400.0
    ) -> None:
        self._folder, self._lanes, self._limits = folder, lanes, limits
        self._life_s = life_s
        self.times = RunTimes()
        self._jobs: dict[str, _Job] = {}
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for job_id in list(self._jobs):
            self.stop(job_id)
        self._lanes.close()
        for job in self._jobs.values():
            if job.view.outcome is None:
                shutil.rmtree(job.folder, ignore_errors=True)

    def warm_up(self) -> None:
        """Get the workers ready before the first visitor needs them."""
        self._lanes.warm_up(
            lambda gauged: self.times.see(Extent.of(gauged.shape), gauged.options, gauged.seconds)
        )

    def submit(
        self, visitor: Visitor, task: Task, ended: Callable[[], object] | None = None
    ) -> str:
        """Queue a task; returns the id of its job.

        Args:
            visitor: who asks.
            task: what for.
            ended: is called when the job is over, by another thread.

        Raises:
            QueueFullError: too many wait already.
            SignalError: the file is gone.
        """
        with self._lock:
            self._forget()
            job = self._add(visitor, task)
            if ended is not None and job.ticket is not None:
                job.ticket.result.add_done_callback(lambda result: ended())
            return job.id

    def submit_companion(self, job_id: str, visitor: Visitor) -> None:
        """Queue what a job that is done compressed, with another model; it shows in its view.

        Args:
            job_id: of the job; one whose companion has begun, and not failed, stays as it is.
            visitor: who asks for it.

        Raises:
            CombinerError: there is no such job, or it is not done.
            QueueFullError: too many wait already.
        """
        with self._lock:
            self._forget()
            job = self._jobs.get(job_id)
            if job is None or job.view.outcome is None:
                raise cc.CombinerError("The result is no longer here: compress again.")
            before = self._jobs.get(job.companion or "")
            if before is not None and before.view.state not in ("stopped", "failed"):
                return
            options, outcome = job.view.options, job.view.outcome
            model = "siren" if options.model == "multires" else "multires"
            task = Task(
                outcome.original,
                job.task.kind,
                cc.Budget(outcome.bytes_count),
                replace(options, model=model, effort="fast", tune=cc.EncodeOptions.tune),
            )
            job.companion = self._add(visitor, task, with_others=False).id

    def ask(self, visitor: Visitor, make: Callable[[], Work[EventT]]) -> Ticket[EventT]:
        """Have something short done beside the runs; `make` makes the work when it begins.

        Raises:
            QueueFullError: too much waits already.
        """
        return self._lanes.short.submit(visitor, make)

    def view(self, job_id: str | None) -> JobView | None:
        """A job as it stands; ``None`` if it is not known, or no longer."""
        with self._lock:
            self._forget()
            return self._view(job_id)

    def stop(self, job_id: str | None) -> None:
        """End a job that waits or runs, and its companion; its worker is free soon after."""
        with self._lock:
            job = self._jobs.get(job_id or "")
            tickets = []
            for each in (job, job and self._jobs.get(job.companion or "")):
                if each is not None and not each.view.ended:
                    tickets.append(each.ticket)
                    each.end("stopped")
            self._keep_few()
        for ticket in tickets:
            if ticket is not None:
                ticket.cancel()

    def ended(self) -> list[tuple[str, Path, float]]:
        """Jobs that have ended: id, folder of the files, seconds since."""
        now = time.monotonic()
        with self._lock:
            return [
                (job.id, job.folder, now - job.ended_at)
                for job in self._ended_jobs()
                if job.ended_at is not None
            ]

    def forget(self, job_id: str) -> None:
        """Let go of a job that has ended, and of its files."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and job.ended_at is not None:
                self._drop(job)

    def _add(self, visitor: Visitor, task: Task, *, with_others: bool = True) -> _Job:
        job_id = secrets.token_urlsafe(12)
        folder = self._folder / job_id
        job = _Job(job_id, visitor, task, JobView(job_id, task.name, task.options), folder)
        try:
            copy = take(task.file, folder)
            job.view = replace(
                job.view,
                file=copy,
                frame_s=task.frame_s,
                is_painted=task.importance is not None,
                file_bytes=copy.stat().st_size,
            )
            open_file = partial(self._open, copy, task.kind, task.frame_s)
            ticket = self._lanes.runs.submit(
                visitor,
                lambda: Encode(
                    open_file(None),
                    task.budget,
                    task.options,
                    task.title,
                    task.importance,
                    task.most_bytes,
                ),
                partial(self._see, job, open_file, with_others),
            )
        except cc.CombinerError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        job.ticket = ticket
        self._jobs[job_id] = job
        ticket.result.add_done_callback(partial(self._ended, job))
        return job

    def _open(
        self,
        uploaded: Path,
        kind: cc.signals.Kind | None,
        frame_s: float | None,
        file: Path | None,
    ) -> Source:
        """What was handed in, or another file of the same job."""
        if file is not None:
            return Source.read(file, kind, self._limits)
        return Source.read(uploaded, kind, self._limits, frame_s)

    def _view(self, job_id: str | None) -> JobView | None:
        job = self._jobs.get(job_id or "")
        if job is None:
            return None
        state, place = job.view.state, 0
        if job.ticket is not None:
            waits = not (job.ticket.result.running() or job.ticket.result.done())
            state, place = ("waiting", job.ticket.place) if waits else ("running", 0)
        return replace(
            job.view,
            state=state,
            place=place,
            points=tuple(job.points),
            passes=job.passes,
            comparison=job.comparison.state() if job.comparison else ComparisonState(),
            companion=self._view(job.companion),
        )

    def _forget(self) -> None:
        """Let go of jobs that ended long ago."""
        latest = time.monotonic() - self._life_s
        for job in self._ended_jobs():
            if job.ended_at is not None and job.ended_at < latest:
                self._drop(job)

    def _keep_few(self) -> None:
        """Let go of the oldest ended jobs of who has most or too many."""
        kept = self._ended_jobs()
        while kept:
            ((most, count),) = Counter(job.visitor for job in kept).most_common(1)
            if len(kept) <= _MAX_KEPT and count <= _MAX_OF_ONE:
                break
            oldest = next(job for job in kept if job.visitor == most)
            kept.remove(oldest)
            self._drop(oldest)

    def _ended_jobs(self) -> list[_Job]:
        return [job for job in self._jobs.values() if job.ended_at is not None]

    def _drop(self, job: _Job) -> None:
        if job.comparison is not None:
            job.comparison.abandon()
        del self._jobs[job.id]
        shutil.rmtree(job.folder, ignore_errors=True)

    def _see(
        self,
        job: _Job,
        open_file: Callable[[Path | None], Source],
        with_others: bool,
        event: _EncodeEvent,
    ) -> None:
        """An event of a run, told by the thread that follows it."""
        with self._lock:
            if job.view.ended or isinstance(event, Made):
                return
            if isinstance(event, Opened):
                job.open(event, self.times)
                if job.comparison is not None:
                    return  # It began anew, with another worker.
                job.comparison = BaselineComparison(
                    event.shape.kind,
                    open_file,
                    job.folder / job.task.name,
                    self._lanes.background,
                    job.visitor,
                    with_others=with_others,
                )
                return
            job.see(event)
            if event.elapsed_s > _CURVES_AFTER_S:
                self._draw_curves(job)

    def _draw_curves(self, job: _Job) -> None:
        if not job.has_curves and job.comparison is not None:
            job.has_curves = True
            job.comparison.draw_curves()

    def _ended(self, job: _Job, result: Future[_EncodeEvent]) -> None:
        """A run is over, however it ended."""
        outcome, error = None, ""
        try:
            made = result.result()
            if isinstance(made, Made) and job.extent is not None:
                outcome = keep(made, job.extent, job.task.name, job.folder)
        except (CancelledError, StoppedError):
            pass
        except cc.CombinerError as reason:
            error = str(reason)
        with self._lock:
            if job.view.ended:
                # What was handed in is kept, as of a run that failed: it may be asked for again.
                keep_alone(job.folder)
                return
            state: State = "done" if outcome else "failed" if error else "stopped"
            job.end(state, outcome, error)
            if outcome is not None:
                self.times.see(outcome.extent, job.view.options, outcome.seconds["total"])
                if job.comparison is not None:
                    job.comparison.compare(_ours(outcome))
                    self._draw_curves(job)
            self._keep_few()


def _ours(outcome: Outcome) -> Ours:
    return Ours(
        outcome.original,
        outcome.decoded,
        outcome.compressed,
        outcome.bytes_count,
        outcome.psnr_db,
        outcome.encode_s,
        outcome.decode_s,
    )
