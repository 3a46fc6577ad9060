"""What a prior would give on signals it has not seen, without any loss of coding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from combiner_core.metrics import AUDIO_PEAK, IMAGE_PEAK, psnr_from_mse_db
from combiner_core.multires.audio.mdct import analyse, synthesise
from combiner_core.multires.audio.prior import AudioPrior, to_levels
from combiner_core.multires.coding_order import follow
from combiner_core.multires.image.elbo import image_elbo
from combiner_core.multires.image.field import folded_weights
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps
from combiner_core.multires.model import ImageModel
from combiner_core.multires.train.crops import Pixels
from combiner_core.multires.train.likelihood import Likelihood
from combiner_core.multires.train.sounds import Samples


@dataclass(frozen=True)
class IdealResult:
    """Length of an ideal code of the posteriors, `kl_bits`, and the quality, `psnr_db`."""

    kl_bits: float
    psnr_db: float


@torch.no_grad()
def ideal_result(prior: AudioPrior, samples: Samples, noise: float, seed: int = 0) -> IdealResult:
    """KL in bits and PSNR (peak 2) of a clip, float32 (samples,), at noise scale s."""
    device = next(prior.parameters()).device
    wave = torch.from_numpy(samples)[None].to(device)
    scale = torch.tensor([noise], dtype=torch.float64, device=device)
    weights = analyse(wave, prior.config.hop)
    sampler = torch.Generator(device).manual_seed(seed)
    likelihood = Likelihood(to_levels(prior.config, weights / noise), sampler)
    order = prior.coding_order(weights.shape[1], scale, torch.log2(scale), exact=False)
    decoded = follow(order, likelihood.answer) * noise
    error = synthesise(decoded, wave.shape[1]).clamp(-1, 1) - wave
    mse = float(error.double().square().mean())
    kl_bits = float(likelihood.kl_nats.sum()) / math.log(2)
    return IdealResult(kl_bits, psnr_from_mse_db(mse, AUDIO_PEAK))


@torch.no_grad()
def ideal_image_result(model: ImageModel, pixels: Pixels, noise: float) -> IdealResult:
    """What the negative beta-ELBO leaves for a code, and PSNR (peak 255).

    Args:
        model: to be measured.
        pixels: uint8 (H, W, 3).
        noise: scale s.
    """
    device = next(model.parameters()).device
    values = torch.tensor(pixels, device=device).permute(2, 0, 1)[None].float()
    size = (values.shape[2], values.shape[3])
    log_noise = torch.log2(torch.tensor([noise], dtype=torch.float64, device=device))
    levels = model.config.prior.levels
    steps = NoiseSteps.of([NoiseMap.flat(*size)], size, levels, device)
    targets = folded_weights(values / noise, levels)
    elbo = image_elbo(model, targets, size, log_noise, steps)
    mse = float((elbo.decoded.clamp(0, IMAGE_PEAK) - values).double().square().mean())
    rate_nats = float((elbo.weight_nats - elbo.weight_error_nats).sum())
    return IdealResult(rate_nats / math.log(2), psnr_from_mse_db(mse, IMAGE_PEAK))


def mean_rates(
    prior: AudioPrior, clips: Sequence[Samples], sample_rate: int, noise: float
) -> tuple[float, float]:
    """Mean over clips of the ideal kbps and of the PSNR in dB."""
    results = [ideal_result(prior, clip, noise, seed) for seed, clip in enumerate(clips)]
    kbps = [
        result.kl_bits * sample_rate / len(clip) / 1000
        for result, clip in zip(results, clips, strict=True)
    ]
    return float(np.mean(kbps)), float(np.mean([result.psnr_db for result in results]))


def mean_image_rates(
    model: ImageModel, pictures: Sequence[Pixels], noise: float
) -> tuple[float, float]:
    """Mean over pictures of the ideal bpp and of the PSNR in dB."""
    results = [ideal_image_result(model, pixels, noise) for pixels in pictures]
    bpp = [
        result.kl_bits / (pixels.shape[0] * pixels.shape[1])
        for result, pixels in zip(results, pictures, strict=True)
    ]
    return float(np.mean(bpp)), float(np.mean([result.psnr_db for result in results]))
