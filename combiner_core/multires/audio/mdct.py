"""The multires field of audio: lapped cosines under a sine window (MDCT).

Frame t weighs `hop` cosines that reach over 2 hops, from sample (t - 1) hop on. The atoms are an
orthonormal basis (Princen & Bradley 1986, time-domain alias cancellation), so squared errors of
weights are squared errors of samples. A frame may be divided into `PARTS` short ones, which weigh a
part of the cosines each; windows of frames next to it then rise and fall steeply, so that the basis
stays orthonormal (Edler 1989, window switching).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# short frames in the place of one
PARTS = 8
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


def analyse_extended(extended: Tensor, hop: int, divided: Tensor | None = None) -> Tensor:
    """`analyse` of a clip with a hop before it, and as much after it as its frames reach over.

    Args:
        extended: that clip (channels, samples).
        hop: bins of a frame.
        divided: which frames are divided into short ones, bool (frames,); none if None. Of such a
            frame weight PARTS k + j is that of cosine k of the short frame j.
    """
    windows, lapped = extended.unfold(1, 2 * hop, hop), _Lapped(hop, extended.device)
    parts = []
    for first in range(0, windows.shape[1], _BLOCK):
        rows = slice(first, first + _BLOCK)
        frames, shapes = windows[:, rows], lapped.shapes(divided, rows)
        weights = lapped.weights(frames, shapes)
        if divided is not None and divided[rows].any():
            weights[:, divided[rows]] = _short_weights(frames[:, divided[rows]])
        parts.append(weights)
    return torch.cat(parts, 1)


def synthesise(
    coefficients: Tensor, samples: int, scale: float = 1.0, divided: Tensor | None = None
) -> Tensor:
    """Evaluate the field on a grid.

    Args:
        coefficients: weights (channels, frames, hop), float32.
        samples: of the clip that was analysed.
        scale: points for each of these, rounded so that a hop has a whole number, see
            `scaled_hop`. Point j lies at (j + 1/2) / scale - 1/2. Cosines too fast for a coarser
            grid are left out. A whole number where frames are divided.
        divided: see `analyse_extended`.

    Returns:
        (channels, round(samples scale)).
    """
    channels, count, hop = coefficients.shape
    points = scaled_hop(hop, scale)
    lapped = _Lapped(points, coefficients.device)
    # the atoms are functions of time: their values do not depend on the grid, their norm does
    spectrum = coefficients[..., :points] * math.sqrt(points / hop)
    wave = coefficients.new_zeros(channels, (count + 1) * points)
    for first in range(0, count, _BLOCK):
        rows = slice(first, first + _BLOCK)
        frames = lapped.waves(spectrum[:, rows], lapped.shapes(divided, rows))
        if divided is not None and divided[rows].any():
            frames[:, divided[rows]] = _short_waves(spectrum[:, rows][:, divided[rows]], points)
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
    window = _Lapped(hop, values.device).sine.square()
    shares = window / window.sum()
    return torch.cat([part @ shares for part in wide.unfold(0, 2 * hop, hop).split(_BLOCK)])


class _Lapped:
    """The transform of frames of so many points.

    Atom k at point n: window sqrt(2 / hop) cos(pi / hop (n + 1/2 + hop / 2) (k + 1/2)), by a
    Fourier transform between two turns of phase.

    Attributes:
        sine: the usual window (2 hop,), with that factor.
    """

    def __init__(self, hop: int, device: torch.device) -> None:
        self._hop = hop
        times = torch.arange(2 * hop, device=device, dtype=torch.float64)
        halves = torch.arange(hop, device=device, dtype=torch.float64) + 0.5
        window = torch.sin(math.pi * (times + 0.5) / (2 * hop)) * math.sqrt(2 / hop)
        one = torch.ones((), device=device, dtype=torch.float64)
        inner = torch.polar(one, -math.pi * times / (2 * hop))
        outer = torch.polar(one, -math.pi * (0.5 + hop / 2) / hop * halves)
        self.sine = window.float()
        self._inner, self._outer = inner.to(torch.complex64), outer.to(torch.complex64)

    def shapes(self, divided: Tensor | None, rows: slice) -> Tensor:
        """Windows of some frames: (2 hop,) of all of them, or (frames, 2 hop)."""
        if divided is None or not divided.any():
            return self.sine
        hop, width = self._hop, self._hop // PARTS
        smooth = self.sine[:hop]
        steep = torch.full_like(smooth, math.sqrt(2 / hop))
        start = (hop - width) // 2
        steep[:start] = 0
        short = _Lapped(width, smooth.device).sine[:width]
        steep[start : start + width] = short / math.sqrt(PARTS)
        # of each edge between frames, and of the two ends, whether a divided frame is at it
        steeply = functional.pad(divided, (1, 0)) | functional.pad(divided, (0, 1))
        slopes = torch.stack([smooth, steep])
        rising, falling = (slopes[each[rows].long()] for each in (steeply[:-1], steeply[1:]))
        return torch.cat([rising, falling.flip(1)], 1)

    def weights(self, frames: Tensor, window: Tensor) -> Tensor:
        """Of frames (..., 2 hop): (..., hop)."""
        spectrum = torch.fft.fft(frames * (window * self._inner))[..., : self._hop]
        weights: Tensor = (spectrum * self._outer).real
        return weights

    def waves(self, spectrum: Tensor, window: Tensor) -> Tensor:
        """Frames (..., 2 hop) of their weights, or of the lowest of these."""
        turned = spectrum * self._outer[: spectrum.shape[-1]].conj()
        frames = torch.fft.ifft(turned, 2 * self._hop, norm="forward")
        waves: Tensor = (frames * (window * self._inner.conj())).real
        return waves


def _short_weights(frames: Tensor) -> Tensor:
    """Weights (..., hop) of frames (..., 2 hop) that are divided."""
    hop = frames.shape[-1] // 2
    width = hop // PARTS
    start, lapped = (hop - width) // 2, _Lapped(width, frames.device)
    short = frames[..., start : start + (PARTS + 1) * width].unfold(-1, 2 * width, width)
    return lapped.weights(short, lapped.sine).transpose(-1, -2).flatten(-2)


def _short_waves(spectrum: Tensor, points: int) -> Tensor:
    """The inverse: (..., hop) to (..., 2 points)."""
    width = points // PARTS
    start, lapped = (points - width) // 2, _Lapped(width, spectrum.device)
    short = lapped.waves(spectrum.unflatten(-1, (-1, PARTS)).transpose(-1, -2), lapped.sine)
    frames = spectrum.new_zeros(*spectrum.shape[:-1], 2 * points)
    for part in range(PARTS):
        first = start + part * width
        frames[..., first : first + 2 * width] += short[..., part, :]
    return frames
