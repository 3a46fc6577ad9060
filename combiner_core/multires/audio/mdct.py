"""The multires field of audio: lapped cosines under a sine window (MDCT).

Frame t weighs `hop` cosines that reach over 2 hops, from sample (t - 1) hop on. The atoms are an
orthonormal basis (Princen & Bradley 1986, time-domain alias cancellation), so squared errors of
weights are squared errors of samples.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# frames transformed at a time, so that memory stays bounded
_BLOCK = 256


def frame_count(samples: int, hop: int) -> int:
    """Frames of a clip: the first and the last reach over its ends."""
    return -(-samples // hop) + 1


def scaled_hop(hop: int, scale: float) -> int:
    """Samples that `synthesise` gives for a hop: the next whole number to scale times hop."""
    return max(1, round(hop * scale))


def mid_side(channels: Tensor) -> Tensor:
    """Rotate left and right (2, ...) to mid and side or back; one channel stays what it is.

    The rotation is orthonormal and its own inverse.
    """
    if len(channels) != 2:
        return channels
    left, right = channels
    return torch.stack([left + right, left - right]) * math.sqrt(0.5)


def analyse(samples: Tensor, hop: int) -> Tensor:
    """Weights of a clip between silence: float32 (channels, samples) to (channels, frames, hop)."""
    count = frame_count(samples.shape[1], hop)
    return analyse_extended(functional.pad(samples, (hop, count * hop - samples.shape[1])), hop)


def analyse_extended(extended: Tensor, hop: int) -> Tensor:
    """`analyse` of a clip with a hop before it, and as much after it as its frames reach over."""
    windows = extended.unfold(1, 2 * hop, hop)
    window, inner, outer = _factors(hop, extended.device)
    parts = []
    for frames in windows.split(_BLOCK, 1):
        spectrum = torch.fft.fft(frames * (window * inner))[..., :hop]
        parts.append((spectrum * outer).real)
    return torch.cat(parts, 1)


def synthesise(coefficients: Tensor, samples: int, scale: float = 1.0) -> Tensor:
    """Evaluate the field on a grid.

    Args:
        coefficients: weights (channels, frames, hop), float32.
        samples: of the clip that was analysed.
        scale: points for each of these, rounded so that a hop has a whole number, see
            `scaled_hop`. Point j lies at (j + 1/2) / scale - 1/2. Cosines too fast for a coarser
            grid are left out.

    Returns:
        (channels, round(samples scale)).
    """
    channels, count, hop = coefficients.shape
    points = scaled_hop(hop, scale)
    # the atoms are functions of time: their values do not depend on the grid, their norm does
    spectrum = coefficients[..., :points] * math.sqrt(points / hop)
    window, inner, outer = _factors(points, coefficients.device)
    outer = outer[: spectrum.shape[2]].conj()
    wave = coefficients.new_zeros(channels, (count + 1) * points)
    for first in range(0, count, _BLOCK):
        part = spectrum[:, first : first + _BLOCK]
        frames = torch.fft.ifft(part * outer, 2 * points, norm="forward")
        frames = (frames * (window * inner.conj())).real
        for half in range(2):
            start = (first + half) * points
            piece = frames[..., half * points : (half + 1) * points].flatten(1)
            wave[:, start : start + piece.shape[1]] += piece
    return wave[:, points : points + round(samples * points / hop)]


def frame_means(values: Tensor, hop: int) -> Tensor:
    """Means of values (samples,) over the atoms of each frame, by their squares: (frames,)."""
    after = frame_count(len(values), hop) * hop - len(values)
    # the first and the last frame reach over the ends, where values are as at these
    wide = functional.pad(values[None], (hop, after), mode="replicate")[0]
    window = _factors(hop, values.device)[0].square()
    shares = window / window.sum()
    return torch.cat([part @ shares for part in wide.unfold(0, 2 * hop, hop).split(_BLOCK)])


def _factors(hop: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The window (2 hop,) and the phases that make a Fourier transform one of these cosines.

    Atom k at sample n: window sqrt(2 / hop) cos(pi / hop (n + 1/2 + hop / 2) (k + 1/2)).
    """
    times = torch.arange(2 * hop, device=device, dtype=torch.float64)
    halves = torch.arange(hop, device=device, dtype=torch.float64) + 0.5
    window = torch.sin(math.pi * (times + 0.5) / (2 * hop)) * math.sqrt(2 / hop)
    one = torch.ones((), device=device, dtype=torch.float64)
    inner = torch.polar(one, -math.pi * times / (2 * hop))
    outer = torch.polar(one, -math.pi * (0.5 + hop / 2) / hop * halves)
    return window.float(), inner.to(torch.complex64), outer.to(torch.complex64)
