"""The compiled loop of `sine_layer`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from combiner_core._compiler import compiled

_F = np.float32
_TURNS = _F(1 / np.pi)
# pi in three parts: the first two have so few bits that their multiples are exact
_PI_HIGH, _PI_MIDDLE = _F(3.140625), _F(0.0009670257568359375)
_PI_LOW = _F(np.pi - 3.140625 - 0.0009670257568359375)
# minimax polynomials in the square, a quarter turn to either side
_SIN_3, _SIN_5, _SIN_7 = _F(-0.16666667), _F(0.0083333310), _F(-0.00019840874)
_SIN_9, _SIN_11 = _F(2.7525562e-06), _F(-2.3889859e-08)
_COS_2, _COS_4, _COS_6 = _F(-0.5), _F(0.041666667), _F(-0.0013888889)
_COS_8, _COS_10, _COS_12 = _F(2.4801588e-05), _F(-2.7557319e-07), _F(2.0875723e-09)
_ONE, _HALF = _F(1), _F(0.5)


@compiled()
def sines_and_cosines(values: NDArray[np.float32], cosines: NDArray[np.float32]) -> None:
    """Values become their sines, `cosines` what their cosines were; both flat."""
    for place in range(values.size):
        value = values[place]
        half_turns = np.floor(value * _TURNS + _HALF)
        rest = value - half_turns * _PI_HIGH
        rest = rest - half_turns * _PI_MIDDLE
        rest = rest - half_turns * _PI_LOW
        sign = _F(1 - 2 * (np.int32(half_turns) & 1))
        square = rest * rest
        sine = _SIN_9 + square * _SIN_11
        sine = _SIN_5 + square * (_SIN_7 + square * sine)
        sine = rest + rest * square * (_SIN_3 + square * sine)
        cosine = _COS_8 + square * (_COS_10 + square * _COS_12)
        cosine = _COS_4 + square * (_COS_6 + square * cosine)
        cosine = _ONE + square * (_COS_2 + square * cosine)
        values[place] = sign * sine
        cosines[place] = sign * cosine
