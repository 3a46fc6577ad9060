"""The tables of the documents, by name, each made of the results of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from benchmarks import markdown, standing
from benchmarks.ablation import measure as ablation
from benchmarks.ablation import tables as ablation_tables
from benchmarks.datasets import KODAK, SETS, SPEECH, DataSet
from benchmarks.detail import measure as detail
from benchmarks.detail import tables as detail_tables
from benchmarks.measures import MEASURES
from benchmarks.rate_distortion import averages, collection, protocol
from benchmarks.rate_distortion import tables as rate_distortion_tables
from benchmarks.rec_overhead import image_weights, random_weights
from benchmarks.rec_overhead import tables as rec_tables
from benchmarks.reliability import tables as reliability_tables
from benchmarks.reliability.rows import HOSTILE, LOAD
from benchmarks.results_files import Benchmark, JobT, RowT
from benchmarks.timing import measure as timing
from benchmarks.timing import tables as timing_tables
from benchmarks.tuning import measure as tuning
from benchmarks.tuning import tables as tuning_tables

# from the folder of the benchmarks to Markdown, empty without results
Table = Callable[[Path], str]

# the order of lines and columns, as far as there are results
_MULTIRES = ("multires fast", "multires balanced", "multires best", standing.TUNED)
_SIREN = ("siren fast", "siren balanced", "siren best")
_MAIN = standing.MAIN
_MAIN_ANCHORS = 2
_MEANS_RANGE = MappingProxyType({"kodak": (0.05, 0.6), "speech": (4.0, 24.0)})


def results_paths(folder: Path, pattern: str) -> list[Path]:
    """Files of results whose names match a pattern, in order."""
    return sorted((folder / "results").glob(f"{pattern}.json"))


def _rows(folder: Path, benchmark: Benchmark[JobT, RowT], pattern: str) -> list[RowT]:
    return [row for path in results_paths(folder, pattern) for row in benchmark.rows(path)]


def _chosen(data: pd.DataFrame, settings: Sequence[str]) -> list[str]:
    """Those of the settings that there are, in their order."""
    known = set(data["setting"])
    return [setting for setting in settings if setting in known]


def _of(
    benchmark: Benchmark[JobT, RowT],
    pattern: str,
    frame: Callable[[list[RowT]], pd.DataFrame],
    table: Callable[[pd.DataFrame], str],
) -> Table:
    """A table of all rows in some files."""

    def make(folder: Path) -> str:
        rows = _rows(folder, benchmark, pattern)
        return table(frame(rows)) if rows else ""

    return make


def _rates(one: DataSet, table: Callable[[pd.DataFrame], str]) -> Table:
    """A table of all rows of a set."""

    def make(folder: Path) -> str:
        data = collection.data_of(folder, one)
        return "" if data.empty else table(data)

    return make


def _by_rate(one: DataSet, settings: Sequence[str], measure: str) -> Table:
    return _rates(
        one,
        lambda data: rate_distortion_tables.by_rate(
            data, _chosen(data, settings), one.rates, measure
        ),
    )


def _deltas(
    one: DataSet, ours: Sequence[str], measure: str, anchors: Sequence[str] | None = None
) -> Table:
    """BD-rates over the whole range, and at low, middle and high rates."""

    def table(data: pd.DataFrame) -> str:
        found = _compared(data, one, ours, measure, anchors or one.others)
        return rate_distortion_tables.comparisons(found) if any(found.values()) else ""

    return _rates(one, table)


def _worst(one: DataSet, measure: str) -> Table:
    def table(data: pd.DataFrame) -> str:
        ours = (standing.setting_for(measure, data),)
        found, *_ = _compared(data, one, ours, measure, one.others).values()
        return rate_distortion_tables.worst_files(found) if found else ""

    return _rates(one, table)


def _compared(
    data: pd.DataFrame,
    one: DataSet,
    ours: Sequence[str],
    measure: str,
    anchors: Sequence[str],
) -> dict[str, list[protocol.Comparison]]:
    chosen, others = _chosen(data, ours), _chosen(data, anchors)
    data = data[data["setting"].isin([*chosen, *others])]
    ranges = {"all": one.whole, **one.bands}
    found: list[list[protocol.Comparison]] = [[] for _ in ranges]
    if chosen and others:
        found = protocol.compare_ranges(data, others, list(ranges.values()), measure)
    names = [f"{name}, {low:g} to {high:g} {one.unit}" for name, (low, high) in ranges.items()]
    return dict(zip(names, found, strict=True))


def _published_files(one: DataSet) -> Table:
    def table(folder: Path) -> str:
        data = collection.data_of(folder, one)
        published = collection.files_of(folder, one)
        if data.empty or not published:
            return ""
        names = [codec.name for codec in published]
        both = collection.with_published(data, folder, one)
        return rate_distortion_tables.comparisons(_compared(both, one, _MULTIRES, "psnr_db", names))

    return table


def _means(one: DataSet, ours: Sequence[str]) -> Table:
    def table(folder: Path) -> str:
        data = collection.data_of(folder, one)
        curves = collection.curves_of(folder, one)
        data = data[data["is_baseline"] | data["setting"].isin(ours)]
        if data.empty or not curves:
            return ""
        known = collection.with_published(data, folder, one)
        found = averages.compare_means(known, curves, *_MEANS_RANGE[one.name])
        return rate_distortion_tables.means(found)

    return table


def _effects(one: DataSet) -> Table:
    def table(folder: Path) -> str:
        data = collection.with_published(collection.data_of(folder, one), folder, one)
        found = averages.effects_of_averaging(data, *_MEANS_RANGE[one.name])
        return rate_distortion_tables.effects(found) if found else ""

    return table


def _sources(one: DataSet) -> Table:
    def make(folder: Path) -> str:
        curves, files = collection.curves_of(folder, one), collection.files_of(folder, one)
        lines = [f"- {found.name}: {found.note}. {found.source}." for found in curves]
        return "\n".join(lines + [f"- {one.name}: {one.note}. {one.source}." for one in files])

    return make


def _encoders(folder: Path) -> str:
    """What other codecs were: their versions and settings."""
    rows = [row for one in SETS.values() for row in collection.rows_of(folder, one)]
    found = dict.fromkeys((row.job.setting, row.encoder) for row in rows if row.encoder)
    lines = [(setting, str(encoder)) for setting, encoder in sorted(found)]
    return markdown.table(("codec", "version and settings"), lines) if lines else ""


def _standing(folder: Path) -> str:
    found = standing.standings(folder)
    return standing.table(found) if found else ""


def _standing_in_short(folder: Path) -> str:
    found = standing.in_short(standing.standings(folder))
    return standing.table(found) if found else ""


def _times(table: Callable[[pd.DataFrame], str]) -> Table:
    return _of(timing.BENCHMARK, "time*", timing_tables.frame, table)


def _times_by_rate(chosen: Callable[[float], bool]) -> Table:
    """The poster's table for some rates."""

    def make(folder: Path) -> str:
        quoted = timing_tables.read_quoted(folder / "quoted" / "combiner-times.json")
        rows = [row for row in _rows(folder, timing.BENCHMARK, "time*") if chosen(row.job.bpp)]
        return timing_tables.by_rate(
            timing_tables.frame(rows), [one for one in quoted if chosen(one.bpp)]
        )

    return make


