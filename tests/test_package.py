"""The package: its requirements, its version, its wheel in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from signal_files import image_bytes, picture

import combiner_core as cc
from combiner_core import _installation

ROOT = Path(__file__).resolve().parent.parent
OWN_EXTRAS = re.compile(r"combiner\[([\w,]+)\]")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return content


def _lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def _of_extra(project: dict[str, Any], name: str) -> set[str]:
    """What an extra asks for, with the extras that it includes."""
    found: set[str] = set()
    for requirement in project["project"]["optional-dependencies"][name]:
        own = OWN_EXTRAS.fullmatch(requirement)
        found |= (
            set().union(*(_of_extra(project, extra) for extra in own[1].split(",")))
            if own
            else {requirement}
        )
    return found


def test_requirements_files_say_what_the_project_says(project: dict[str, Any]) -> None:
    runtime = {*project["project"]["dependencies"], *_of_extra(project, "app")}
    assert sorted(_lines("requirements.txt")) == sorted(runtime)
    benchmarks = _of_extra(project, "bench") - runtime
    assert sorted(_lines("requirements-bench.txt")) == sorted(benchmarks)
    cluster = _of_extra(project, "cluster") - runtime
    assert sorted(_lines("requirements-cluster.txt")) == sorted(cluster)
    development = _of_extra(project, "dev") - runtime
    assert sorted(_lines("requirements-dev.txt")) == sorted(development)


def test_builds_without_isolation_have_their_backend(project: dict[str, Any]) -> None:
    assert set(project["build-system"]["requires"]) <= _of_extra(project, "dev")


def test_the_version_is_written_once(project: dict[str, Any]) -> None:
    assert "version" not in project["project"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", cc.__version__)
    assert f"\nversion: {cc.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {cc.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_presets_of_a_checkout_are_found() -> None:
    assert _installation.presets_directory().samefile(ROOT / "assets" / "presets")


def test_a_folder_without_presets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(cc.PresetError, match=rf"^The folder {tmp_path.name} holds no .*\.$"):
        cc.PresetLibrary(tmp_path).cards()


def _run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    of_ours = ("PYTHONPATH", "COMBINER_PRESETS")
    environment = {name: value for name, value in os.environ.items() if name not in of_ours}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.long
def test_the_wheel_works_without_the_checkout(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "-w", tmp_path / "dist")
    (wheel,) = (tmp_path / "dist").iterdir()
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"combiner_core", f"combiner-{cc.__version__}.dist-info"}

    environment = tmp_path / "environment"
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    _run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    packages = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # Lines of a .pth file are put on the path without the .pth files of those folders, so that an
    # editable installation of the checkout is not seen.
    others = [place for place in sys.path if Path(place).name == "site-packages"]
    Path(packages.stdout.strip(), "others.pth").write_text("\n".join(others), encoding="utf-8")

    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "photo.png").write_bytes(image_bytes(picture(64, 96), "PNG"))
    combiner = environment / "bin" / "combiner"
    where = _run(python, "-c", "import combiner_core; print(combiner_core.__file__)", cwd=place)
    assert Path(where.stdout.strip()).is_relative_to(environment)
    assert _run(combiner, "--version").stdout == f"combiner {cc.__version__}\n"
    shipped = {path.stem for path in (ROOT / "assets" / "presets").glob("*.json")}
    models = json.loads(_run(combiner, "models", "--json").stdout)["models"]
    assert {model["name"] for model in models} == shipped
    _run(combiner, "encode", "photo.png", "-o", "photo.cmb", "--bytes", "700", "--effort", "fast",
         "--device", "cpu", cwd=place)  # fmt: skip
    assert (place / "photo.cmb").stat().st_size <= 700
    _run(combiner, "decode", "photo.cmb", "-o", "back.png", "--device", "cpu", cwd=place)
    assert cc.load(place / "back.png").values.shape == (64, 96, 3)
    assert cc.psnr_db(cc.load(place / "photo.png"), cc.load(place / "back.png")) > 15
