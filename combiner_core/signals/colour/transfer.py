"""Transfer functions: from the numbers of a picture to linear light, in which white is 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

# of white in pictures of high dynamic range, ITU-R BT.2408
WHITE_CD_M2 = 203.0
_HLG_PEAK_CD_M2, _HLG_SYSTEM_GAMMA = 1000.0, 1.2


class Transfer(Protocol):
    """How much light a number stands for."""

    def __call__(self, values: Values) -> Values:
        """Linear light of numbers from 0 to 1, each by itself."""


@dataclass(frozen=True)
class Parametric:
    """(a x + b)^g + e from x = d on, c x + f below, as of ICC."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    def __call__(self, values: Values) -> Values:
        """Linear light."""
        power = np.power(np.maximum(self.a * values + self.b, 0.0), self.g) + self.e
        return np.where(values >= self.d, power, self.c * values + self.f)


@dataclass(frozen=True)
class Table:
    """Light at equally spaced numbers from 0 to 1, straight lines between them."""

    light: tuple[float, ...]

    def __call__(self, values: Values) -> Values:
        """Linear light."""
        return np.interp(values, np.linspace(0.0, 1.0, len(self.light)), self.light)


@dataclass(frozen=True)
class Logarithmic:
    """Equal steps for equal ratios over some decades of light, none below."""

    decades: float

    def __call__(self, values: Values) -> Values:
        """Linear light."""
        return np.where(values > 0, np.power(10.0, self.decades * (values - 1.0)), 0.0)


@dataclass(frozen=True)
class PerceptualQuantiser:
    """SMPTE ST 2084, for displays of up to 10,000 cd/m2."""

    def __call__(self, values: Values) -> Values:
        """Linear light."""
        m1, m2 = 2610 / 16384, 2523 / 4096 * 128
        c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
        root = np.power(np.maximum(values, 0.0), 1 / m2)
        light = np.power(np.maximum(root - c1, 0.0) / (c2 - c3 * root), 1 / m1)
        return light * (10_000.0 / WHITE_CD_M2)


@dataclass(frozen=True)
class HybridLogGamma:
    """ITU-R BT.2100: light of the scene, from 0 to 1; see `shown`."""

    def __call__(self, values: Values) -> Values:
        """Linear light of the scene."""
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        bright = (np.exp((np.maximum(values, 0.5) - c) / a) + b) / 12
        return np.where(values <= 0.5, np.square(values) / 3, bright)

    @staticmethod
    def shown(scene: NDArray[np.float32], luminances: Values) -> NDArray[np.float32]:
        """Light of a display of 1000 cd/m2, of which white is 1.

        Args:
            scene: linear light of the scene (..., 3).
            luminances: of red, green and blue, whose sum is 1.
        """
        luminance = np.maximum(scene @ luminances, 1e-9)[..., None]
        gain = np.power(luminance, _HLG_SYSTEM_GAMMA - 1) * (_HLG_PEAK_CD_M2 / WHITE_CD_M2)
        return (scene * gain).astype(np.float32)


LINEAR = Parametric(1.0)
SRGB = Parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SMPTE240M = Parametric(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 0.0913)
SMPTE428 = Parametric(2.6, (52.37 / 48.0) ** (1 / 2.6))


def encode_srgb(light: Values) -> Values:
    """Numbers of sRGB, from 0 to 1, of linear light in the same range: the inverse of `SRGB`."""
    power = 1.055 * np.power(np.maximum(light, 0.0), 1 / 2.4) - 0.055
    return np.where(light > 0.0031308, power, 12.92 * light)
