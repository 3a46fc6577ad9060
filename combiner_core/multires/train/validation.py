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
from combiner_core.multires.image.pyramid import decompose
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
def ideal_image_result(
    model: ImageModel, pixels: Pixels, noise: float, seed: int = 0
) -> IdealResult:
    """KL in bits and PSNR (peak 255) of a picture, uint8 (H, W, 3), at noise scale s."""
    device = next(model.parameters()).device
    values = torch.tensor(pixels, device=device).permute(2, 0, 1)[None].float()
    scale = torch.tensor([noise], dtype=torch.float64, device=device)
    log_scale = torch.log2(scale)
    targets = decompose(values / noise, model.config.prior.levels)
    sampler = torch.Generator(device).manual_seed(seed)
    elbo = image_elbo(model, targets, values, scale, log_scale, sampler)
    mse = float((elbo.decoded.clamp(0, IMAGE_PEAK) - values).double().square().mean())
    kl_bits = float(elbo.rate_nats.sum()) / math.log(2)
    return IdealResult(kl_bits, psnr_from_mse_db(mse, IMAGE_PEAK))


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
    results = [
        ideal_image_result(model, pixels, noise, seed) for seed, pixels in enumerate(pictures)
    ]
    bpp = [
        result.kl_bits / (pixels.shape[0] * pixels.shape[1])
        for result, pixels in zip(results, pictures, strict=True)
    ]
    return float(np.mean(bpp)), float(np.mean([result.psnr_db for result in results]))
