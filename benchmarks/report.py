"""Documents whose tables come from results files: written anew, or checked.

A table stands between the lines `<!-- table: NAME -->` and `<!-- end -->`. In the place of `table`,
`runs` gives the command lines and machines of the files whose names match a pattern, and `figure`
shows a drawing, if there is one, with the rest of the line for those who cannot see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from benchmarks.contents import TABLES, results_paths
from benchmarks.results_files import Run, read_runs
from combiner_core.errors import CombinerError
from combiner_core.signals import write_atomically

DOCUMENTS = (
    "README.md",
    *("docs/results.md", "docs/reliability.md", "docs/limits.md", "docs/eyes.md", "docs/sound.md"),
)
BENCHMARKS = "benchmarks"
IMAGES = "docs/images"
NOT_YET = "Not measured yet."

# how recorded commands began when the benchmarks were a part of the engine, and how they do now
_FORMER_COMMAND, _COMMAND = "python -m combiner_core bench ", "python -m benchmarks "
_SECTION = re.compile(r"(<!-- (table|runs|figure): ([^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


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
    make = TABLES.get(name)
    if make is None:
        raise CombinerError(f"There is no table {name}; there are: {', '.join(TABLES)}.")
    return make(folder) or NOT_YET


def _runs(folder: Path, pattern: str) -> str:
    """Commands in a block of code, and under it what they ran on."""
    runs: list[Run] = []
    for path in results_paths(folder, pattern):
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
