"""What commands and packages import, and what programs set before they do."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_presets import file_of_noise

import combiner_core
from combiner_core import PresetLibrary, signals
from combiner_core.bitstream import ImageShape

ROOT = Path(__file__).resolve().parent.parent
READERS = ("av", "pillow_heif", "pillow_jxl", "tifffile")
HEAVY = ("torch", "numba", "scipy", "soundfile", "soxr", "PIL", "rich", *READERS)
SPIN_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python code in a fresh process, in which nothing says how threads wait."""
    environment = {name: value for name, value in os.environ.items() if name not in SPIN_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def imported_by(code: str, **variables: str) -> set[str]:
    """Which of the heavy modules a piece of code imports."""
    ending = f"\nimport sys\nprint('imported:', *({HEAVY} & sys.modules.keys()))"
    ending = ending.replace(str(HEAVY), "{" + ", ".join(map(repr, HEAVY)) + "}")
    return set(run_python(code + ending, **variables).stdout.rpartition("imported:")[2].split())


def run_command(*arguments: str) -> str:
    return f"""
from combiner_core.cli import main
try:
    status = main({list(arguments)})
except SystemExit as ended:
    status = ended.code
assert status == 0
"""


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_parser_imports_nothing_heavy(option: str) -> None:
    assert imported_by(run_command(option)) == set()


def test_looking_into_files_imports_nothing_heavy(tiny_presets: Path, tmp_path: Path) -> None:
    path = tmp_path / "photo.cmb"
    path.write_bytes(file_of_noise(ImageShape(40, 24), PresetLibrary(tiny_presets)))
    for command in (["models"], ["models", "--json"], ["info", str(path)]):
        code = run_command(*command)
        assert imported_by(code, COMBINER_PRESETS=str(tiny_presets)) == set()


def test_the_engine_is_imported_when_it_is_used() -> None:
    assert imported_by("import combiner_core") == set()
    assert imported_by("from combiner_core import Budget, EncodeOptions, CombinerError") == set()
    assert "torch" in imported_by("from combiner_core import encode")


def test_the_page_is_laid_out_without_what_computes() -> None:
    code = """
import gradio
from demo import page, results
with gradio.Blocks(), gradio.Tab() as tab:
    results.results_tab(tab)
"""
    assert not {"torch", "numba", "scipy"} & imported_by(code)


@pytest.mark.parametrize("package", [combiner_core, signals], ids=lambda package: package.__name__)
def test_every_name_of_a_lazy_package_is_there(package: object) -> None:
    name = package.__name__  # type: ignore[attr-defined]
    fresh = importlib.import_module(name)
    assert set(fresh.__all__) <= set(dir(fresh))
    for exported in fresh.__all__:
        assert getattr(fresh, exported) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fresh.nonsense


SHOW_WAITING = """
import os
from combiner_core.process import calm_threads
calm_threads()
print({name: os.environ[name] for name in %r if name in os.environ})
""" % (SPIN_VARIABLES,)  # noqa: UP031


def test_what_the_user_chose_of_threads_stays() -> None:
    for name, value in zip(SPIN_VARIABLES, ("ACTIVE", "77"), strict=True):
        assert run_python(SHOW_WAITING, **{name: value}).stdout == f"{ {name: value} }\n"
    assert "GOMP_SPINCOUNT" in run_python(SHOW_WAITING).stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libgomp comes with Linux wheels")
def test_the_setting_reaches_the_threads_of_torch() -> None:
    code = "from combiner_core.process import calm_threads\ncalm_threads()\nimport torch\n"
    told = run_python(code, OMP_DISPLAY_ENV="verbose").stderr
    if "GOMP_SPINCOUNT" not in told:
        pytest.skip("torch has another OpenMP library")
    asked = run_python(code + "import os; print(os.environ['GOMP_SPINCOUNT'])").stdout.strip()
    assert f"GOMP_SPINCOUNT = '{asked}'" in told


def test_importing_the_engine_sets_nothing() -> None:
    code = "import os\nbefore = dict(os.environ)\nimport combiner_core.codec\n"
    run_python(code + "assert {**before} == {k: os.environ[k] for k in before}\n"
               "assert not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & os.environ.keys()")  # fmt: skip
