"""Pictures to learn a postfilter from: as files have them, with what a decoder knows of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core import bitstream
from combiner_core.budget import Budget
from combiner_core.codec import encode
from combiner_core.errors import BudgetError
from combiner_core.events import result_of
from combiner_core.families import OneCodec
from combiner_core.multires.codec import MultiresCodec
from combiner_core.multires.coding_order import CodingOrder, follow
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.preset import MultiresPreset
from combiner_core.multires.reception import receiver, receiving
from combiner_core.options import DeviceName, EncodeOptions, TuneName
from combiner_core.signals import Signal

# tells the random numbers of examples from those of steps
_OF_EXAMPLES = 1
# pixels of a cell of noise steps, and of a piece's sides at least
CELL, SIDE_UNIT = 4, 8


@dataclass(frozen=True)
class PictureExampleConfig:
    """Files that are made to learn from.

    Attributes:
        count: how many, at most one of each picture.
        rates_bpp: the least and the greatest; their logarithms are uniform in between.
        perceptual_share: of them that have tune perceptual.
        seed: of everything random.
    """

    count: int = 600
    rates_bpp: tuple[float, float] = (0.06, 1.2)
    perceptual_share: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 < self.rates_bpp[0] <= self.rates_bpp[1]:
            raise ValueError("the number of examples and their rates must be positive")


@dataclass(frozen=True, eq=False)
class CodedPicture:
    """A picture before and after the codec, with all that its postfilter is given.

    Attributes:
        original: uint8 (3, H, W).
        pixels: as they are decoded, float16 (3, H, W).
        context: hidden values of the finest level, int16, see `Postfilter`.
        steps: of the noise scale, int8, likewise.
        log_noise: log2 of the noise scale.
    """

    original: NDArray[np.uint8]
    pixels: NDArray[np.float16]
    context: NDArray[np.int16]
    steps: NDArray[np.int8]
    log_noise: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.original.shape[1:]
        return height, width

    def piece(self, top: int, left: int, height: int, width: int) -> CodedPicture:
        """Part of it, at multiples of 4 pixels."""
        pixels = (slice(None), slice(top, top + height), slice(left, left + width))
        rows = slice(top // CELL, -(-(top + height) // CELL))
        cells = (slice(None), rows, slice(left // CELL, -(-(left + width) // CELL)))
        return CodedPicture(
            self.original[pixels],
            self.pixels[pixels],
            self.context[cells],
            self.steps[cells],
            self.log_noise,
        )


def coded_pictures(
    preset: MultiresPreset,
    pictures: Sequence[Signal],
    config: PictureExampleConfig,
    device: DeviceName = "cpu",
) -> Iterator[CodedPicture]:
    """Examples, one after the other, each random by its number alone.

    Args:
        preset: that codes them.
        pictures: to choose from; a few are left out: those too small for a file of that rate, and
            grey ones.
        config: which examples.
        device: where to compute.
    """
    order = np.random.default_rng((config.seed, _OF_EXAMPLES)).permutation(len(pictures))
    for number, place in enumerate(order[: config.count]):
        generator = np.random.default_rng((config.seed, number, _OF_EXAMPLES))
        bpp = float(np.exp(generator.uniform(*np.log(config.rates_bpp))))
        is_perceptual = generator.random() < config.perceptual_share
        tune: TuneName = "perceptual" if is_perceptual else "psnr"
        try:
            example = coded_picture(preset, pictures[place], bpp, tune, device)
        except BudgetError:
            continue
        if example is not None:
            yield example


@torch.no_grad()
def coded_picture(
    preset: MultiresPreset,
    picture: Signal,
    bpp: float,
    tune: TuneName = "psnr",
    device: DeviceName = "cpu",
) -> CodedPicture | None:
    """A picture coded with effort fast; None if its postfilter would not be asked.

    Raises:
        BudgetError: there are too few bits.
    """
    options = EncodeOptions("multires", effort="fast", device=device, tune=tune)
    coded = result_of(encode(picture, Budget(bpp, "bpp"), options, OneCodec(MultiresCodec(preset))))
    file = bitstream.read(coded.data)
    field, noise, decoder = receiver(preset, file.header, file.payload, device)
    assert isinstance(field, ImageField)
    if field.setting:
        return None
    order: CodingOrder[Any] = field.coding_order(noise)
    decoded: tuple[Tensor, Tensor] = follow(order, receiving(decoder))
    inputs = field.filter_inputs(decoded, noise)
    pixels, context, steps = (part[0].float().cpu().numpy() for part in inputs)
    return CodedPicture(
        np.ascontiguousarray(picture.values.transpose(2, 0, 1)),
        pixels.astype(np.float16),
        context.astype(np.int16),
        steps.astype(np.int8),
        float(np.log2(noise.value)),
    )
