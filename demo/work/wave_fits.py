"""COMBINER in one dimension, on real numbers: what the page that explains it shows.

The field is a sum of waves, f(x | w) = sum_k w_k phi_k(x), whose random weights w have a learned
Gaussian prior and, for the signal at hand, a Gaussian posterior. All of Guo et al. 2023 is there:
the beta-ELBO, prior learning by coordinate descent, and relative entropy coding of a sample; but
since f is linear the posterior is a formula instead of thousands of gradient steps.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import combiner_core as cc
from combiner_core.gaussians import DiagonalGaussian, closed_form_prior, linear_posterior
from combiner_core.multires.image import wavelets
from combiner_core.rec import BlockCoder, Key, encode, permutation
from demo import ROOT
from demo.work.waves import EXPONENTS, SIGNALS

Floats = NDArray[np.floating]

_FOLDER = ROOT / "assets" / "explain"
_SHOWN_ROWS = 2
_POINTS = 128
_LEVELS = 5
# Priors of neighbouring betas are alike: each is learned on from the one before.
_FIRST_UPDATES, _UPDATES = 12, 4
_BLOCK_BITS = 16
# What the posterior of a block may be worth so that a sample of it is found among 2^16.
_TARGET_KL_BITS = 12.0
_MIN_INDEX_BITS, _MAX_INDEX_BITS = 2, 8


@dataclass(frozen=True, eq=False)
class Fit:
    """A signal, the prior learned for a beta, and the posterior under it.

    Attributes:
        beta: squared error that a nat is worth.
        signal: values in [-1, 1] at n points (n,).
        basis: the waves phi_k as columns of length one (n, n), coarse ones first.
        prior: of the weights; mean and std of shape (n,).
        posterior: of the weights; mean and std of shape (n,).
        usual_bits: mean KL of each weight over the training signals (n,).
    """

    beta: float
    signal: Tensor
    basis: Tensor
    prior: DiagonalGaussian
    posterior: DiagonalGaussian
    usual_bits: Tensor

    @property
    def kl_bits(self) -> Tensor:
        """KL[q || p] of each weight (n,)."""
        return self.posterior.kl_bits(self.prior)

    @property
    def total_bits(self) -> float:
        """KL[q || p] of all weights."""
        return float(self.kl_bits.sum())

    @property
    def mean_values(self) -> Tensor:
        """The field at the posterior mean (n,)."""
        return self.basis @ self.posterior.mean

    @property
    def std_values(self) -> Tensor:
        """How far the fields of posterior samples spread about their mean (n,)."""
        return (self.basis.square() @ self.posterior.std.square()).sqrt()

    @property
    def expected_psnr_db(self) -> float:
        """PSNR, with peak 2, of the expected distortion of a posterior sample."""
        error = (self.signal - self.mean_values).square() + self.std_values.square()
        return _psnr_db(float(error.mean()))

    def psnr_db(self, values: Tensor) -> float:
        """PSNR, with peak 2, of what was received (n,)."""
        return _psnr_db(float((values - self.signal).square().mean()))


@dataclass(frozen=True, eq=False)
class Received:
    """What the receiver makes of a file with a sample of all weights.

    Attributes:
        bits: of the file.
        values: the field (n,).
        psnr_db: with peak 2.
    """

    bits: int
    values: Tensor
    psnr_db: float


@dataclass(frozen=True, eq=False)
class Draw:
    """Relative entropy coding of one weight.

    Attributes:
        candidates: values that both sides draw from the prior (2^bits,).
        importance: q / p of each over the greatest of them (2^bits,).
        index: number of the candidate that was chosen.
        bits: length of that number.
    """

    candidates: Floats
    importance: Floats
    index: int
    bits: int

    @property
    def code(self) -> str:
        """What is sent: the index in binary digits."""
        return f"{self.index:0{self.bits}b}"

    @property
    def value(self) -> float:
        """What the receiver looks up under that number."""
        return float(self.candidates[self.index])


@functools.cache
def fits(name: str) -> tuple[Fit, ...]:
    """The fits of one of `SIGNALS`, one for each of `EXPONENTS`.

    Raises:
        ValueError: there is no such signal.
        CombinerError: the files it is read from cannot be read.
    """
    signal, examples = _load(SIGNALS.index(name))
    basis = _waves()
    prior, found = _flat_prior(basis), []
    for number, beta in enumerate(2.0**exponent for exponent in EXPONENTS):
        for _ in range(_UPDATES if number else _FIRST_UPDATES):
            prior = closed_form_prior(linear_posterior(prior, basis, examples, beta))
        usual_bits = linear_posterior(prior, basis, examples, beta).kl_bits(prior).mean(0)
        posterior = linear_posterior(prior, basis, signal[None], beta)
        posterior = DiagonalGaussian(posterior.mean[0], posterior.std)
        found.append(Fit(beta, signal, basis, prior, posterior, usual_bits))
    return tuple(found)


def receive(fit: Fit, seed: int) -> Received:
    """Code a sample of all weights with the paper's coder, and decode it.

    Blocks of weights grouped at random each send the 16 bits of one candidate. `seed` selects the
    shared randomness.
    """
    count = len(fit.signal)
    blocks = max(1, math.ceil(fit.total_bits / _TARGET_KL_BITS))
    order = permutation(count, seed)
    rates = np.maximum(1, np.rint(64 * fit.usual_bits.numpy()[order])).astype(np.int64)
    sent = fit.posterior.in_units_of(fit.prior)
    mean, std = sent.mean.numpy()[order], sent.std.numpy()[order]
    coder, key = BlockCoder(_BLOCK_BITS), Key(seed, 0)
    bits = encode(coder, mean, std, rates, blocks * _BLOCK_BITS, key)
    sample = np.empty(count)
    sample[order] = coder.decode(bits, rates, len(bits), key)
    weights = fit.prior.mean + fit.prior.std * torch.from_numpy(sample)
    values = fit.basis @ weights
    return Received(len(bits), values, fit.psnr_db(values))


def draw(fit: Fit, weight: int, seed: int) -> Draw:
    """Code one weight alone, with as many bits as its KL divergence asks for, and two more."""
    wanted = math.ceil(float(fit.kl_bits[weight])) + 2
    n_bits = min(max(wanted, _MIN_INDEX_BITS), _MAX_INDEX_BITS)
    coder, key = BlockCoder(n_bits), Key(seed, 1 + weight)
    sent = fit.posterior.in_units_of(fit.prior)
    mean, std = (part[weight : weight + 1].numpy() for part in (sent.mean, sent.std))
    rates = np.ones(1, dtype=np.int64)
    chosen = encode(coder, mean, std, rates, n_bits, key)
    numbers = np.arange(1 << n_bits)[:, None] >> np.arange(n_bits - 1, -1, -1)
    drawn = [coder.decode((row & 1).astype(np.uint8), rates, n_bits, key) for row in numbers]
    candidates = np.concatenate(drawn).astype(np.float64)
    # log q/p in prior units, but for a constant
    log_ratio = candidates**2 / 2 - ((candidates - mean) / std) ** 2 / 2
    return Draw(
        float(fit.prior.mean[weight]) + float(fit.prior.std[weight]) * candidates,
        np.exp(log_ratio - log_ratio.max()),
        int("".join(map(str, chosen)), 2),
        n_bits,
    )


def wave_text(fit: Fit, weight: int) -> str:
    """Where the wave of a weight is and how wide, in words."""
    energy = fit.basis[:, weight].square()
    places = torch.arange(len(energy), dtype=energy.dtype)
    centre = float(energy @ places)
    width = math.sqrt(12 * float(energy @ (places - centre).square()))
    return f"about {max(2, round(width))} points wide, around point {round(centre)}"


def _load(number: int) -> tuple[Tensor, Tensor]:
    """A signal (n,) and the training signals of its kind (M, n)."""
    if number < _SHOWN_ROWS:
        rows = cc.load(_FOLDER / "rows.png").values[..., 0]
        values = torch.tensor(rows, dtype=torch.float64) / 127.5 - 1
        examples = values[_SHOWN_ROWS:]
        # what is likely on the left is as likely on the right
        return values[number], torch.cat([examples, examples.flip(1)])
    clip = torch.tensor(cc.load(_FOLDER / "voice.flac").values.ravel(), dtype=torch.float64)
    pieces = clip[: len(clip) // _POINTS * _POINTS].view(-1, _POINTS)
    return pieces[0], pieces[1:]


def _waves() -> Tensor:
    """The wavelets of an axis as columns of length one (n, n), coarse ones first."""
    shapes = [_POINTS >> level for level in range(_LEVELS, -1, -1)]
    identity = torch.eye(_POINTS, dtype=torch.float64)[:, None, None]
    low, start = identity[..., : shapes[0]], shapes[0]
    for size, doubled in pairwise(shapes):
        high = identity[..., start : start + size]
        nothing = torch.zeros_like(high)
        low = wavelets.join(low, torch.cat([nothing, high, nothing], 1), 1, doubled)
        start += size
    columns = low.reshape(_POINTS, _POINTS).T
    return columns / columns.square().sum(0).sqrt()


def _flat_prior(basis: Tensor) -> DiagonalGaussian:
    """A prior that knows nothing: as wide as the range of values."""
    return DiagonalGaussian(basis.new_zeros(len(basis)), basis.new_full((len(basis),), 8.0))


def _psnr_db(mean_square: float) -> float:
    return 10 * math.log10(4 / mean_square)
