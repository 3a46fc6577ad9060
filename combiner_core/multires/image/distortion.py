"""Distortions of a decoded picture in the beta-ELBO that latent optimisation descends, in nats."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from combiner_core.multires.image.colours import to_colours

# sides of Gaussian windows and their deviation in pixels; scales, each half as fine as the last,
# and by how much a pixel counts more at each
_WINDOW, _DEVIATION = 7, 1.5
_SCALES, _SCALE_GAIN = 4, 2.0
# of luma and chroma
_WEIGHTS = (1.0, 0.5, 0.5)
# variance, in grey levels, below which differences are not seen (Wang et al. 2004)
_UNSEEN = (0.03 * 255) ** 2

# of decoded pixels, in nats
Distortion = Callable[[Tensor], Tensor]


class SquaredError:
    """Half the squared errors of pixels in the noise scales there.

    Args:
        original: pixels (1, 3, H, W) from 0 to 255.
        scale: the noise scale s.
        gains: 1 / a of each pixel (1, 1, H, W), where the noise scale is s a.
    """

    def __init__(self, original: Tensor, scale: float, gains: Tensor) -> None:
        self._original, self._gains = original, gains / scale

    def __call__(self, decoded: Tensor) -> Tensor:
        """Of decoded pixels."""
        return 0.5 * (self._gains * (decoded - self._original)).square().sum()


class PerceptualError:
    """In part squared errors, for the rest what local windows lack in likeness of structure.

    The structure term of SSIM (Wang, Bovik, Sheikh & Simoncelli 2004) compares the variances of
    windows and their covariance with those of the original, at several scales as in MS-SSIM (Wang,
    Simoncelli & Bovik 2003) and for chroma too. Its unit is chosen so that both parts are equal
    for the first picture that is measured.

    Args:
        squared: the squared error.
        original: pixels (1, 3, H, W) from 0 to 255.
        share: of the structure, from 0 to 1.
    """

    def __init__(self, squared: SquaredError, original: Tensor, share: float) -> None:
        self._squared, self._share = squared, share
        self._scales = [_Structure(one) for one in _pyramid(to_colours(original))]
        self._unit: float | None = None

    def __call__(self, decoded: Tensor) -> Tensor:
        """Of decoded pixels."""
        squared = self._squared(decoded)
        pairs = zip(self._scales, _pyramid(to_colours(decoded)), strict=True)
        unlike = sum(
            (
                _SCALE_GAIN**scale * structure.lack(one)
                for scale, (structure, one) in enumerate(pairs)
            ),
            squared.new_zeros(()),
        )
        if self._unit is None:
            self._unit = float(squared.detach() / unlike.detach().clamp_min(1e-9))
        return (1 - self._share) * squared + self._share * self._unit * unlike


class _Structure:
    """Windows of one scale of the original (1, 3, h, w)."""

    def __init__(self, original: Tensor) -> None:
        self._original = original
        self._mean = _windows(original)
        self._variance = _windows(original.square()) - self._mean.square()
        self._weights = original.new_tensor(_WEIGHTS)[:, None, None]

    def lack(self, decoded: Tensor) -> Tensor:
        """Sum over the windows about all pixels of one minus their likeness."""
        mean = _windows(decoded)
        variance = _windows(decoded.square()) - mean.square()
        covariance = _windows(decoded * self._original) - mean * self._mean
        likeness = (2 * covariance + _UNSEEN) / (variance + self._variance + _UNSEEN)
        return (self._weights * (1 - likeness)).sum()


def _windows(values: Tensor) -> Tensor:
    """Weighted means of the windows about all pixels (1, 3, h, w)."""
    taps = torch.arange(_WINDOW, dtype=values.dtype) - _WINDOW // 2
    window = torch.softmax(-taps.square() / (2 * _DEVIATION**2), 0).to(values.device)
    colours = values.shape[1]
    for size in ((1, _WINDOW), (_WINDOW, 1)):
        margin = _WINDOW // 2
        around = (margin, margin, 0, 0) if size[0] == 1 else (0, 0, margin, margin)
        values = functional.conv2d(
            functional.pad(values, around, mode="replicate"),
            window.view(1, 1, *size).expand(colours, 1, *size),
            groups=colours,
        )
    return values


def _pyramid(values: Tensor) -> list[Tensor]:
    """The picture at each scale at which it has a window; none if it is too small for any."""
    scales: list[Tensor] = []
    while len(scales) < _SCALES and min(values.shape[2:]) >= _WINDOW:
        scales.append(values)
        values = functional.avg_pool2d(values, 2)
    return scales
