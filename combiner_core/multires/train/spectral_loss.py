"""How unlike its original decoded speech sounds: a loss to learn from, by short-time spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.audio.postfilter import compressed

# root mean square to which the originals are brought, and the least that they have
_USUAL_LOUDNESS, _LEAST_LOUDNESS = 0.05, 1e-4
# sample rate in Hz of the numbers of samples here
_RATE = 16_000
# of the compressed spectra, in samples, which overlap by three quarters
_WINDOWS = (1024, 512, 256)
# the network works on spectra like this one, whose shape is the root of the usual
_ROOT_WINDOW = 512
_MAGNITUDE_SHARE, _SPECTRA_WEIGHT = 0.7, 8.0
# of the mel spectra: window and step in samples, and bands
_MEL = ((512, 128, 40), (1024, 320, 32))
# between which bands lie: in Hz, and as a share of half the sample rate
_LOWEST_HZ, _HIGHEST = 60.0, 0.975
# depth in dB below the loudest at which levels end, and what differences are measured in
_DEPTH_DB, _DIFFERENCE_DB = 55.0, 10.0
_LEAST_POWER = 1e-8
# the Gaussian of NSIM over three bands by three frames
_CORNER, _EDGE, _CENTRE = 0.0113, 0.0838, 0.6193
# of NSIM, at levels of such a range
_RANGE_DB = 45.0
_OF_MEANS, _OF_DEVIATIONS = (0.01 * _RANGE_DB) ** 2, (0.03 * _RANGE_DB) ** 2 / 2
_LEAST_VARIANCE = 1e-3


@dataclass(frozen=True, eq=False)
class SpectralLoss:
    """A sum of two distances between clips, zero if they are equal.

    The first is that of spectra whose magnitudes are compressed by the power 0.3, with their phases
    and without, as in the enhancement of speech (Ephrat et al. 2018; Braun & Tashev 2021). The
    second compares levels in mel bands: by their difference, and by a similarity in the way of NSIM
    (Hines & Harte 2012).

    Attributes:
        sample_rate: of the clips in Hz.
    """

    sample_rate: int

    def __call__(self, decoded: Tensor, original: Tensor) -> Tensor:
        """The loss of each clip (B,).

        Args:
            decoded: samples (B, samples), 64 ms at least.
            original: those that they should be (B, samples).
        """
        loudness = original.square().mean(1, keepdim=True).sqrt().clamp_min(_LEAST_LOUDNESS)
        decoded, original = (clips * (_USUAL_LOUDNESS / loudness) for clips in (decoded, original))
        of_levels = self._of_levels(decoded, original)
        return _SPECTRA_WEIGHT * self._of_spectra(decoded, original) + of_levels

    def _of_spectra(self, decoded: Tensor, original: Tensor) -> Tensor:
        """Mean squared distance of compressed spectra (B,)."""
        total = torch.zeros(len(original), device=original.device)
        for window in _WINDOWS:
            one, other = (
                compressed(self._spectra(clips, window, window // 4))
                for clips in (decoded, original)
            )
            of_magnitudes = (one.abs() - other.abs()).square().mean((1, 2))
            of_values = torch.view_as_real(one - other).square().sum(-1).mean((1, 2))
            share = _MAGNITUDE_SHARE * of_magnitudes + (1 - _MAGNITUDE_SHARE) * of_values
            total = total + share / len(_WINDOWS)
        return total

    def _of_levels(self, decoded: Tensor, original: Tensor) -> Tensor:
        """Distance of levels in mel bands (B,)."""
        total = torch.zeros(len(original), device=original.device)
        for (window, step, _), bands in zip(_MEL, self._bands, strict=True):
            of_decoded, of_original = (
                self._levels_db(clips, window, step, bands) for clips in (decoded, original)
            )
            floor = of_original.amax((1, 2), keepdim=True) - _DEPTH_DB
            of_decoded, of_original = (
                torch.maximum(levels, floor) - floor for levels in (of_decoded, of_original)
            )
            difference = (of_decoded - of_original).abs().mean((1, 2)) / _DIFFERENCE_DB
            unlikeness = 1 - similarity(of_decoded, of_original)
            total = total + (difference + unlikeness) / (2 * len(_MEL))
        return total

    def _levels_db(self, clips: Tensor, window: int, step: int, bands: Tensor) -> Tensor:
        """Levels of clips in bands (B, bands, frames)."""
        powers = torch.view_as_real(self._spectra(clips, window, step)).square().sum(-1)
        return 10 * torch.log10(bands.to(clips.device) @ powers + _LEAST_POWER)

    def _spectra(self, clips: Tensor, window: int, step: int) -> Tensor:
        """Short-time spectra (B, bins, frames), windows and steps being those at 16 kHz."""
        window, step, root = (round(self._scale * size) for size in (window, step, _ROOT_WINDOW))
        shape = torch.hann_window(window, device=clips.device)
        if window == root:
            shape = shape.sqrt()
        return torch.stft(
            clips, window, step, window=shape, pad_mode="constant", return_complex=True
        )

    @property
    def _scale(self) -> float:
        return self.sample_rate / _RATE

    @cached_property
    def _bands(self) -> list[Tensor]:
        return [
            mel_bands(self.sample_rate, round(self._scale * window) // 2 + 1, count)
            for window, _, count in _MEL
        ]


def similarity(one: Tensor, other: Tensor) -> Tensor:
    """How much alike levels (B, bands, frames) in dB are, after NSIM: 1 if equal (B,)."""
    rows = [[_CORNER, _EDGE, _CORNER], [_EDGE, _CENTRE, _EDGE], [_CORNER, _EDGE, _CORNER]]
    window = torch.tensor(rows, device=one.device)[None, None]

    def mean(levels: Tensor) -> Tensor:
        return functional.conv2d(levels[:, None], window)

    one_mean, other_mean = mean(one), mean(other)
    one_variance, other_variance = (
        (mean(levels.square()) - middle.square()).clamp_min(0) + _LEAST_VARIANCE
        for levels, middle in ((one, one_mean), (other, other_mean))
    )
    covariance = mean(one * other) - one_mean * other_mean + _LEAST_VARIANCE
    of_means = (2 * one_mean * other_mean + _OF_MEANS) / (
        one_mean.square() + other_mean.square() + _OF_MEANS
    )
    of_deviations = (covariance + _OF_DEVIATIONS) / (
        one_variance.sqrt() * other_variance.sqrt() + _OF_DEVIATIONS
    )
    return (of_means * of_deviations).mean((1, 2, 3))


def mel_bands(sample_rate: int, bins: int, count: int) -> Tensor:
    """Weights (count, bins) of the bins in triangular bands, whose middles are even in mel."""
    half = sample_rate / 2
    limits = (_LOWEST_HZ, _HIGHEST * half)
    lowest, highest = (2595 * np.log10(1 + limit / 700) for limit in limits)
    edges = 700 * (10 ** (np.linspace(lowest, highest, count + 2) / 2595) - 1)
    places, widths = np.arange(bins) * half / (bins - 1), np.diff(edges)[:, None]
    rising = (places - edges[:-2, None]) / widths[:-1]
    falling = (edges[2:, None] - places) / widths[1:]
    triangles = np.minimum(rising, falling).clip(0)
    return torch.from_numpy(triangles / triangles.sum(1, keepdims=True)).float()
