"""Rows of results: what many visitors at once were answered, what hostile files cost."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.results_files import Benchmark


@dataclass(frozen=True)
class Job:
    """What is measured.

    Attributes:
        visitors: at a time.
        minutes: that they stay.
        workers: of the app.
        seed: of what they do.
        files_life_s: how long the app keeps files.
        most_memory: how many times what it was before, memory may be in the end. Workers keep what
            their largest run took, so that short visits of few leave more than many long ones.
    """

    visitors: int
    minutes: float
    workers: int
    seed: int = 0
    files_life_s: int = 120
    most_memory: float = 1.1


@dataclass(frozen=True)
class Row:
    """What came of it.

    Attributes:
        job: what was measured.
        start_s: from the start of the app until it was served.
        first_picture_s, first_result_s: from the first visitor's click to a picture of its
            progress, and to the result; in seconds.
        counts: runs and decodings done, refusals for want of room, and so on.
        waits_s: median, 95th percentile and most of the seconds that visitors waited, by what for.
        memory_mb: of all processes of the app, before, at most, and after; in MiB.
        disk_mb: of its files, likewise.
    """

    job: Job
    start_s: float
    first_picture_s: float
    first_result_s: float
    counts: dict[str, int]
    waits_s: dict[str, tuple[float, float, float]]
    memory_mb: tuple[float, float, float]
    disk_mb: tuple[float, float, float]


@dataclass(frozen=True)
class Claimed:
    """A file made to cost much.

    Attributes:
        name: what it claims.
        threads: that decode it.
    """

    name: str
    threads: int = 2


@dataclass(frozen=True)
class Decoding:
    """What decoding it took.

    Attributes:
        job: the file.
        bytes: of the file.
        answer: the size of what was decoded, or why it was refused.
        cpu_s, wall_s: of decoding, the model loaded and kernels compiled, in seconds.
        idle_memory_mb: largest resident size of the process before.
        peak_memory_mb: largest resident size of the process.
    """

    job: Claimed
    bytes: int
    answer: str
    cpu_s: float
    wall_s: float
    idle_memory_mb: float
    peak_memory_mb: float


LOAD = Benchmark("load", Job, Row)
HOSTILE = Benchmark("hostile", Claimed, Decoding)
