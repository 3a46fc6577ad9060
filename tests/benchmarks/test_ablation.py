"""Ablations: what each variant changes, and that nothing else changes with it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from signal_files import image_bytes, picture
from tiny_presets import IMAGE, MULTIRES_IMAGE

from benchmarks.ablation import descent, priors, tables
from benchmarks.ablation import measure as ablation
from benchmarks.ablation.variants import UNCHANGED, VARIANTS
from benchmarks.rate_distortion.rows import RateUnit
from combiner_core import CombinerError, PresetLibrary
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.preset import MultiresPreset
from combiner_core.signals import ImageShape
from combiner_core.siren.codec import SirenCodec
from combiner_core.siren.network import Siren
from combiner_core.siren.preset import SirenPreset

RunCli = Callable[..., subprocess.CompletedProcess[str]]
SHAPE = ImageShape(40, 24)


@pytest.fixture
def multires(multires_presets: Path) -> MultiresPreset:
    library = PresetLibrary(multires_presets)
    codec = library.choose(MULTIRES_IMAGE, SHAPE, 1.0)
    assert isinstance(codec, MultiresCodec)
    return codec.preset


@pytest.fixture
def siren(tiny_presets: Path) -> SirenPreset:
    library = PresetLibrary(tiny_presets)
    codec = library.choose(IMAGE, SHAPE, 1.0)
    assert isinstance(codec, SirenCodec)
    return codec.preset


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        pixels = np.roll(picture(), 5 * number, axis=1)
        (folder / f"photo{number}.png").write_bytes(image_bytes(pixels, "PNG"))
    return folder


def requests(preset: MultiresPreset, decoded: int = 16) -> list[GroupPrior]:
    """What the prior says of all groups if the same value is decoded everywhere."""
    assert isinstance(preset.model, ImageModel)
    found = []

    def answer(request: GroupPrior) -> torch.Tensor:
        found.append(request)
        values = torch.full(request.mean.shape, decoded, dtype=torch.int32)
        return values * request.group.coded

    field = ImageField(preset.model, SHAPE, torch.device("cpu"))
    follow(field.coding_order(NoiseScale(1000)), answer)
    return found


def test_changes_leave_the_original_alone(multires: MultiresPreset) -> None:
    before = {name: tensor.clone() for name, tensor in multires.model.state_dict().items()}
    for variant in VARIANTS["multires"].values():
        variant.codec(MultiresCodec(multires))
    after = multires.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_means_can_be_zero_with_variances_that_still_depend(multires: MultiresPreset) -> None:
    details = requests(priors.without_means(multires))[1:]
    assert not any(request.mean.any() for request in details)
    assert any(len(request.log_variance.unique()) > 9 for request in details)


def test_without_networks_only_the_channel_counts(multires: MultiresPreset) -> None:
    preset = priors.without_networks(multires)
    for request in requests(preset)[1:]:
        assert not request.mean.any()
        assert (request.log_variance == request.log_variance[..., :1, :1]).all()
    levels = {float(request.log_variance.mean()) for request in requests(preset)[1:]}
    assert len(levels) > 7
    isotropic = requests(priors.isotropic_multires(multires))[1:]
    assert len({float(v) for request in isotropic for v in request.log_variance.unique()}) == 1


def test_networks_can_be_taken_from_some_levels_and_stages(multires: MultiresPreset) -> None:
    silent = requests(priors.without_networks(multires))

    def predicted(preset: MultiresPreset) -> dict[int, list[bool]]:
        """For every level and stage whether a network spoke."""
        spoke: dict[int, list[bool]] = {}
        for a, b in zip(requests(preset)[1:], silent[1:], strict=True):
            spoken = bool(a.mean.any()) or not torch.equal(a.log_variance, b.log_variance)
            spoke.setdefault(a.group.level, []).append(spoken)
        return spoke

    everywhere = predicted(multires)
    assert all(all(everywhere[level]) for level in (1, 2, 3))
    some = predicted(priors.without_networks(multires, levels=slice(2)))
    assert not any(some[1] + some[2])
    assert all(some[level] == everywhere[level] for level in everywhere if level > 2)
    some = predicted(priors.without_networks(multires, stages=slice(2, 3)))
    assert not any(stages[2] for stages in some.values())
    assert all(all(some[level][:2] + some[level][3:]) for level in (1, 2, 3))


def test_without_the_postfilter_pixels_are_the_synthesis(multires: MultiresPreset) -> None:
    model = priors.without_postfilter(multires).model
    assert isinstance(model, ImageModel)
    pixels = 255 * torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    context = torch.ones(1, model.config.postfilter.context, 2, 3)
    steps = torch.zeros(1, 2, 2, 3, dtype=torch.int8)
    assert torch.equal(model.postfilter(pixels, context, torch.zeros(1), steps), pixels)


def test_without_neighbours_probabilities_are_the_same_whatever_is_around(
    multires: MultiresPreset,
) -> None:
    tables = priors.without_neighbours(multires).tables
    assert not tables.taps.weights.any()
    assert not tables.taps.parents.any()
    assert (tables.probabilities == tables.probabilities[:, :, :1]).all()
    before = multires.tables.probabilities
    assert (tables.probabilities >= before.min(2, keepdims=True)).all()
    assert (tables.probabilities <= before.max(2, keepdims=True)).all()
    np.testing.assert_array_equal(tables.steps, multires.tables.steps)


def test_siren_priors_without_learning_expect_as_many_bits(siren: SirenPreset) -> None:
    for change in (priors.isotropic_siren, priors.untrained_siren):
        prior = change(siren).prior
        assert prior.nominal_bits == pytest.approx(siren.prior.nominal_bits, rel=0.01)
        assert len(np.unique(prior.rates)) == 1
    isotropic = priors.isotropic_siren(siren).prior
    assert not isotropic.mean.any()
    learned = siren.prior
    second_moment = np.mean(np.square(learned.mean) + np.square(learned.std))
    np.testing.assert_allclose(np.square(isotropic.std), second_moment, rtol=1e-5)


def test_encodings_can_be_taken_away(siren: SirenPreset) -> None:
    with pytest.raises(CombinerError, match="tiny-image has no positional encodings"):
        priors.without_encodings(siren)
    codec = PresetLibrary().named("siren-speech", SirenCodec)
    group = Siren(codec.preset.field).groups["encodings"]
    before, after = codec.preset.prior, priors.without_encodings(codec.preset).prior
    assert not after.rates[group].any()
    others = slice(0, group.start)
    np.testing.assert_array_equal(after.rates[others], before.rates[others])
    np.testing.assert_array_equal(after.mean, before.mean)


@pytest.mark.parametrize(("unit", "there"), [("bpp", False), ("kbps", True)])
def test_parts_that_only_clips_have_are_changed_in_clips(unit: RateUnit, there: bool) -> None:
    names = {job.variant for job in ablation.jobs_for(["a"], [8], unit, "siren", None, 1)}
    assert ("scales of parts: off" in names) == there
    assert ("encodings: off" in names) == there
    assert "refinement: off" in names


def test_all_variants_are_named_by_what_they_change() -> None:
    for variants in VARIANTS.values():
        assert next(iter(variants)) == UNCHANGED
        assert len(set(variants.values())) == len(variants)
        assert all(": " in name for name in list(variants)[1:])


def test_parts_choose_variants() -> None:
    jobs = ablation.jobs_for(["a"], [0.1], "bpp", "multires", ["targets", "g"], seeds=2)
    names = list(dict.fromkeys(job.variant for job in jobs))
    assert names == [UNCHANGED, "targets: what reproduces the signal", "g: none"]
    assert {job.seed for job in jobs} == {0, 1}
    with pytest.raises(CombinerError, match="No variant of siren changes the part 'g'"):
        ablation.jobs_for(["a"], [0.1], "bpp", "siren", ["g"], seeds=1)


def test_differences_are_taken_file_by_file() -> None:
    job = ablation.Job("a", 0.1, "bpp", "siren", UNCHANGED)
    base = ablation.Row(job, 100, 0.1, 20.0, 700.0, 8.0, 1.0, 2.0, 1, "siren-image 0")
    rows = [
        replace(base, job=replace(job, file=file, variant=name), psnr_db=psnr_db + offset)
        for file, psnr_db in zip("abc", (20.0, 25.0, 33.0), strict=True)
        for name, offset in ((UNCHANGED, 0.0), ("refinement: off", -0.25))
    ]
    rows.append(replace(base, job=replace(job, file="d", variant="refinement: off"), psnr_db=0.0))
    lines = tables.table(tables.frame(rows)).splitlines()
    assert lines[2].startswith("| siren, 0.1 bpp | as it is | 3 | 0.1000 | 26.00 |  |")
    assert "| refinement: off | 4 | 0.1000 | 19.31 | -0.25 (-0.25 to -0.25) | 700 | 3 |" in lines[3]


@pytest.mark.long
def test_files_of_variants_have_the_same_size(
    photos: Path, multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    for variant in ("g: none", "prior: no network", "coder: no neighbours", "coder: 4 states"):
        job = ablation.Job("photo0.png", 2, "bpp", "multires", variant)
        row = ablation.run(job, photos, threads=1, updates=None)
        assert 0.85 * 240 <= row.bytes <= 240
        assert row.prior.startswith("tiny-multires-image ")


@pytest.mark.long
def test_measurements_are_kept_and_resumed(
    run_benchmarks: RunCli, photos: Path, multires_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMBINER_PRESETS", str(multires_presets))
    arguments = ("ablation", "--family", "multires", "--data", photos, "--limit", "1")
    options = ("--out", "rows.json", "--rates", "4", "--parts", "g")
    done = run_benchmarks(*arguments, *options)
    assert done.returncode == 0, done.stderr
    assert "| multires, 4 bpp | g: none | 1 | " in done.stdout
    again = run_benchmarks(*arguments, *options)
    assert again.stdout == done.stdout
    assert not again.stderr


@pytest.mark.long
def test_priors_of_coordinate_descent_are_compared(
    photos: Path, tmp_path: Path, tiny_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = descent.Descent(updates=4, signals=2, rate_bits=600, hidden=8, tiles=1, batch=32)
    monkeypatch.setattr(descent, "_TEXTURED_SHARE", 1.0)
    updates = [event.update for event in descent.learn(small, [photos], tmp_path / "updates")]
    assert updates == [1, 2, 3, 4]
    cards = PresetLibrary(tmp_path / "updates").cards()
    assert {card.name for card in cards} == {"updates-1", "updates-4"}
    assert list(descent.learn(small, [photos], tmp_path / "updates")) == []

    monkeypatch.setenv("COMBINER_PRESETS", str(tiny_presets))
    folder = tmp_path / "updates"
    jobs = ablation.jobs_for(["photo0.png"], [4], "bpp", "siren", ["prior updates"], 1, folder)
    assert [job.variant for job in jobs] == [
        UNCHANGED,
        *(f"prior updates: {count}" for count in (1, 4)),
    ]
    row = ablation.run(jobs[2], photos, threads=1, updates=folder)
    assert row.prior.startswith("updates-4 ")
    assert row.bytes == 480


@pytest.mark.parametrize("updates", [2, 3])
def test_other_numbers_of_updates_are_refused(updates: int) -> None:
    with pytest.raises(CombinerError, match=f"{updates} updates are not a power of four"):
        descent.Descent(updates=updates)
