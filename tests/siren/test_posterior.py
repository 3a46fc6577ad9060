"""Posterior learning: it meets its bits, lowers the distortion, and can be stopped and resumed."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from signal_files import picture

from combiner_core.gaussians import closed_form_prior
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.posterior import OptimiserConfig, PosteriorFit

CONFIG = SirenConfig(in_dims=2, out_dims=3, frequencies=5, max_cycles=3.0, hidden=8, layers=3)
OPTIMISER = OptimiserConfig(batch=128, control_gain=0.02)
BITS = 900.0


def tiny_fit(
    bits: torch.Tensor | None = None, seed: int = 0, blocks: int = 3, group: int = 1
) -> PosteriorFit:
    """Two pictures under one prior; by default every weight has an equal share of `BITS`."""
    field = Siren(CONFIG)
    count = field.weight_count
    prior = field.initial_prior(0.3, torch.Generator().manual_seed(1))
    targets = [FieldData.image(pixels) for pixels in (picture(16, 24), 255 - picture(16, 24))]
    if bits is None:
        bits = torch.full((2, count), BITS / count)
    block = torch.arange(count) * blocks // count
    generator = torch.Generator().manual_seed(seed)
    return PosteriorFit(field, prior, targets, bits, block, OPTIMISER, generator, group)


def advance(fit: PosteriorFit, steps: int, rate: float = 0.05) -> None:
    for _ in range(steps):
        fit.step(rate)


def assert_same(first: PosteriorFit, second: PosteriorFit) -> None:
    ours, theirs = first.state(), second.state()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def settle(fit: PosteriorFit, steps: int) -> None:
    for step in range(steps):
        fit.step(0.02 + 0.04 * (1 + math.cos(math.pi * step / steps)))


@pytest.fixture(scope="module")
def settled() -> PosteriorFit:
    fit = tiny_fit()
    settle(fit, 1200)
    return fit


def test_fit_meets_its_bits(settled: PosteriorFit) -> None:
    assert settled.kl_bits().sum(1).tolist() == pytest.approx([BITS, BITS], rel=0.05)


def test_every_block_meets_its_own_bits(settled: PosteriorFit) -> None:
    count = settled.field.weight_count
    block = torch.arange(count) * 3 // count
    for number in range(3):
        spent = settled.kl_bits()[:, block == number].sum(1).tolist()
        goal = BITS * int((block == number).sum()) / count
        assert spent == pytest.approx([goal, goal], rel=0.1)


def test_parts_of_a_group_share_their_bits_as_one_beta_divides_them() -> None:
    count = Siren(CONFIG).weight_count
    uneven = torch.full((2, count), BITS / count) * torch.tensor([[1.8], [0.2]])
    fit = tiny_fit(uneven, blocks=1, group=2)
    settle(fit, 1200)
    spent = fit.kl_bits().sum(1)
    assert float(spent.sum()) == pytest.approx(2 * BITS, rel=0.05)
    # the two pictures are each other's negatives: neither has more to tell
    assert float(spent[0] / spent[1]) == pytest.approx(1, rel=0.1)
    assert fit.beta[0] / fit.beta[1] == pytest.approx(1, rel=0.01)
    with pytest.raises(ValueError, match="2 signals are no groups of 3"):
        tiny_fit(group=3)


def test_fit_lowers_the_distortion(settled: PosteriorFit) -> None:
    start = tiny_fit()
    advance(start, 1)
    assert bool((settled.distortion < 0.8 * start.distortion).all())


def test_more_bits_leave_less_distortion(settled: PosteriorFit) -> None:
    count = settled.field.weight_count
    poor = tiny_fit(torch.full((2, count), BITS / 4 / count))
    settle(poor, 300)
    assert bool((settled.distortion < 0.9 * poor.distortion).all())


def test_weights_without_bits_stay_at_the_prior_mean() -> None:
    count = Siren(CONFIG).weight_count
    bits = torch.full((2, count), BITS / count)
    bits[:, ::2] = 0
    fit = tiny_fit(bits)
    advance(fit, 20)
    assert torch.equal(fit.mean[:, ::2], torch.zeros(2, (count + 1) // 2))
    assert float(fit.posterior().std[:, ::2].abs().max()) == 0
    assert float(fit.kl_bits()[:, ::2].abs().max()) == 0
    assert bool((fit.mean[:, 1::2] != 0).all())


def test_fixed_weights_never_change_and_carry_no_noise() -> None:
    fit = tiny_fit()
    advance(fit, 30)
    fixed = torch.tensor([3, 50, 7])
    sent = torch.tensor([0.5, -1.25, 0.0])
    fit.fix(1, fixed, sent)
    before = fit.mean.clone()
    advance(fit, 30)
    assert torch.equal(fit.mean[1, fixed], sent)
    posterior = fit.posterior()
    assert torch.equal(posterior.std[1, fixed], torch.zeros(3))
    torch.testing.assert_close(
        posterior.mean[1, fixed], fit.prior.mean[fixed] + fit.prior.std[fixed] * sent
    )
    assert torch.equal(fit.kl_bits()[1, fixed], torch.zeros(3))
    moved = fit.mean != before
    moved[1, fixed] = True
    assert bool(moved.all()), "the other weights, and the same ones of the other signal, go on"
    assert bool((posterior.std[0, fixed] > 0).all())


def test_a_fit_with_every_weight_fixed_is_deterministic_output() -> None:
    fit = tiny_fit()
    advance(fit, 5)
    everything = torch.arange(fit.field.weight_count)
    for row in range(2):
        fit.fix(row, everything, fit.mean[row].clone())
    before = fit.mean.clone()
    advance(fit, 5)
    assert torch.equal(fit.mean, before)
    assert bool(fit.distortion.isfinite().all())


def test_fit_is_deterministic_under_a_seed() -> None:
    first, second, other = tiny_fit(seed=4), tiny_fit(seed=4), tiny_fit(seed=5)
    for fit in (first, second, other):
        advance(fit, 25)
    assert_same(first, second)
    assert not torch.equal(first.mean, other.mean)


def test_a_saved_state_continues_exactly() -> None:
    straight = tiny_fit()
    advance(straight, 13)
    saved = {name: tensor.clone() for name, tensor in straight.state().items()}
    advance(straight, 12, rate=0.02)

    resumed = tiny_fit()
    advance(resumed, 2)  # whatever it did before does not matter
    resumed.load_state(saved)
    advance(resumed, 12, rate=0.02)
    assert_same(straight, resumed)


def test_rebasing_changes_the_units_and_not_the_posterior() -> None:
    fit = tiny_fit()
    advance(fit, 40)
    before = fit.posterior()
    fit.rebase(closed_form_prior(before))
    after = fit.posterior()
    torch.testing.assert_close(after.mean, before.mean, atol=1e-5, rtol=1e-5)
    # a posterior is never wider than the prior
    widest = fit.prior.std.expand_as(before.std)
    torch.testing.assert_close(after.std, before.std.minimum(widest), atol=1e-6, rtol=1e-5)


def test_divergence_is_that_of_the_posterior_from_the_prior() -> None:
    fit = tiny_fit()
    advance(fit, 10)
    torch.testing.assert_close(
        fit.kl_bits(), fit.posterior().kl_bits(fit.prior), atol=1e-4, rtol=1e-4
    )


def test_reported_distortion_is_that_of_the_field(settled: PosteriorFit) -> None:
    generator = torch.Generator().manual_seed(2)
    target = FieldData.image(picture(16, 24))
    values = target.values.float() / 127.5 - 1
    q = settled.posterior()
    outputs = [settled.field(target.coordinates, q.sample(generator))[0] for _ in range(200)]
    mean = float(torch.stack([(output - values).square().mean() for output in outputs]).mean())
    assert float(settled.distortion[0]) == pytest.approx(mean, rel=0.1)


@pytest.mark.parametrize(
    "change",
    [{"batch": 0}, {"learning_rate": 0.0}, {"initial_std": -1.0}, {"control_gain": 0.0}],
)
def test_impossible_settings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        OptimiserConfig(**change)


def test_beta_is_positive_and_finite() -> None:
    fit = tiny_fit()
    advance(fit, 50)
    assert all(math.isfinite(beta) and beta > 0 for beta in fit.beta.tolist())
