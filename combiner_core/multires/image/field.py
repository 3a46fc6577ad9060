"""Images as multires fields: from pixels to the coefficients that are coded, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from combiner_core.devices import half_precision, placed
from combiner_core.multires.bit_map import BitMap
from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.pyramid import decompose
from combiner_core.multires.image.wavelets import join
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import ImageShape, Signal, scaled_size

# rows of a picture that go through a network of pixels together, and rows of context
_STRIP_PIXELS = 1 << 20
_MARGIN = 16
_PREVIEW_SIDE = 192
_MAP_SIDE = 64

Decoded = tuple[Tensor, Tensor]


class ImageField:
    """Pictures of one size under one model.

    Args:
        model: quantised.
        shape: of the pictures.
        device: where to compute.
    """

    peak = 255.0
    unit = 1.0
    # measured on validation pictures: bits of a file for each that `Coefficients.information_bits`
    # guesses, at one bit a value, and with what power of the bits that grows
    bits_per_guessed, growth = 1.8, 0.18

    def __init__(self, model: ImageModel, shape: ImageShape, device: torch.device) -> None:
        self._model, self._shape, self._device = placed(model, device), shape, device
        self.values_count = 3 * shape.width * shape.height

    def values(self, signal: Signal) -> Tensor:
        """Pixels as (1, 3, height, width) from 0 to 255."""
        pixels = torch.tensor(signal.values if signal.deep is None else signal.levels())
        pixels = pixels.to(self._device)
        return pixels.permute(2, 0, 1)[None].float()

    def coefficients(self, values: Tensor) -> Coefficients:
        """Weights of pixels, by level: as they are, not in units of s."""
        return Coefficients(decompose(values, self._model.config.prior.levels))

    def coding_order(self, noise: NoiseScale, *, synthesise: bool = True) -> CodingOrder[Decoded]:
        """All groups of weights; see `ImagePrior.coding_order`."""
        scale, log_scale = noise.tensors(1, self._device)
        size = (self._shape.height, self._shape.width)
        return self._model.prior.coding_order(
            size, scale, log_scale, exact=True, synthesise=synthesise
        )

    def render(self, decoded: Decoded, noise: NoiseScale, scale: float, depth: int = 8) -> Signal:
        """The picture of what a coding order returned, on a grid `scale` times as fine."""
        values, hidden = decoded
        _, log_noise = noise.tensors(1, self._device)

        def correct(part: Tensor, context: Tensor | None) -> Tensor:
            part = to_pixels(part.float() * (noise.value / VALUE_UNITS))
            # half precision changes few pixels, and those by one
            with half_precision(self._device):
                result: Tensor = self._model.postfilter(part, context, log_noise)
            return result

        corrected = _by_strips(values, correct, hidden)
        size = (scaled_size(self._shape.height, scale), scaled_size(self._shape.width, scale))
        resized = resize(corrected, size)
        return Signal.image(_to_bytes(resized) if depth == 8 else _to_16_bits(resized))

    def preview(self, prior: GroupPrior, noise: NoiseScale) -> NDArray[np.uint8] | None:
        """A small picture of what is decoded of the coarser levels."""
        low = prior.low
        if low is None or max(low.shape[2:]) > _PREVIEW_SIDE:
            return None
        gain = noise.value / VALUE_UNITS / 2.0**prior.group.level
        return _to_bytes(to_pixels(low.float() * gain))

    def bit_map(self) -> BitMap:
        """An empty map, of square cells."""
        side = max(self._shape.height, self._shape.width) / _MAP_SIDE
        return BitMap(
            max(1, round(self._shape.height / side)), max(1, round(self._shape.width / side))
        )

    def add_bits(self, bit_map: BitMap, group: Group, bits: NDArray[np.float32]) -> None:
        """Enter the bits (channels, H, W) of a group."""
        rows = -(-self._shape.height >> min(group.level, self._model.config.prior.levels))
        first = group.first_row / rows
        bit_map.add(bits.sum(0), (first, first + bits.shape[1] / rows))


def resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """The field of these pixels on a grid of another size over the same area (B, 3, *size).

    A finer grid is that of the wavelets' own scaling functions, twice as fine at a time without
    further details, and cubic between its points; a coarser one has means of the pixels.
    """
    height, width = pixels.shape[2:]
    if (height, width) == size:
        return pixels
    if size[0] <= height and size[1] <= width:
        return functional.interpolate(pixels, size=size, mode="bicubic", antialias=True)
    points = 1
    while pixels.shape[2] < size[0] or pixels.shape[3] < size[1]:
        rows, columns = (2 * side for side in pixels.shape[2:])
        details = pixels.new_zeros(len(pixels), 9, *pixels.shape[2:])
        pixels = join(2 * pixels, details, rows, columns)
        points *= 2
    # every point that was there before stays the first of its successors
    down = _places(height, size[0], points, pixels)
    across = _places(width, size[1], points, pixels)
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), 2)[None]
    return functional.grid_sample(
        pixels,
        grid.expand(len(pixels), -1, -1, -1),
        mode="bicubic",
        padding_mode="border",
        align_corners=True,
    )


def _places(length: int, count: int, points: int, like: Tensor) -> Tensor:
    """Middles of `count` equal parts of a side of `length` pixels, from -1 to 1 between points."""
    middles = (torch.arange(count, dtype=torch.float64) + 0.5) * (length / count) - 0.5
    return (2 * points / (points * length - 1) * middles - 1).to(like)


def _by_strips(
    pixels: Tensor, network: Callable[[Tensor, Tensor | None], Tensor], context: Tensor | None
) -> Tensor:
    """Apply a network of limited reach to a picture, strip by strip."""
    _, _, height, width = pixels.shape
    rows = max(2, _STRIP_PIXELS // width // 2 * 2)
    result = torch.empty_like(pixels, dtype=torch.float32)
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        top, bottom = max(0, start - _MARGIN), min(height, stop + _MARGIN)
        half = slice(top // 2, -(-bottom // 2))
        part = network(
            pixels[:, :, top:bottom], None if context is None else context[:, :, half].float()
        )
        result[:, :, start:stop] = part[:, :, start - top : stop - top]
    return result


def _to_16_bits(pixels: Tensor) -> NDArray[np.uint16]:
    planes = [(part.clamp(0, 255) * 257).round().cpu().numpy() for part in pixels[0]]
    return np.stack([plane.astype(np.uint16) for plane in planes], axis=2)


def _to_bytes(pixels: Tensor) -> NDArray[np.uint8]:
    rounded = torch.stack([part.clamp(0, 255).round().to(torch.uint8) for part in pixels[0]])
    return rounded.permute(1, 2, 0).contiguous().cpu().numpy()