def _tuning(folder: Path, name: str) -> str:
    return tuning_tables.table(_rows(folder, tuning.BENCHMARK, f"tuning-{name}"))


def _ablation(name: str) -> Table:
    return _of(ablation.BENCHMARK, f"ablation-{name}", ablation_tables.frame, ablation_tables.table)


def _of_set(one: DataSet) -> dict[str, Table]:
    """The tables that every set of files has."""
    tables = {f"{one.name} siren by rate": _by_rate(one, (*_SIREN, *one.others), "psnr_db")}
    for measure in one.measures:
        label = MEASURES[measure].label.lower()
        settings = (*_MULTIRES, *one.others)
        tables |= {
            f"{one.name} by rate, {label}": _by_rate(one, settings, measure),
            f"{one.name} bd, {label}": _deltas(one, (_MAIN, standing.TUNED), measure),
            f"{one.name} efforts, {label}": _deltas(
                one, (*_MULTIRES, *_SIREN), measure, one.others[:_MAIN_ANCHORS]
            ),
            f"{one.name} worst, {label}": _worst(one, measure),
        }
    return tables


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "standing": _standing,
        "standing in short": _standing_in_short,
        "encoders": _encoders,
        **{name: table for one in SETS.values() for name, table in _of_set(one).items()},
        "kodak published files": _published_files(KODAK),
        "kodak published means": _means(KODAK, (*_MULTIRES, *_SIREN)),
        "kodak averaging": _effects(KODAK),
        "kodak seeds": _rates(KODAK, rate_distortion_tables.seeds),
        "kodak sources": _sources(KODAK),
        "speech published means": _means(SPEECH, (*_MULTIRES, *_SIREN)),
        "speech sources": _sources(SPEECH),
        "time": _times_by_rate(lambda bpp: True),
        "time at 0.13 bpp": _times_by_rate(lambda bpp: bpp == 0.13),
        "time phases": _times(timing_tables.by_phase),
        "time sizes": _times(timing_tables.by_size),
        "load": lambda folder: reliability_tables.of_load(_rows(folder, LOAD, "load")),
        "hostile": lambda folder: reliability_tables.of_hostile(_rows(folder, HOSTILE, "hostile")),
        "detail": lambda folder: detail_tables.table(_rows(folder, detail.BENCHMARK, "detail")),
        "tuning image": lambda folder: _tuning(folder, "image"),
        "tuning sound": lambda folder: _tuning(folder, "sound"),
        "ablation siren": _ablation("siren"),
        "ablation siren-clips": _ablation("siren-clips"),
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
