"""Shared fixtures: a seeded generator, a small picture, a second of voice, the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from forked_cli import ForkedCli
from numpy.typing import NDArray
from tiny_presets import write_multires_presets, write_presets

from combiner_core.signals import Signal

ROOT = Path(__file__).resolve().parent.parent

# The search for doctests would take the second file of this name for the first.
collect_ignore_glob = ["*conftest.py"]
# Without Playwright all other tests run; the machine that checks every change must have it.
_NEEDS_BROWSER = os.environ.get("CI") == "true"
collect_ignore = [] if _NEEDS_BROWSER or find_spec("playwright") else ["browser"]


def pytest_configure() -> None:
    """Two threads at most, and the same examples in every run, however slow the machine."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    hypothesis.settings.register_profile("project", derandomize=True, deadline=None)
    hypothesis.settings.load_profile("project")


@pytest.fixture
def rng() -> np.random.Generator:
    """A fresh generator with the same seed for every test."""
    return np.random.default_rng(2023)


@pytest.fixture
def photo() -> Signal:
    """Image 96 pixels wide and 64 high: smooth shading, sharp edges, a little texture."""
    return Signal.image(_landscape())


@pytest.fixture
def clip() -> Signal:
    """One second of a synthetic voice, mono at 16 kHz, peak 0.5."""
    return Signal.audio(_voice(16000), 16000)


@pytest.fixture(scope="session")
def tiny_presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one small siren preset for images and one for audio."""
    folder = tmp_path_factory.mktemp("presets")
    write_presets(folder)
    return folder


@pytest.fixture(scope="session")
def multires_presets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with one small multires preset for images and one for audio."""
    folder = tmp_path_factory.mktemp("multires")
    write_multires_presets(folder)
    return folder


@pytest.fixture(scope="session")
def both_presets(
    tiny_presets: Path, multires_presets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with those of `tiny_presets` and of `multires_presets`."""
    folder = tmp_path_factory.mktemp("both")
    for each in (tiny_presets, multires_presets):
        shutil.copytree(each, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m combiner_core ARGUMENTS...`` in a fresh process, inside ``tmp_path``.

    Returns the completed process, whatever its exit status; both of its outputs are text.
    """

    def run(*arguments: str | Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "combiner_core", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def forked_cli() -> Iterator[ForkedCli]:
    """See `run_forked`."""
    cli = ForkedCli()
    yield cli
    cli.close()


@pytest.fixture
def run_forked(
    tmp_path: Path, forked_cli: ForkedCli
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """As ``run_cli``, but forked from a process that has torch already: at once."""

    def run(*arguments: str | Path, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        return forked_cli.run([*map(str, arguments)], tmp_path, timeout_s)

    return run


def _landscape() -> NDArray[np.uint8]:
    """Shape (64, 96, 3): a ball, grassy hills and a leaning post before a clear sky."""
    y, x = np.mgrid[0:64, 0:96].astype(np.float64)
    picture = np.stack([80 + 1.6 * y, 120 + 1.5 * y, 210 + 0.4 * y], axis=-1)
    layers = [  # signed distance to the edge in pixels, colour, shade
        (np.hypot(x - 30, y - 24) - 14, (220, 140, 60), 1 - 0.02 * (x - 30 + y - 24)),
        (46 + 5 * np.sin(x / 13) - y, (80, 120, 50), 0.85 + 0.15 * np.sin(x / 1.5) * np.sin(y)),
        (np.maximum(abs(x + 0.2 * y - 80) - 5, 12 - y), (60, 45, 40), np.ones_like(x)),
    ]
    for distance, colour, shade in layers:
        cover = np.clip(0.5 - distance, 0, 1)[..., None]
        picture += cover * (shade[..., None] * colour - picture)
    return np.rint(picture.clip(0, 255)).astype(np.uint8)


def _voice(sample_rate: int) -> NDArray[np.float64]:
    """Shape (sample_rate,): four syllables of gliding pitch and formants, and some breath."""
    t_s = np.arange(sample_rate) / sample_rate
    pitch_hz = 120 + 25 * np.sin(2 * np.pi * 1.3 * t_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate
    harmonics = np.arange(1, 31)[:, None]
    glide = np.sin(2 * np.pi * 0.7 * t_s)
    formants_hz = (500 + 200 * glide, 1500 - 400 * glide, 2500 + 100 * glide)
    strengths = sum(
        np.exp(-(((harmonics * pitch_hz - formant_hz) / 150) ** 2)) / (1 + order)
        for order, formant_hz in enumerate(formants_hz)
    )
    syllables = np.sin(2 * np.pi * 2 * t_s) ** 2
    breath = 0.02 * np.random.default_rng(1).standard_normal(sample_rate)
    voice = syllables * ((strengths * np.sin(harmonics * phase)).sum(axis=0) + breath)
    return 0.5 * voice / abs(voice).max()
