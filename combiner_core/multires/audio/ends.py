"""What a clip's encoder takes to lie beyond its ends: what linear prediction makes of the sound.

The first and the last frames reach over the ends, and receivers throw away what lies there. Silence
would break off whatever sounds, which takes many weights. The predictor is that of Burg (1967,
"Maximum entropy spectral analysis"), which is stable.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

# of the predictor; at most this part of what it learns from, which are so many hops
_ORDER, _SHARE, _LEARNED_HOPS = 32, 3, 3
# share of the energy below which nothing is left to be foretold
_TINY = 1e-12


def extended(samples: Tensor, before: int, after: int, hop: int) -> Tensor:
    """A clip (channels, samples) with so many samples more at either end."""
    learned = _LEARNED_HOPS * hop
    wide = functional.pad(samples, (before, after))
    for channel, row in zip(samples.cpu().double().numpy(), wide, strict=True):
        if before:
            row[:before] = _tensor(_continued(channel[:learned][::-1], before)[::-1], row)
        if after:
            row[-after:] = _tensor(_continued(channel[-learned:], after), row)
    return wide


def _tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(values.copy()).to(like)


def _continued(past: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The next samples by linear prediction, no louder than those before."""
    filtered = _predictor(past, min(_ORDER, len(past) // _SHARE))
    taps = -filtered[:0:-1]
    order = len(taps)
    sound = np.concatenate([past[len(past) - order :], np.zeros(count)])
    for place in range(order, order + count):
        sound[place] = taps @ sound[place - order : place]
    loudest = np.abs(past).max()
    held: NDArray[np.float64] = np.clip(sound[order:], -loudest, loudest)
    return held


def _predictor(past: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Coefficients (order + 1,) whose filter makes a residual of the samples, by Burg's method."""
    filtered = np.ones(1)
    forward, backward = past[1:], past[:-1]
    enough = _TINY * float(past @ past)
    for _ in range(order):
        energy = float(forward @ forward + backward @ backward)
        if energy <= enough:
            break
        reflection = -2 * float(forward @ backward) / energy
        longer = np.append(filtered, 0.0)
        filtered = longer + reflection * longer[::-1]
        forward, backward = (
            (forward + reflection * backward)[1:],
            (backward + reflection * forward)[:-1],
        )
    return filtered
