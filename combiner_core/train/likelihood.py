"""How well a prior of audio foretells known weights.

With a Gaussian prior N(m, v) and the noise scale as unit, the negative ELBO of a weight of target c
at its best posterior is -log N(c; m, 1 + v), but for a constant. Networks see weights drawn from
the posteriors, as a receiver will.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from combiner_core.fields.mdct import analyse, synthesise
from combiner_core.metrics import AUDIO_PEAK, psnr_from_mse_db
from combiner_core.priors.bands import BandPrior, to_levels
from combiner_core.priors.conditional import Request, follow
from combiner_core.train.clips import Samples

# weights of less than 0.02 bit are not coded: 1/2 log2(1 + v) at this log2 v
_MIN_LOG_VARIANCE = -5.15


class Likelihood:
    """Walks a prior with known weights.

    Args:
        prior: whose likelihood it is.
        weights: targets (B, frames, hop), in the samples' units.
        log_noise: log2 of the noise scale of each signal (B,), float64.
        chance: draws weights from their posteriors.

    Attributes:
        nats: after the walk, the sum of -log N(c; m, 1 + v), less log(2 pi) / 2 for each: (B,).
        kl_nats: after the walk, the sum of the posteriors' KL (B,).
    """

    def __init__(
        self, prior: BandPrior, weights: Tensor, log_noise: Tensor, chance: torch.Generator
    ) -> None:
        self._prior, self._frames = prior, weights.shape[1]
        self._noise, self._log_noise = torch.exp2(log_noise), log_noise
        scaled = weights / self._noise.float()[:, None, None]
        self._targets = to_levels(prior.config, scaled)
        self._chance = chance
        self.nats = torch.zeros(len(weights))
        self.kl_nats = torch.zeros(len(weights))

    def walk(self) -> Tensor:
        """The decoded weights (B, frames, hop), in the samples' units."""
        walk = self._prior.walk(self._frames, self._noise, self._log_noise, exact=False)
        decoded = follow(walk, self._answer)
        return decoded * self._noise.float()[:, None, None]

    def _answer(self, request: Request) -> Tensor:
        group, mean, log_variance = request.group, request.mean, request.log_variance
        target = self._targets[group.level][:, list(group.channels)]
        variance = torch.exp2(log_variance)
        square = (target - mean).square()
        nats = 0.5 * (torch.log1p(variance) + square / (1 + variance)) * group.coded
        self.nats = self.nats + nats.sum((1, 2, 3))
        with torch.no_grad():
            share = variance / (1 + variance)
            centre = mean + share * (target - mean)
            sample = centre + share.sqrt() * torch.randn(mean.shape, generator=self._chance)
            coded = (log_variance > _MIN_LOG_VARIANCE) & group.coded
            kl_nats = 0.5 * (torch.log1p(variance) - share + (centre - mean).square() / variance)
            self.kl_nats += (kl_nats * coded).sum((1, 2, 3))
            return torch.where(coded, sample, mean) * group.coded


@dataclass(frozen=True)
class IdealResult:
    """What the prior would give without any loss of coding: `kl_bits` and `psnr_db` (peak 2)."""

    kl_bits: float
    psnr_db: float


@torch.no_grad()
def ideal_result(prior: BandPrior, samples: Samples, noise: float, seed: int = 0) -> IdealResult:
    """KL in bits and quality of a clip, float32 (samples,), at noise scale s, after posteriors."""
    wave = torch.from_numpy(samples)[None]
    log_noise = torch.tensor([math.log2(noise)], dtype=torch.float64)
    result = Likelihood(
        prior, analyse(wave, prior.config.hop), log_noise, torch.Generator().manual_seed(seed)
    )
    decoded = result.walk()
    error = synthesise(decoded, wave.shape[1]).clamp(-1, 1) - wave
    mse = float(error.double().square().mean())
    return IdealResult(float(result.kl_nats.sum()) / math.log(2), psnr_from_mse_db(mse, AUDIO_PEAK))


def mean_rates(
    prior: BandPrior, clips: Sequence[Samples], sample_rate: int, noise: float
) -> tuple[float, float]:
    """Mean over clips of the ideal kbps and of the PSNR in dB."""
    results = [ideal_result(prior, clip, noise, seed) for seed, clip in enumerate(clips)]
    kbps = [
        result.kl_bits * sample_rate / len(clip) / 1000
        for result, clip in zip(results, clips, strict=True)
    ]
    return float(np.mean(kbps)), float(np.mean([result.psnr_db for result in results]))
