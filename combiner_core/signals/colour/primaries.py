"""Primary colours and whites of colour spaces, and matrices between them in linear light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Chromaticity = tuple[float, float]

D65: Chromaticity = (0.3127, 0.3290)
_D50_XYZ = (0.9642, 1.0, 0.8249)
# cone responses of Bradford, for the adaptation of the eye to another white
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_LEAST_Y = 1e-4
_MOST_CONDITION = 1e4


def _xyz(corner: Chromaticity) -> NDArray[np.float64]:
    x, y = corner
    return np.array([x / y, 1.0, (1 - x - y) / y])


@dataclass(frozen=True)
class Primaries:
    """Chromaticities of red, green, blue and white.

    Raises:
        ValueError: they span no colours.
    """

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity = D65

    def __post_init__(self) -> None:
        corners = (self.red, self.green, self.blue, self.white)
        if not all(np.isfinite(corner).all() and corner[1] > _LEAST_Y for corner in corners):
            raise ValueError("chromaticities are positive")
        if np.linalg.cond(self._directions()) > _MOST_CONDITION:
            raise ValueError("the primaries lie on a line")

    def to_pcs(self) -> NDArray[np.float64]:
        """The matrix from linear RGB to XYZ under D50, whose white has Y = 1."""
        white = _xyz(self.white)
        directions = self._directions()
        to_xyz = directions * np.linalg.solve(directions, white)
        gains = (_BRADFORD @ _D50_XYZ) / (_BRADFORD @ white)
        adapted: NDArray[np.float64] = (
            np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD) @ to_xyz
        )
        return adapted

    def _directions(self) -> NDArray[np.float64]:
        return np.stack([_xyz(corner) for corner in (self.red, self.green, self.blue)], axis=1)


BT709 = Primaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
BT470M = Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316))
BT470BG = Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06))
SMPTE170M = Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))
FILM = Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316))
BT2020 = Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
DCI_P3 = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351))
DISPLAY_P3 = Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
EBU3213 = Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077))
ADOBE_RGB = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
