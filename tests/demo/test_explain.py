"""The numbers behind the explanation: real fits, real coding, the trade-off."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from combiner_core.gaussians import DiagonalGaussian
from combiner_core.rec import BlockCoder, Key
from demo.ui import wave_charts
from demo.work import wave_fits
from demo.work.wave_fits import Fit
from demo.work.waves import EXPONENTS, SIGNALS


@pytest.fixture(params=SIGNALS)
def fits(request: pytest.FixtureRequest) -> tuple[Fit, ...]:
    return wave_fits.fits(request.param)


def elbo(fit: Fit, posterior: DiagonalGaussian) -> float:
    """Expected squared error plus beta times the KL divergence in nats, by its definition."""
    error = (fit.signal - fit.basis @ posterior.mean).square().sum()
    spread = (fit.basis.square() @ posterior.std.square()).sum()
    return float(error + spread + fit.beta * math.log(2) * posterior.kl_bits(fit.prior).sum())


def test_no_other_posterior_has_a_lower_elbo(fits: tuple[Fit, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    for fit in fits[::4]:
        best = elbo(fit, fit.posterior)
        for size in (1e-3, 1e-1):
            noise = torch.randn(2, len(fit.signal), generator=generator, dtype=torch.float64)
            moved = DiagonalGaussian(
                fit.posterior.mean + size * fit.posterior.std * noise[0],
                fit.posterior.std * torch.exp(size * noise[1]),
            )
            assert elbo(fit, moved) > best


def test_dearer_bits_are_fewer_and_buy_less(fits: tuple[Fit, ...]) -> None:
    assert [fit.beta for fit in fits] == [2.0**exponent for exponent in EXPONENTS]
    for finer, coarser in itertools.pairwise(fits):
        assert coarser.total_bits < finer.total_bits
        assert coarser.expected_psnr_db < finer.expected_psnr_db
        assert coarser.std_values.mean() > finer.std_values.mean()


def test_spread_and_distortion_are_those_of_posterior_samples(fits: tuple[Fit, ...]) -> None:
    fit = fits[8]
    noise = torch.randn(
        4000, len(fit.signal), generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    fields = (fit.posterior.mean + fit.posterior.std * noise) @ fit.basis.T
    torch.testing.assert_close(fields.std(0), fit.std_values, rtol=0.1, atol=0)
    error = (fields - fit.signal).square().mean()
    assert 10 * math.log10(4 / float(error)) == pytest.approx(fit.expected_psnr_db, abs=0.05)


def test_waves_can_make_any_signal(fits: tuple[Fit, ...]) -> None:
    basis = fits[0].basis
    weights = torch.linalg.solve(basis, fits[0].signal)
    torch.testing.assert_close(basis @ weights, fits[0].signal)
    torch.testing.assert_close(basis.square().sum(0), torch.ones(128, dtype=torch.float64))


def test_a_file_holds_a_little_more_than_the_divergence(fits: tuple[Fit, ...]) -> None:
    for fit in fits[4::6]:
        received = [wave_fits.receive(fit, seed) for seed in range(8)]
        bits = {one.bits for one in received}
        assert len(bits) == 1
        assert fit.total_bits < bits.pop() < 1.5 * fit.total_bits + 16
        assert len({one.psnr_db for one in received}) > 1
        mean_db = np.mean([one.psnr_db for one in received])
        assert fit.expected_psnr_db - 2.5 < mean_db < fit.expected_psnr_db + 1


def test_drawn_candidate_is_what_the_receiver_decodes(fits: tuple[Fit, ...]) -> None:
    fit = fits[6]
    for weight in (0, 9, 40):
        draw = wave_fits.draw(fit, weight, seed=5)
        assert len(draw.candidates) == len(draw.importance) == 1 << draw.bits
        bits = np.array([int(digit) for digit in draw.code], np.uint8)
        coder, key = BlockCoder(draw.bits), Key(5, 1 + weight)
        z = coder.decode(bits, np.ones(1, np.int64), draw.bits, key)[0]
        value = float(fit.prior.mean[weight] + fit.prior.std[weight] * z)
        assert draw.value == pytest.approx(value)
        ratios = torch.distributions.Normal(
            fit.posterior.mean[weight], fit.posterior.std[weight]
        ).log_prob(torch.tensor(draw.candidates)) - torch.distributions.Normal(
            fit.prior.mean[weight], fit.prior.std[weight]
        ).log_prob(torch.tensor(draw.candidates))
        expected = (ratios - ratios.max()).exp().numpy()
        np.testing.assert_allclose(draw.importance, expected, atol=1e-4)


def test_many_draws_follow_the_posterior() -> None:
    fit = wave_fits.fits(SIGNALS[0])[10]
    weight = next(w for w in range(64) if 1 < float(fit.kl_bits[w]) < 3)
    values = [wave_fits.draw(fit, weight, seed).value for seed in range(400)]
    mean, std = float(fit.posterior.mean[weight]), float(fit.posterior.std[weight])
    assert np.mean(values) == pytest.approx(mean, abs=0.25 * std)
    assert np.std(values) == pytest.approx(std, rel=0.25)


def test_charts_are_small(fits: tuple[Fit, ...]) -> None:
    received = wave_fits.receive(fits[0], 1)
    draw = wave_fits.draw(fits[0], 3, 1)
    figures = [
        wave_charts.field(fits[0], received, 3),
        wave_charts.densities(fits[0], 3),
        wave_charts.candidates(fits[0], 3, draw),
        wave_charts.trade_off(fits, fits[0], received),
    ]
    texts = [figure.to_json() for figure in figures]
    assert max(map(len, texts)) < 16_000
    assert all("NaN" not in text for text in texts)


def test_unknown_signal_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        wave_fits.fits("A whistle")
