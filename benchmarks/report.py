"""Documents whose tables come from results files: written anew, or checked.

A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->`. In the place of `table`,
`runs` gives the command lines and machines of the files whose names match a pattern, and `figure`
shows a drawing, if there is one, with the rest of the line for those who cannot see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from benchmarks.ablation import measure as ablation
from benchmarks.ablation import tables as ablation_tables
from benchmarks.rate_distortion import bd, per_file
from benchmarks.rate_distortion import measure as rate_distortion
from benchmarks.rate_distortion import tables as rate_distortion_tables
from benchmarks.rate_distortion.curves import Measure
from benchmarks.rate_distortion.published import PublishedCurve, read_published
from benchmarks.rec_overhead import image_weights, random_weights
from benchmarks.rec_overhead import tables as rec_tables
from benchmarks.results_files import Benchmark, JobT, RowT, Run, read_runs
from benchmarks.timing import measure as timing
from benchmarks.timing import tables as timing_tables
from combiner_core.errors import CombinerError
from combiner_core.signals import Kind, write_atomically

DOCUMENTS = ("README.md", "docs/results.md")
BENCHMARKS = "benchmarks"
IMAGES = "docs/images"
NOT_YET = "Not measured yet."

# from the folder of the benchmarks to Markdown, empty without results
_Table = Callable[[Path], str]

# how recorded commands began when the benchmarks were a part of the engine, and how they do now
_FORMER_COMMAND, _COMMAND = "python -m combiner_core bench ", "python -m benchmarks "
_SECTION = re.compile(r"(<!-- (table|runs|figure): ([^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
# the order of columns, as far as there are results
_OURS = ("multires fast", "multires balanced", "multires best", "siren fast", "siren balanced")
_OTHERS: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"image": ("avif", "webp", "jpeg2000", "jpeg"), "audio": ("opus", "mp3", "vorbis")}
)
_FILES: Mapping[Kind, str] = MappingProxyType({"image": "*-kodak", "audio": "*-speech"})
_RANGES: Mapping[Kind, tuple[float, float]] = MappingProxyType(
    {"image": (0.05, 0.5), "audio": (4.0, 24.0)}
)


def rendered(text: str, folder: Path) -> str:
    """A document with its tables made anew.

    Args:
        text: Markdown.
        folder: has results in `results`, curves in `published` and times in `quoted`; figures are
            beside it, in `docs/images`.

    Raises:
        CombinerError: there is no table of a name, or a file is damaged.
    """

    return _replaced(text, lambda kind, name: _SECTIONS[kind](folder, name))


def write(root: Path) -> list[str]:
    """Make the tables of all documents anew; returns the names of those that changed.

    Raises:
        CombinerError: as `rendered`, or a document is missing.
    """
    changed = _changed(root)
    for name, text in changed.items():
        write_atomically(root / name, text.encode())
    return list(changed)


def outdated(root: Path) -> list[str]:
    """The documents whose tables differ from the results.

    Raises:
        CombinerError: as `write`.
    """
    return list(_changed(root))


def current_command(recorded: str) -> str:
    """A recorded command line as it is to be typed today."""
    if recorded.startswith(_FORMER_COMMAND):
        return _COMMAND + recorded.removeprefix(_FORMER_COMMAND)
    return recorded


def _replaced(text: str, section: Callable[[str, str], str]) -> str:
    def whole(match: re.Match[str]) -> str:
        begin, kind, name, end = match.groups()
        return f"{begin}\n{section(kind, name)}\n\n{end}"

    return _SECTION.sub(whole, text)


def _changed(root: Path) -> dict[str, str]:
    # documents share tables, some of which take seconds
    section = cache(lambda kind, name: _SECTIONS[kind](root / BENCHMARKS, name))
    changed = {}
    for name in DOCUMENTS:
        try:
            text = (root / name).read_text(encoding="utf-8")
        except OSError as error:
            raise CombinerError(f"{name} cannot be read: {error.strerror}.") from error
        new = _replaced(text, section)
        if new != text:
            changed[name] = new
    return changed


def _table(folder: Path, name: str) -> str:
    make = _TABLES.get(name)
    if make is None:
        raise CombinerError(f"There is no table {name}; there are: {', '.join(_TABLES)}.")
    return make(folder) or NOT_YET


def _runs(folder: Path, pattern: str) -> str:
    """Commands in a block of code, and under it what they ran on."""
    runs: list[Run] = []
    for path in _paths(folder, pattern):
        runs += [run for run in read_runs(path) if run not in runs]
    if not runs:
        return NOT_YET
    commands = dict.fromkeys(current_command(run.command) for run in runs if run.command)
    lines = ["```", *commands, "```"] if commands else []
    machines = dict.fromkeys(
        f"{run.machine['processor']}, {run.machine['cores']} cores, "
        f"Python {run.machine['python']}, torch {run.packages['torch']}, commit {run.commit}"
        for run in runs
    )
    return "\n".join([*lines, *(["", "; ".join(machines)] if lines else machines)])


def _figure(folder: Path, name: str) -> str:
    stem, _, text = name.partition(" ")
    if not (folder.parent / IMAGES / f"{stem}.svg").exists():
        return "Not drawn yet."
    return f"![{text}](images/{stem}.svg)"


_SECTIONS: Mapping[str, Callable[[Path, str], str]] = MappingProxyType(
    {"table": _table, "runs": _runs, "figure": _figure}
)


def _paths(folder: Path, pattern: str) -> list[Path]:
    return sorted((folder / "results").glob(f"{pattern}.json"))


def _rows(folder: Path, benchmark: Benchmark[JobT, RowT], pattern: str) -> list[RowT]:
    return [row for path in _paths(folder, pattern) for row in benchmark.rows(path)]


def _chosen(data: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """Those of the settings that there are, in their order."""
    known = set(data["setting"])
    return [setting for setting in settings if setting in known]


def _of(
    benchmark: Benchmark[JobT, RowT],
    pattern: str,
    frame: Callable[[list[RowT]], pd.DataFrame],
    table: Callable[[pd.DataFrame], str],
) -> _Table:
    """A table of all rows in some files."""

    def make(folder: Path) -> str:
        rows = _rows(folder, benchmark, pattern)
        return table(frame(rows)) if rows else ""

    return make


def _rates(kind: Kind, table: Callable[[pd.DataFrame], str]) -> _Table:
    return _of(rate_distortion.BENCHMARK, _FILES[kind], rate_distortion_tables.frame, table)


def _times(table: Callable[[pd.DataFrame], str]) -> _Table:
    return _of(timing.BENCHMARK, "time*", timing_tables.frame, table)


def _by_rate(kind: Kind, settings: Sequence[str]) -> _Table:
    return _rates(kind, lambda data: rate_distortion_tables.by_rate(data, _chosen(data, settings)))


def _deltas(kind: Kind, ours: Sequence[str], measure: Measure = "psnr_db") -> _Table:
    def table(data: pd.DataFrame) -> str:
        data = data[data["is_baseline"] | data["setting"].isin(ours)]
        data = data[data["bytes"].isna() | data[measure].notna()]
        anchors = _chosen(data, _OTHERS[kind])
        if not anchors or not _chosen(data, ours):
            return ""
        found = bd.compare(data, anchors, *_RANGES[kind], measure)
        return bd.table(found, data["unit"].iloc[0], measure)

    return _rates(kind, table)


def _published(kind: Kind) -> _Table:
    def make(folder: Path) -> str:
        def table(data: pd.DataFrame) -> str:
            data = data[data["setting"].isin(_OURS)]
            if data.empty:
                return ""
            found = bd.compare_published(data, _curves(folder, kind), *_RANGES[kind])
            return bd.table(found, data["unit"].iloc[0])

        return _rates(kind, table)(folder)

    return make


def _sources(kind: Kind) -> _Table:
    def make(folder: Path) -> str:
        curves = _curves(folder, kind)
        return "\n".join(f"- {curve.name}: {curve.note}. {curve.source}." for curve in curves)

    return make


def _curves(folder: Path, kind: Kind) -> list[PublishedCurve]:
    return [curve for curve in read_published(folder / "published") if curve.kind == kind]


def _per_file(kind: Kind, setting: str, measure: Measure = "psnr_db") -> _Table:
    def table(data: pd.DataFrame) -> str:
        found = [
            per_file.differences(data, setting, anchor, measure)
            for anchor in _chosen(data, _OTHERS[kind])
        ]
        return per_file.table(pd.concat(found)) if any(map(len, found)) else ""

    return _rates(kind, table)


def _times_by_rate(chosen: Callable[[float], bool]) -> _Table:
    """The poster's table for some rates."""

    def make(folder: Path) -> str:
        quoted = timing_tables.read_quoted(folder / "quoted" / "combiner-times.json")
        rows = [row for row in _rows(folder, timing.BENCHMARK, "time*") if chosen(row.job.bpp)]
        return timing_tables.by_rate(
            timing_tables.frame(rows), [one for one in quoted if chosen(one.bpp)]
        )

    return make


