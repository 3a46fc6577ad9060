"""Results files: JSON rows, added to one by one, with what they were measured on.

A file holds rows of one kind of benchmark and the runs that made them: command line, machine,
commit and packages. Every row names its run, so that a file which was continued elsewhere says so.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from combiner_core.errors import CombinerError
from combiner_core.executors import ExecutorName, completed, executor_named
from combiner_core.signals import write_atomically

FORMAT_VERSION = 2
# had no kind, and one run for all rows, whose fields lay beside them
_FIRST_VERSION = 1
_FIRST_KIND = "rate-distortion"
_PACKAGES = ("torch", "numpy", "numba", "pillow", "soundfile")
# of the extra `bench`: what other codecs and measures of quality are made with
_OPTIONAL_PACKAGES = (
    *("av", "pillow-jxl-plugin", "pytorch-msssim", "ssimulacra2"),
    *("pesq", "pystoi", "visqol-python", "zimtohrli"),
)
_SOURCES = ("combiner_core", "benchmarks/*.py", "assets/presets")


class Measured(Protocol):
    """A frozen dataclass of a job and what was measured for it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def job(self) -> Hashable:
        """What was done: a frozen dataclass too."""


JobT = TypeVar("JobT", bound=Hashable)
RowT = TypeVar("RowT", bound=Measured)
ParsedT = TypeVar("ParsedT")


@dataclass(frozen=True)
class Run:
    """How some rows came about.

    Attributes:
        machine: processor, cores, system and version of Python.
        commit: of the repository, with a plus if the code or a preset differed from it.
        packages: versions by name.
        command: as it was typed, without the places of folders; empty in the oldest files.
    """

    machine: Mapping[str, Any]
    commit: str
    packages: Mapping[str, str]
    command: str = ""

    @classmethod
    def here(cls) -> Run:
        """Of this process."""
        machine = {
            "processor": processor(),
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": platform.python_version(),
        }
        packages = {name: version(name) for name in _PACKAGES}
        for name in _OPTIONAL_PACKAGES:
            with suppress(PackageNotFoundError):
                packages[name] = version(name)
        return cls(machine, _commit(), packages, _command())


@dataclass(frozen=True)
class ResultsFile(Generic[RowT]):
    """What a file holds.

    Attributes:
        rows: in the order of the file.
        runs: that made them.
        origins: the place in `runs` of the run of each row.
    """

    rows: list[RowT] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Benchmark(Generic[JobT, RowT]):
    """A kind of benchmark, which has files of its own.

    Attributes:
        kind: its name in files.
        job_type, row_type: frozen dataclasses; a row has a field `job`.
        isolated: whether every job gets a process of its own, so that its memory is its own.
    """

    kind: str
    job_type: type[JobT]
    row_type: type[RowT]
    isolated: bool = True

    def read(self, path: Path) -> ResultsFile[RowT]:
        """A results file.

        Raises:
            CombinerError: it is missing, damaged, of another version or of another kind.
        """
        return _read(path, self._parse)

    def rows(self, path: Path) -> list[RowT]:
        """The rows of a results file; see `read`."""
        return self.read(path).rows

    def measure_missing(
        self,
        jobs: Sequence[JobT],
        measure: Callable[[JobT], RowT],
        output: Path,
        processes: int,
        *,
        executor: ExecutorName = "local",
        address: str | None = None,
    ) -> Iterator[RowT]:
        """Measure the jobs that a file has no row of yet, and rewrite it after each.

        Args:
            jobs: what to measure.
            measure: how, a function of a module (or a `partial` of one).
            output: the file, read to resume.
            processes: jobs at a time on this machine.
            executor, address: where jobs run, see `executor_named`; the run that rows tell of is
                that of this machine.

        Raises:
            CombinerError: the executor will not do, or what a job met.
        """
        file = self.read(output) if output.exists() else ResultsFile[RowT]()
        done = {row.job for row in file.rows}
        missing = [job for job in dict.fromkeys(jobs) if job not in done]
        if not missing:
            return
        run = Run.here()
        if run not in file.runs:
            file.runs.append(run)
        origin = file.runs.index(run)
        function = measure.func if isinstance(measure, partial) else measure
        with executor_named(
            executor,
            workers=processes,
            address=address,
            tasks_per_worker=int(self.isolated),
            preload=["numba", function.__module__],
        ) as workers:
            for _, future in completed(workers, measure, missing):
                row = future.result()
                file.rows.append(row)
                file.origins.append(origin)
                self._write(output, file)
                yield row

    def _parse(self, content: dict[str, Any]) -> ResultsFile[RowT]:
        runs = _runs(content)
        if content["version"] != _FIRST_VERSION and content["kind"] != self.kind:
            raise ValueError(f"results of the kind {content['kind']!r}")
        file = ResultsFile[RowT](runs=runs)
        for fields in content["rows"]:
            origin = fields.pop("run", 0)
            if origin not in range(len(runs)):
                raise ValueError(f"there is no run {origin}")
            job = self.job_type(**fields.pop("job"))
            file.rows.append(self.row_type(**fields, job=job))  # type: ignore[call-arg]
            file.origins.append(origin)
        return file

    def _write(self, path: Path, file: ResultsFile[RowT]) -> None:
        entries = sorted(
            zip(file.rows, file.origins, strict=True), key=lambda entry: repr(entry[0].job)
        )
        content = {
            "version": FORMAT_VERSION,
            "kind": self.kind,
            "runs": [asdict(run) for run in file.runs],
            "rows": [{**_rounded(asdict(row)), "run": origin} for row, origin in entries],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def files_of(folder: Path, limit: int | None = None) -> list[str]:
    """Names of the first `limit` files of a folder, in order.

    Raises:
        CombinerError: there is no such folder.
    """
    if not folder.is_dir():
        raise CombinerError(f"There is no folder {folder.name}.")
    return sorted(path.name for path in folder.iterdir() if path.is_file())[:limit]


def kind_of(path: Path) -> str:
    """The kind of benchmark that a results file has rows of.

    Raises:
        CombinerError: it is missing, damaged or of another version.
    """
    return _read(path, lambda content: str(content.get("kind", _FIRST_KIND)))


def read_runs(path: Path) -> list[Run]:
    """The runs of a results file of any kind.

    Raises:
        CombinerError: it is missing, damaged or of another version.
    """
    return _read(path, _runs)


def peak_memory_mb() -> float:
    """Largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def processor() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def _read(path: Path, parse: Callable[[dict[str, Any]], ParsedT]) -> ParsedT:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] not in (_FIRST_VERSION, FORMAT_VERSION):
            raise CombinerError(f"{path.name} has results of version {content['version']}.")
        return parse(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CombinerError(f"{path.name} is not a file of these results.") from error


def _runs(content: dict[str, Any]) -> list[Run]:
    if content["version"] == _FIRST_VERSION:
        return [Run(content["machine"], content["commit"], content["packages"])]
    return [Run(**fields) for fields in content["runs"]]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _command() -> str:
    """How this process was called: of paths from the root, which tell of a machine, the name."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.orig_argv]
    return shlex.join(["python", *words[1:]])


def _commit() -> str:
    git = ["git", "-C", str(Path(__file__).resolve().parents[1])]
    head = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    changed = subprocess.run(
        [*git, "diff", "--quiet", "HEAD", "--", *_SOURCES], capture_output=True, check=False
    )
    return (head.stdout.strip() or "unknown") + "+" * (changed.returncode == 1)
