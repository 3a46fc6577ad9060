"""Rules of the source: who imports whom, safe loading, docstrings, sizes, pinned versions."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "combiner_core").rglob("*.py"))
APP = [*sorted(ROOT.glob("*.py")), *sorted((ROOT / "demo").rglob("*.py"))]
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
# draws with a browser, for documents alone
FIGURES = ROOT / "benchmarks" / "figures.py"
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BROWSER_TESTS = sorted((ROOT / "tests" / "browser").rglob("*.py"))

FAMILIES = ("multires", "siren")
# What each part of the engine may import besides itself. `core` is the modules that are in no other
# part: containers, presets, the codec of any family and the face.
BATCH = sorted(
    path
    for part in ("batch", "executors")
    for path in (ROOT / "combiner_core" / part).rglob("*.py")
)
BASE = {"_compiler", "_installation", "_lazy", "_numbers", "errors", "limits", "options"}
LAYERS: dict[str, set[str]] = {
    "base": set(),
    "gaussians": set(),
    "signals": {"base"},
    "rec": {"base", "gaussians"},
    "core": {"base", "gaussians", "rec", "signals"},
    "siren": {"base", "core", "gaussians", "rec", "signals"},
    "multires": {"base", "core", "gaussians", "rec", "signals"},
    "executors": {"base", "core"},
    "batch": {"base", "core", "executors", "signals"},
    "cli": {"base", "batch", "core", "executors", "signals"},
}
MAX_LINES = 400
UNSAFE = {
    *("cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"),
    *("torch.load", "torch.save", "allow_pickle=True"),
}
PINNED = re.compile(
    r"[a-z0-9-]+(\[[a-z]+\])?(==\d+(\.\d+)+|>=\d+(\.\d+)*,<\d+(\.\d+)*)(; [a-z_0-9=' ]+)?"
)
MACHINE_PATH = re.compile(rb"(?<![\w.})-])/(?:root|home|Users|mnt|work|workspace)/")


def test_engine_imports_nothing_of_the_app_and_the_benchmarks() -> None:
    forbidden = {"app", "benchmarks", "demo", "examples", "tests", "gradio", "plotly"}
    forbidden |= {path.stem for path in EXAMPLES}
    assert CORE
    assert _offenders(CORE, lambda tree: forbidden & {_top(name) for name in _imports(tree)}) == {}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_down(layer: str) -> None:
    below = {*LAYERS[layer], layer}
    modules = [path for path in CORE if _layer(_module(path)) == layer]
    assert modules

    def upward(tree: ast.Module) -> set[str]:
        ours = {name for name in _imports(tree) if _top(name) == "combiner_core"}
        return {name for name in ours if _layer(name) not in below}

    assert _offenders(modules, upward) == {}


def test_families_are_named_in_one_place() -> None:
    """Families are loaded by name: whatever else mentions one would have to be told of a third."""
    for family in FAMILIES:
        named = [
            _name(path)
            for path in CORE
            if _layer(_module(path)) != family
            and f"combiner_core.{family}" in path.read_text("utf-8")
        ]
        assert named == ["combiner_core/families.py"]


def test_only_browser_tests_need_a_browser() -> None:
    others = [path for path in TESTS if path not in BROWSER_TESTS]
    helpers = {path.stem for path in BROWSER_TESTS} - {"conftest"}
    forbidden = {"playwright", *helpers}
    assert helpers
    assert _offenders(others, lambda tree: forbidden & set(map(_top, _imports(tree)))) == {}


def test_nothing_is_pickled() -> None:
    assert _offenders([*CORE, *APP, *BENCHMARKS, *EXAMPLES, *TESTS], _unsafe_uses) == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "def load():\n    from pickle import loads",
        "import torch\ntorch.load('model.pt')",
        "from torch import save as keep",
        "import numpy as np\nnp.load('model.npy', allow_pickle=True)",
    ],
)
def test_unsafe_loading_is_recognised(code: str) -> None:
    assert _unsafe_uses(ast.parse(code))


def test_public_modules_have_docstrings() -> None:
    public = [
        path for path in [*CORE, *APP, *BENCHMARKS, *EXAMPLES] if not re.match(r"_(?!_)", path.name)
    ]
    assert _offenders(public, lambda tree: not ast.get_docstring(tree)) == {}


def test_modules_are_short() -> None:
    paths = [*CORE, *APP, *BENCHMARKS, *EXAMPLES, *TESTS]
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in paths}
    assert {_name(path): n for path, n in lines.items() if n > MAX_LINES} == {}


def test_files_name_no_place_on_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout tells its own files from others")
    found = {_name(path): MACHINE_PATH.search(path.read_bytes()) for path in _own_files()}
    assert {name: match[0] for name, match in found.items() if match} == {}


@pytest.mark.parametrize(
    "file",
    [f"requirements{part}.txt" for part in ("", "-bench", "-cluster", "-dev")],
)
def test_requirements_are_pinned(file: str) -> None:
    requirements = _requirements(file)
    assert requirements
    assert [line for line in requirements if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("modules", "files"),
    [
        (
            [*(path for path in CORE if path not in BATCH), *APP, *EXAMPLES],
            ["requirements.txt"],
        ),
        (BATCH, ["requirements.txt", "requirements-cluster.txt"]),
        (
            [path for path in BENCHMARKS if path != FIGURES],
            ["requirements.txt", "requirements-bench.txt"],
        ),
        (
            [FIGURES, *TESTS],
            ["requirements.txt", "requirements-cluster.txt", "requirements-dev.txt"],
        ),
    ],
    ids=["runtime", "cluster", "benchmarks", "development"],
)
def test_imports_are_required(modules: list[Path], files: list[str]) -> None:
    required = {re.split(r"[=>\[]", line)[0] for file in files for line in _requirements(file)}
    ours = {"combiner_core", "benchmarks", "demo", *(path.stem for path in [*APP, *TESTS])}
    distributions = packages_distributions()

    def missing(tree: ast.Module) -> set[str]:
        tops = {_top(name) for name in _imports(tree)} - ours - sys.stdlib_module_names
        return {
            top
            for top in tops
            if not required & {_distribution(name) for name in distributions.get(top, [top])}
        }

    assert _offenders(modules, missing) == {}


def _distribution(name: str) -> str:
    """A distribution's name as requirements spell it."""
    return name.lower().replace("_", "-")


