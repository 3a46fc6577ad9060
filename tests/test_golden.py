"""Files that earlier encoders made still mean the same: their weights, and about their values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from make_golden import SHIPPED, TINY, signal_named
from tiny_presets import weights_sha256

from combiner_core import PresetLibrary, decode, inspect, psnr_db
from combiner_core.presets import DEFAULT_DIRECTORY


def facts_of(folder: Path) -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = json.loads((folder / "golden.json").read_text("utf-8"))
    return facts


CASES = [
    pytest.param(folder, name, id=f"{folder.name}-{name}")
    for folder in (SHIPPED, TINY)
    for name in facts_of(folder)
]


@pytest.fixture(scope="module")
def libraries(multires_presets: Path) -> dict[Path, PresetLibrary]:
    return {SHIPPED: PresetLibrary(DEFAULT_DIRECTORY), TINY: PresetLibrary(multires_presets)}


@pytest.mark.parametrize(("folder", "name"), CASES)
def test_a_golden_file_means_the_same(
    folder: Path, name: str, libraries: dict[Path, PresetLibrary]
) -> None:
    facts, library = facts_of(folder)[name], libraries[folder]
    data = (folder / f"{name}.cmb").read_bytes()
    assert inspect(data, library).model == facts["model"]
    assert weights_sha256(data, library) == facts["weights_sha256"]
    decoded = decode(data, device="cpu", models=library)
    assert psnr_db(signal_named(facts["signal"]), decoded) >= facts["min_psnr_db"]


def test_every_golden_file_is_known_and_both_families_have_some() -> None:
    for folder in (SHIPPED, TINY):
        assert {path.stem for path in folder.glob("*.cmb")} == set(facts_of(folder))
    models = {facts["model"] for facts in facts_of(SHIPPED).values()}
    assert models >= {"multires-image", "multires-speech", "multires-wide"}
    assert models >= {"siren-image", "siren-speech"}
