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

from combiner_core.bench import (
    ablation,
    comparison,
    group_overhead,
    losses,
    rate_distortion,
    rec_overhead,
    timing,
    timing_tables,
)
from combiner_core.bench.comparison import Measure
from combiner_core.bench.published import PublishedCurve, read_published
from combiner_core.bench.rate_distortion import Row
from combiner_core.bench.results import Benchmark, JobT, RowT, Run, read_runs
from combiner_core.errors import CombinerError
from combiner_core.signals import Kind, write_atomically

DOCUMENTS = ("README.md", "docs/results.md")
BENCHMARKS = "benchmarks"
NOT_YET = "Not measured yet."

# from the folder of the benchmarks to Markdown, empty without results
_Table = Callable[[Path], str]

_SECTION = re.compile(r"(<!-- (table|runs|figure): ([^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_IMAGES = "docs/images"
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
    commands = dict.fromkeys(run.command for run in runs if run.command)
    lines = ["```", *commands, "```"] if commands else []
    machines = dict.fromkeys(
        f"{run.machine['processor']}, {run.machine['cores']} cores, "
        f"Python {run.machine['python']}, torch {run.packages['torch']}, commit {run.commit}"
        for run in runs
    )
    return "\n".join([*lines, *(["", "; ".join(machines)] if lines else machines)])


def _figure(folder: Path, name: str) -> str:
    stem, _, text = name.partition(" ")
    if not (folder.parent / _IMAGES / f"{stem}.svg").exists():
        return "Not drawn yet."
    return f"![{text}](images/{stem}.svg)"


_SECTIONS: Mapping[str, Callable[[Path, str], str]] = MappingProxyType(
    {"table": _table, "runs": _runs, "figure": _figure}
)


def _paths(folder: Path, pattern: str) -> list[Path]:
    return sorted((folder / "results").glob(f"{pattern}.json"))


def _rows(folder: Path, benchmark: Benchmark[JobT, RowT], pattern: str) -> list[RowT]:
    return [row for path in _paths(folder, pattern) for row in benchmark.rows(path)]


def _chosen(rows: Sequence[Row], settings: Sequence[str]) -> list[str]:
    """Those of the settings that there are, in their order."""
    known = {row.job.setting for row in rows}
    return [setting for setting in settings if setting in known]


def _of(
    benchmark: Benchmark[JobT, RowT], pattern: str, table: Callable[[list[RowT]], str]
) -> _Table:
    """A table of all rows in some files."""

    def make(folder: Path) -> str:
        rows = _rows(folder, benchmark, pattern)
        return table(rows) if rows else ""

    return make


def _rates(kind: Kind, table: Callable[[list[Row]], str]) -> _Table:
    return _of(rate_distortion.BENCHMARK, _FILES[kind], table)


def _by_rate(kind: Kind, settings: Sequence[str]) -> _Table:
    return _rates(kind, lambda rows: rate_distortion.table_by_rate(rows, _chosen(rows, settings)))


def _deltas(kind: Kind, ours: Sequence[str], measure: Measure = "psnr_db") -> _Table:
    def table(rows: list[Row]) -> str:
        rows = [row for row in rows if row.job.is_baseline or row.job.setting in ours]
        rows = [row for row in rows if row.bytes is None or getattr(row, measure) is not None]
        anchors = _chosen(rows, _OTHERS[kind])
        if not anchors or not _chosen(rows, ours):
            return ""
        found = comparison.compare(rows, anchors, *_RANGES[kind], measure)
        return comparison.table(found, rows[0].job.unit, measure)

    return _rates(kind, table)


def _published(kind: Kind) -> _Table:
    def make(folder: Path) -> str:
        rows = _rows(folder, rate_distortion.BENCHMARK, _FILES[kind])
        rows = [row for row in rows if row.job.setting in _OURS]
        if not rows:
            return ""
        found = comparison.compare_published(rows, _curves(folder, kind), *_RANGES[kind])
        return comparison.table(found, rows[0].job.unit)

    return make


def _sources(kind: Kind) -> _Table:
    def make(folder: Path) -> str:
        curves = _curves(folder, kind)
        return "\n".join(f"- {curve.name}: {curve.note}. {curve.source}." for curve in curves)

    return make


def _curves(folder: Path, kind: Kind) -> list[PublishedCurve]:
    return [curve for curve in read_published(folder / "published") if curve.kind == kind]


def _losses(kind: Kind, setting: str, measure: Measure = "psnr_db") -> _Table:
    def table(rows: list[Row]) -> str:
        anchors = _chosen(rows, _OTHERS[kind])
        found = [
            one for anchor in anchors for one in losses.differences(rows, setting, anchor, measure)
        ]
        return losses.table(found) if found else ""

    return _rates(kind, table)


def _times(chosen: Callable[[float], bool]) -> _Table:
    """The poster's table for some rates."""

    def make(folder: Path) -> str:
        quoted = timing_tables.read_quoted(folder / "quoted" / "combiner-times.json")
        return timing_tables.by_rate(
            [row for row in _rows(folder, timing.BENCHMARK, "time*") if chosen(row.job.bpp)],
            [one for one in quoted if chosen(one.bpp)],
        )

    return make


_MULTIRES, _SIREN = _OURS[:3], _OURS[3:]
_TABLES: Mapping[str, _Table] = MappingProxyType(
    {
        "kodak by rate": _by_rate("image", (*_MULTIRES, *_OTHERS["image"])),
        "kodak siren by rate": _by_rate("image", _SIREN),
        "kodak": _rates("image", rate_distortion.table),
        "kodak bd": _deltas("image", _MULTIRES),
        "kodak siren bd": _deltas("image", _SIREN),
        "kodak bd ms-ssim": _deltas("image", _OURS, "ms_ssim_db"),
        "kodak bd published": _published("image"),
        "kodak sources": _sources("image"),
        "kodak losses": _losses("image", "multires balanced"),
        "kodak losses ms-ssim": _losses("image", "multires balanced", "ms_ssim_db"),
        "kodak siren losses": _losses("image", "siren fast"),
        "speech by rate": _by_rate("audio", (*_MULTIRES, *_OTHERS["audio"])),
        "speech siren by rate": _by_rate("audio", (*_SIREN, *_OTHERS["audio"])),
        "speech": _rates("audio", rate_distortion.table),
        "speech bd": _deltas("audio", _OURS),
        "speech bd published": _published("audio"),
        "speech sources": _sources("audio"),
        "speech losses": _losses("audio", "multires balanced"),
        "time": _times(lambda bpp: True),
        "time at 0.13 bpp": _times(lambda bpp: bpp == 0.13),
        "time phases": _of(timing.BENCHMARK, "time*", timing_tables.by_phase),
        "time sizes": _of(timing.BENCHMARK, "time*", timing_tables.by_size),
        "ablation siren": _of(ablation.BENCHMARK, "ablation-siren", ablation.table),
        "ablation multires": _of(ablation.BENCHMARK, "ablation-multires", ablation.table),
        "rec": _of(rec_overhead.BENCHMARK, "rec", rec_overhead.table),
        "rec images": _of(group_overhead.BENCHMARK, "overhead-*", group_overhead.table),
    }
)