def _offenders(paths: list[Path], fault: Callable[[ast.Module], object]) -> dict[str, object]:
    """What is at fault in each module that has a fault."""
    faults = {_name(path): fault(ast.parse(path.read_bytes())) for path in paths}
    return {name: found for name, found in faults.items() if found}


def _imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of what a module imports, also inside its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(path: Path) -> str:
    """Dotted name of a module of the engine."""
    return _name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _layer(module: str) -> str:
    """Part of the engine that a module, or a name in one, belongs to."""
    part = [*module.split("."), ""][1]
    if part in BASE:
        return "base"
    return {"__main__": "cli"}.get(part, part if part in LAYERS else "core")


def _unsafe_uses(tree: ast.Module) -> set[str]:
    """Modules and functions of a module that could run code found in a file."""
    imports = set(_imports(tree))
    marks = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.keyword))
    return UNSAFE & {*imports, *map(_top, imports), *map(ast.unparse, marks)}


def _top(name: str) -> str:
    return name.partition(".")[0]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _own_files() -> list[Path]:
    """Files that git tracks, or would if asked to add all."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    paths = (ROOT / name for name in os.fsdecode(listing).split("\0") if name)
    return [path for path in paths if path.is_file()]


def _requirements(file: str) -> list[str]:
    """Lines of a requirements file but for comments and the files it includes."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]
