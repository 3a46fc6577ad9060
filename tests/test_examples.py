"""The examples run as they are, in processes of their own, on small pictures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
NUMBER = r"(\d+(?:\.\d+)?)"
MAX_LINES = 40


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Small parts of the pictures that the page offers."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for name in ("osprey", "bridge", "harbour"):
        paths.append(folder / f"{name}.png")
        with Image.open(ROOT / "assets" / "examples" / f"{name}.png") as image:
            image.crop((300, 150, 364, 198)).save(paths[-1])
    return paths


def lines_of(name: str, *paths: Path, **settings: int) -> list[str]:
    """What an example prints, run as a script or, to change its settings, as a function."""
    command: list[str | Path] = [EXAMPLES / name, *paths]
    if settings:
        module = name.removesuffix(".py")
        call = f"{module}.main(*sys.argv[1:], **{settings})"
        command = ["-c", f"import sys, {module}; {call}", *paths]
    run = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLES)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def numbers(pattern: str, lines: list[str]) -> np.ndarray:
    """The numbers of lines that all have one form: a row a line."""
    matches = [re.fullmatch(pattern.replace("#", NUMBER), line) for line in lines]
    assert all(matches), lines
    return np.array([[float(text) for text in match.groups()] for match in matches if match])


def test_every_example_is_short_named_and_tested() -> None:
    names = sorted(path.name for path in EXAMPLES.glob("*.py"))
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    for name in names:
        assert f"[{name}]({name})" in readme
        assert f'"{name}"' in Path(__file__).read_text("utf-8")
        assert len((EXAMPLES / name).read_text("utf-8").splitlines()) <= MAX_LINES


def test_a_siren_posterior_layer_by_layer(pictures: list[Path]) -> None:
    lines = lines_of("siren_posterior.py", pictures[0], steps=20)
    layers = numbers(r"layer#: q moved by # std of p, std # of p, # bits", lines)
    assert layers[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert (layers[:, 1:] > 0).all()
    assert (layers[:, 2] < 1).all()


def test_a_multires_posterior_level_by_level(pictures: list[Path]) -> None:
    lines = lines_of("multires_posterior.py", pictures[0])
    levels = numbers(r"level #: std of q #, of p #, # bits in all its groups", lines)
    assert levels[:, 0].tolist() == sorted(levels[:, 0], reverse=True)
    assert (levels[:, 1] < levels[:, 2]).all()
    assert (levels[:, 3] > 0).all()


@pytest.mark.long
def test_another_coder_takes_two_lines(pictures: list[Path]) -> None:
    lines = lines_of("swap_coder.py", pictures[0], bpp=0.5)
    assert [line.split(":")[0] for line in lines] == ["trellis", "A*"]
    sizes, qualities, kl_bits = numbers(r"[^:]*: # bytes, # dB, KL # bits", lines).T
    assert (abs(sizes - 64 * 48 * 0.5 / 8) <= 1).all()
    assert qualities[0] > qualities[1] > 10  # the trellis is the better coder
    assert (kl_bits > 0).all()


def test_a_prior_of_one_s_own(pictures: list[Path]) -> None:
    training, compressed = lines_of("own_prior.py", *pictures)
    assert "update=25, updates=25" in training
    pattern = r"Compressed\(300 bytes, siren-unsaved\): Signal\(image, 64 x 48\), # dB"
    assert numbers(pattern, [compressed])[0, 0] > 10


def test_combiner_in_one_dimension() -> None:
    kl_bits, bits, psnr_db = numbers(
        "KL # bits, # sent, decoded at # dB", lines_of("one_dimension.py")
    )[0]
    assert kl_bits < bits < 1.4 * kl_bits
    assert psnr_db > 20
