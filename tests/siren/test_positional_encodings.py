"""Positional encodings: where a weight acts, and fields, presets and files that have them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from signal_files import tone

import combiner_core as cc
from combiner_core.gaussians import DiagonalGaussian
from combiner_core.presets import PresetLibrary
from combiner_core.siren.codec import SirenCodec, SirenEffort
from combiner_core.siren.coordinate_descent import (
    CoordinateDescent,
    CoordinateDescentConfig,
    LearnedPrior,
)
from combiner_core.siren.coordinates import FieldData, audio_coordinates
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.preset import Framing, SirenPreset
from combiner_core.siren.prior import FactorisedPrior
from combiner_core.siren.warm_start import first_prior

ENCODINGS = PositionalEncodings(nodes=5, frequencies=2)
CONFIG = SirenConfig(1, 1, frequencies=4, max_cycles=60.0, hidden=6, layers=3, encodings=ENCODINGS)


def encoded(places: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """At places from 0 to 4, in spacings of nodes, under weights (nodes, channels)."""
    return ENCODINGS(places[None, :, None] / 4 - 0.5, weights.reshape(1, -1))[0]


def test_amplitudes_are_interpolated_between_two_nodes() -> None:
    weights = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    places = torch.tensor([0.0, 1.25, 2.0, 3.9, 4.0])
    made = encoded(places, weights)
    for place, row in zip(places.tolist(), made, strict=True):
        left = min(int(place), 3)
        amplitudes = torch.lerp(weights[left], weights[left + 1], place - left)
        waves = [
            wave(2 * math.pi * cycles * place) for wave in (math.cos, math.sin) for cycles in (1, 2)
        ]
        torch.testing.assert_close(row, amplitudes * torch.tensor(waves), atol=1e-5, rtol=0)


def test_a_weight_acts_up_to_the_next_nodes_only() -> None:
    weights = torch.zeros(5, 4)
    weights[2] = 1.0
    acts = encoded(torch.linspace(0, 4, 81), weights).abs().amax(1) > 1e-5
    assert acts[21:60].all()
    assert not acts[:21].any()
    assert not acts[60:].any()


def test_a_field_with_encodings_changes_where_its_encodings_do() -> None:
    field = Siren(CONFIG)
    generator = torch.Generator().manual_seed(4)
    prior = field.initial_prior(1.0, generator)
    assert prior.mean.shape == (field.weight_count,)
    assert field.weight_count == (8 + 4 + 1) * 6 + 7 * 6 + (6 + 4 + 1) + 5 * 4
    other = prior.mean.clone()
    other[field.groups["encodings"]][:4] += 1.0
    x = audio_coordinates(100, 100.0)
    one, two = field(x, torch.stack([prior.mean, other]))
    differs = (one - two).abs()[:, 0] > 1e-5
    assert differs[1:24].all()
    assert not differs[25:].any()


@pytest.mark.parametrize("draws", [0, 2])
def test_drawn_weights_without_deviation_are_the_field_itself(draws: int) -> None:
    field = Siren(CONFIG)
    mean = field.initial_prior(1.0, torch.Generator().manual_seed(5)).mean[None]
    certain = DiagonalGaussian(mean, torch.zeros_like(mean))
    x = audio_coordinates(20, 20.0)
    if draws:
        made = field.sample_weights(x[None], certain, torch.randn, draws)
    else:
        made = field.sample(x[None], certain, torch.randn)
    torch.testing.assert_close(made, field(x, mean), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("nodes", "frequencies"), [(1, 1), (0, 3), (4, 0)])
def test_impossible_encodings_are_refused(nodes: int, frequencies: int) -> None:
    with pytest.raises(ValueError, match="encodings"):
        PositionalEncodings(nodes, frequencies)


def test_pictures_have_none() -> None:
    with pytest.raises(ValueError, match="encodings"):
        replace(CONFIG, in_dims=2)


@pytest.mark.parametrize("encodings", [None, PositionalEncodings(5, 1), ENCODINGS])
def test_a_prior_grows_encodings_and_means_the_same_field(
    encodings: PositionalEncodings | None,
) -> None:
    smaller = replace(CONFIG, encodings=encodings)
    generator = torch.Generator().manual_seed(6)
    begun = Siren(smaller).initial_prior(0.3, generator)
    mean = begun.mean + 0.1 * torch.randn(begun.mean.shape, generator=generator)
    prior = FactorisedPrior(mean.numpy(), begun.std.numpy(), np.ones(len(mean), np.int32))
    preset = SirenPreset.unsaved(smaller, prior, Framing(8000, 2000))
    grown = first_prior(preset, CONFIG, 0.3, generator)
    x = audio_coordinates(50, 50.0)
    torch.testing.assert_close(
        Siren(CONFIG)(x, grown.mean[None]), Siren(smaller)(x, mean[None]), atol=1e-5, rtol=0
    )
    assert bool((grown.std > 0).all())
    same = first_prior(preset, smaller, 0.3, generator)
    torch.testing.assert_close(same.mean, mean, atol=0, rtol=0)
    assert sum(np.isin(grown.std.numpy(), prior.std)) >= len(mean)


@pytest.mark.parametrize(
    "other",
    [
        replace(CONFIG, hidden=7),
        replace(CONFIG, encodings=None),
        replace(CONFIG, encodings=PositionalEncodings(6, 2)),
        replace(CONFIG, encodings=PositionalEncodings(5, 1)),
    ],
)
def test_a_prior_of_another_network_is_not_the_first(other: SirenConfig) -> None:
    generator = torch.Generator().manual_seed(6)
    begun = Siren(CONFIG).initial_prior(0.3, generator)
    rates = np.ones(len(begun.mean), np.int32)
    prior = FactorisedPrior(begun.mean.numpy(), begun.std.numpy(), rates)
    preset = SirenPreset.unsaved(CONFIG, prior, Framing(8000, 2000))
    with pytest.raises(ValueError, match="another one"):
        first_prior(preset, other, 0.3, generator)


def test_a_prior_with_encodings_is_learned_saved_and_makes_files(tmp_path: Path) -> None:
    framing = Framing(sample_rate=8000, segment_samples=2000)
    samples = tone(10_000, 8000)[0]
    descent = CoordinateDescent(
        CoordinateDescentConfig(CONFIG, rate_bits=300.0, updates=60, steps_per_update=20),
        [FieldData.audio(part, 2000) for part in np.split(samples, 5)],
    )
    *_, learned = descent.run()
    assert isinstance(learned, LearnedPrior)
    made = SirenPreset.unsaved(CONFIG, learned.prior, framing)
    card = replace(made.card, name="encoded", id=900)
    replace(made, card=card).save(tmp_path)

    library = PresetLibrary(tmp_path)
    codec = library.named("encoded", SirenCodec)
    assert codec.preset.field == CONFIG
    np.testing.assert_array_equal(codec.preset.prior.mean, made.prior.mean)
    clip = cc.Signal.audio(tone(4000, 8000), 8000)
    effort = SirenEffort(fit_steps=600, refine_steps=100, batch=256)
    file = cc.compress(clip, bytes=250, model=SirenCodec(codec.preset, effort))
    back = cc.decompress(file, model=codec)
    assert back.shape == clip.shape
    silent = cc.Signal.audio(np.zeros_like(clip.values), clip.sample_rate)
    assert cc.psnr_db(clip, back) > cc.psnr_db(clip, silent) + 1