def _ablation(family: str) -> _Table:
    return _of(
        ablation.BENCHMARK, f"ablation-{family}", ablation_tables.frame, ablation_tables.table
    )


_MULTIRES, _SIREN = _OURS[:3], _OURS[3:]
_TABLES: Mapping[str, _Table] = MappingProxyType(
    {
        "kodak by rate": _by_rate("image", (*_MULTIRES, *_OTHERS["image"])),
        "kodak siren by rate": _by_rate("image", _SIREN),
        "kodak": _rates("image", rate_distortion_tables.by_setting),
        "kodak bd": _deltas("image", _MULTIRES),
        "kodak siren bd": _deltas("image", _SIREN),
        "kodak bd ms-ssim": _deltas("image", _OURS, "ms_ssim_db"),
        "kodak bd published": _published("image"),
        "kodak sources": _sources("image"),
        "kodak per file": _per_file("image", "multires balanced"),
        "kodak per file ms-ssim": _per_file("image", "multires balanced", "ms_ssim_db"),
        "kodak siren per file": _per_file("image", "siren fast"),
        "speech by rate": _by_rate("audio", (*_MULTIRES, *_OTHERS["audio"])),
        "speech siren by rate": _by_rate("audio", (*_SIREN, *_OTHERS["audio"])),
        "speech": _rates("audio", rate_distortion_tables.by_setting),
        "speech bd": _deltas("audio", _OURS),
        "speech bd published": _published("audio"),
        "speech sources": _sources("audio"),
        "speech per file": _per_file("audio", "multires balanced"),
        "time": _times_by_rate(lambda bpp: True),
        "time at 0.13 bpp": _times_by_rate(lambda bpp: bpp == 0.13),
        "time phases": _times(timing_tables.by_phase),
        "time sizes": _times(timing_tables.by_size),
        "ablation siren": _ablation("siren"),
        "ablation multires": _ablation("multires"),
        "rec": _of(
            random_weights.BENCHMARK,
            "rec",
            rec_tables.frame_of_random_weights,
            rec_tables.of_random_weights,
        ),
        "rec images": _of(
            image_weights.BENCHMARK,
            "overhead-*",
            rec_tables.frame_of_image_weights,
            rec_tables.of_image_weights,
        ),
    }
)
