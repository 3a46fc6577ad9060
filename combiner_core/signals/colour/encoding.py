"""What the numbers of a picture mean: an encoding of colours, and the way from it to sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.signals.colour.primaries import BT709, Primaries
from combiner_core.signals.colour.transfer import SRGB, HybridLogGamma, Transfer, encode_srgb

Pixels = NDArray[Any]

_LUMINANCES = np.array([0.2126, 0.7152, 0.0722])
_BLOCK_PIXELS = 1 << 18
_TABLE_SIZE = 1 << 16
# of a value of sRGB: below half of this in 16 bits two encodings are the same
_SAME = 1 / 1024
# beyond the colours of sRGB by this much light is not rounding
_BEYOND = 1 / 128


@dataclass(frozen=True)
class Encoding:
    """Colours as numbers.

    Attributes:
        transfer: of each of red, green and blue to linear light.
        matrix: from linear RGB to XYZ under D50, as a tuple of rows.
    """

    transfer: tuple[Transfer, Transfer, Transfer]
    matrix: tuple[tuple[float, float, float], ...]

    @classmethod
    def of(cls, primaries: Primaries, transfer: Transfer) -> Encoding:
        """With the same transfer function for all primaries."""
        rows = tuple(tuple(map(float, row)) for row in primaries.to_pcs())
        return cls((transfer, transfer, transfer), rows)  # type: ignore[arg-type]

    @cached_property
    def to_srgb_light(self) -> NDArray[np.float64]:
        """The matrix to linear sRGB."""
        matrix: NDArray[np.float64] = np.linalg.solve(BT709.to_pcs(), np.array(self.matrix))
        return matrix

    def to_srgb(self, pixels: Pixels) -> tuple[Pixels, float]:
        """Pixels in sRGB.

        Args:
            pixels: (height, width, 3), or one channel of grey, as uint8, uint16 or floating point
                from 0 to 1.

        Returns:
            uint8 of uint8, uint16 of all else, of the same shape; and the share of the pixels that
            sRGB does not have, which are clipped.
        """
        is_deep = pixels.dtype != np.uint8
        result = np.empty(pixels.shape, np.uint16 if is_deep else np.uint8)
        curves = [_Curve.of(transfer, pixels.dtype) for transfer in self.transfer]
        quantise = _to_16_bits if is_deep else _to_8_bits
        beyond = 0
        rows = max(1, _BLOCK_PIXELS // pixels.shape[1])
        for start in range(0, len(pixels), rows):
            light = self._light(pixels[start : start + rows], curves)
            outside = (light > 1 + _BEYOND) | (light < -_BEYOND)
            beyond += int(outside.any(axis=2).sum())
            result[start : start + rows] = quantise(light.clip(0.0, 1.0))
        return result, beyond / (pixels.shape[0] * pixels.shape[1])

    def _light(self, pixels: Pixels, curves: list[_Curve]) -> NDArray[np.float32]:
        """Linear sRGB, not clipped."""
        channels = pixels.shape[2]
        light = np.stack([curves[i](pixels[..., i]) for i in range(channels)], axis=2)
        to_srgb = self.to_srgb_light
        if isinstance(self.transfer[0], HybridLogGamma):
            luminances = _LUMINANCES @ to_srgb if channels > 1 else np.ones(1)
            light = HybridLogGamma.shown(light, luminances)
        if channels == 1:  # grey stays grey
            return light
        return light @ to_srgb.T.astype(np.float32)

    @property
    def is_srgb(self) -> bool:
        """Whether the numbers are those of sRGB, as far as can be seen."""
        if np.abs(self.to_srgb_light - np.eye(3)).max() > 1 / 256:
            return False
        values = np.linspace(0.0, 1.0, 65)
        return all(
            np.abs(encode_srgb(transfer(values)) - values).max() < _SAME
            for transfer in self.transfer
        )


SRGB_ENCODING = Encoding.of(BT709, SRGB)


@dataclass(frozen=True, eq=False)
class _Curve:
    """A transfer function, by a table where there are few numbers."""

    transfer: Transfer
    table: NDArray[np.float32] | None

    @classmethod
    def of(cls, transfer: Transfer, dtype: np.dtype[Any]) -> _Curve:
        if not np.issubdtype(dtype, np.integer):
            return cls(transfer, None)
        most = np.iinfo(dtype).max
        return cls(transfer, transfer(np.arange(most + 1) / most).astype(np.float32))

    def __call__(self, values: Pixels) -> NDArray[np.float32]:
        if self.table is not None:
            return self.table[values]
        return self.transfer(values.astype(np.float64)).astype(np.float32)


def _to_16_bits(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(encode_srgb(light.astype(np.float64)) * 65535.0).astype(np.uint16)


def _to_8_bits(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    # steps of the table are 1/20 of a level in the dark, less elsewhere
    return _levels()[np.rint(light * (_TABLE_SIZE - 1)).astype(np.uint16)]


@cache
def _levels() -> NDArray[np.uint8]:
    light = np.linspace(0.0, 1.0, _TABLE_SIZE)
    return np.rint(encode_srgb(light) * 255.0).astype(np.uint8)
