"""Images as multires fields: from pixels to the coefficients that are coded, and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.devices import half_precision, placed
from combiner_core.errors import BitstreamError
from combiner_core.importance import Importance
from combiner_core.invariants import equal_channels
from combiner_core.metrics import psnr_db
from combiner_core.multires.bit_map import BitMap
from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.detail import DetailSampler, expected_squares
from combiner_core.multires.image.error_bars import ErrorBars
from combiner_core.multires.image.filter_gain import FilterGain, Finest
from combiner_core.multires.image.folding import fold, unfold
from combiner_core.multires.image.manner import ImageManner, ImageSetting
from combiner_core.multires.image.noise_map import NoiseSteps
from combiner_core.multires.image.prior import FINEST_KNOWN
from combiner_core.multires.image.pyramid import decompose, level_sizes, place_octaves
from combiner_core.multires.image.rendering import (
    Block,
    Network,
    corrected_blocks,
    finer_blocks,
    levels_of,
    resize,
    to_levels,
)
from combiner_core.multires.image.sketch import Sketch
from combiner_core.multires.image.tuning import ImageTuning, manner_for
from combiner_core.multires.model import ImageModel
from combiner_core.multires.noise_scale import MIN_INDEX, NOISE_STEPS_PER_OCTAVE, NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.options import DecodeOptions
from combiner_core.rec import IntegerPrior
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import ImageShape, Signal, scaled_size

_MAP_SIDE = 64

_PLAIN = DecodeOptions(detail=0)
# index of noise scales from which on the postfilter is taken without a trial
_SURE_INDEX = 2 * NOISE_STEPS_PER_OCTAVE
# log2 of the noise scale where lambda is 1, its fall with that, and its limits, measured on
# validation pictures
_EVEN_OCTAVES, _LAGRANGIAN_SLOPE, _LAGRANGIANS = 4.6, 0.2, (0.7, 1.2)

Decoded = tuple[Tensor, Tensor]


class ImageField:
    """Pictures of one size under one model.

    Args:
        model: quantised.
        shape: of the pictures.
        device: where to compute.
        manner: how the noise scale varies; not at all if None.
        setting: what pictures go without: chroma if they are grey, the postfilter where it would
            cost precision.

    Attributes:
        size: height and width.
        levels: of the wavelet pyramid.
    """

    peak = 255.0
    unit = 1.0
    finest_index = MIN_INDEX
    # measured on validation pictures: bits of a file for each that `Coefficients.information_bits`
    # guesses, at one bit a value, and with what power of the bits that grows
    bits_per_guessed, growth = 1.72, 0.21

    def __init__(
        self,
        model: ImageModel,
        shape: ImageShape,
        device: torch.device,
        manner: ImageManner | None = None,
        setting: ImageSetting = ImageSetting.COMPLETE,
    ) -> None:
        self._model, self._shape, self._device = placed(model, device), shape, device
        self.values_count = 3 * shape.width * shape.height
        self.size = (shape.height, shape.width)
        self.setting = setting
        self.manner = manner or ImageManner.plain(*self.size)
        self.levels = model.config.prior.levels
        self._steps = NoiseSteps.of([self.manner.noise_map], self.size, self.levels, device)

    def suited(self, signal: Signal, file_bytes: int) -> ImageField:
        """The field of a picture that may be grey, whatever the size of its file."""
        setting = ImageSetting.NO_CHROMA if equal_channels(signal) else ImageSetting.COMPLETE
        return ImageField(self._model, self._shape, self._device, self.manner, setting)

    @property
    def needs_manner(self) -> bool:
        """Whether more than the plain manner is worth its bytes whatever the tune: never."""
        return False

    def tuned(
        self,
        values: Tensor,
        tuning: ImageTuning,
        importance: Importance | None,
        payload_bytes: int,
    ) -> ImageField:
        """The field of a picture in the manner of a tuning and an importance map."""
        manner = manner_for(values[0], tuning, importance, payload_bytes)
        return ImageField(self._model, self._shape, self._device, manner, self.setting)

    def received(self, parameters: Parameters, side: bytes) -> ImageField:
        """The field in the manner that a file tells.

        Raises:
            BitstreamError: no encoder writes these.
        """
        if parameters.setting > ImageSetting.NO_POSTFILTER | ImageSetting.NO_CHROMA:
            raise BitstreamError("The file's parameters are not those of this model.")
        setting = ImageSetting(parameters.setting)
        manner = None
        if parameters.manner:
            manner = ImageManner.from_bytes(parameters.manner, side, *self.size)
        return ImageField(self._model, self._shape, self._device, manner, setting)

    def side_bytes(self, payload_bytes: int) -> tuple[int, int]:
        """What the manner takes of a payload, and makes use of besides: the noise map's cells."""
        return len(self.manner.message), 0

    def side(
        self, values: Tensor, decode: Callable[[], Decoded], noise: NoiseScale, most_bytes: int
    ) -> bytes:
        """The message of the noise map's cells, for which nothing needs to be decoded."""
        return self.manner.message

    @property
    def has_chroma(self) -> bool:
        """Whether weights of chroma are coded."""
        return ImageSetting.NO_CHROMA not in self.setting

    def is_known(self, noise: NoiseScale) -> bool:
        """Whether the networks have learned from such noise scales."""
        return noise.index >= FINEST_KNOWN * NOISE_STEPS_PER_OCTAVE

    def lagrangian(self, noise: NoiseScale) -> float:
        """Lambda of messages at a noise scale: what networks expect is a little off the best."""
        coarser = noise.index / NOISE_STEPS_PER_OCTAVE - _EVEN_OCTAVES
        least, most = _LAGRANGIANS
        return min(max(math.exp2(-_LAGRANGIAN_SLOPE * coarser), least), most)

    def finished(
        self, signal: Signal, decode: Callable[[], Decoded], noise: NoiseScale
    ) -> ImageField:
        """The field in the setting in which what was coded is nearest to the picture."""
        if noise.index >= _SURE_INDEX:
            return self
        setting = self.setting | ImageSetting.NO_POSTFILTER
        without = ImageField(self._model, self._shape, self._device, self.manner, setting)
        if not self.is_known(noise):
            return without
        decoded = decode()
        options = DecodeOptions(depth=8 if signal.deep is None else 16, detail=0)
        with_db, without_db = (
            psnr_db(signal, one.render(decoded, noise, options)) for one in (self, without)
        )
        return self if with_db >= without_db else without

    def values(self, signal: Signal) -> Tensor:
        """Pixels as (1, 3, height, width) from 0 to 255."""
        pixels = torch.tensor(signal.values if signal.deep is None else signal.levels())
        pixels = pixels.to(self._device)
        return pixels.permute(2, 0, 1)[None].float()

    def coefficients(self, values: Tensor) -> Coefficients:
        """Weights of pixels, by level on folded grids: as they are, not in units of s."""
        return Coefficients(folded_weights(values, self.levels), octaves=self._steps.octaves)

    def coding_order(self, noise: NoiseScale, *, synthesise: bool = True) -> CodingOrder[Decoded]:
        """All groups of weights; see `ImagePrior.coding_order`."""
        scale, log_scale = noise.tensors(1, self._device)
        return self._model.prior.coding_order(
            self.size,
            scale,
            log_scale,
            self._steps,
            exact=True,
            synthesise=synthesise,
            has_chroma=self.has_chroma,
        )

    def sampler(self, seed: int, options: DecodeOptions) -> DetailSampler | None:
        """What samples detail while a file is decoded, if there is to be any."""
        if not self._detail(options):
            return None
        return self.detail_sampler(seed)

    def detail_sampler(self, seed: int) -> DetailSampler:
        """What samples detail while a file is decoded."""
        return DetailSampler(self.size, self.levels, seed)

    def error_bars(self) -> ErrorBars:
        """What adds up the expected errors while a file is decoded."""
        return ErrorBars(self.size, self.levels)

    def deviations(self, bars: ErrorBars, noise: NoiseScale) -> NDArray[np.float32]:
        """See `ErrorBars.deviations`."""
        return bars.deviations(noise.value)

    def _detail(self, options: DecodeOptions) -> float:
        return self.manner.detail if options.detail is None else options.detail

    def render(
        self,
        decoded: Decoded,
        noise: NoiseScale,
        options: DecodeOptions = _PLAIN,
        sampler: DetailSampler | None = None,
    ) -> Signal:
        """The picture of what a coding order returned.

        Args:
            decoded: by the coding order.
            noise: the noise scale.
            options: how.
            sampler: which has seen all groups.
        """
        values, hidden = decoded
        scale, depth = options.scale, options.depth
        del decoded
        height, width = self.size
        size = (scaled_size(height, scale), scaled_size(width, scale))
        blocks = self._corrected(values, hidden, noise)
        if sampler is not None:
            gain = self._detail(options) * noise.value / VALUE_UNITS
            blocks = _with_detail(blocks, sampler.colours(), gain)
        if size == (height, width):
            return Signal.image(levels_of(blocks, size, depth))
        corrected = torch.empty_like(values, dtype=torch.float32)
        del values, hidden
        for (rows, columns), block in blocks:
            corrected[:, :, rows, columns] = block
        if size[0] > height or size[1] > width:
            return Signal.image(levels_of(finer_blocks(corrected, size), size, depth))
        # one colour after the other, which takes less memory at a time
        planes = [to_levels(resize(part, size), depth) for part in corrected.split(1, 1)]
        return Signal.image(np.concatenate(planes, 2))

    def mean_and_sample(
        self, decoded: Decoded, noise: NoiseScale, sampler: DetailSampler
    ) -> tuple[Signal, Signal]:
        """The picture without detail and with all of it; see `render`."""
        values, hidden = decoded
        gain, colours = noise.value / VALUE_UNITS, sampler.colours()
        mean, sample = (np.empty((*self.size, 3), np.uint8) for _ in range(2))
        for block, pixels in self._corrected(values, hidden, noise):
            mean[block] = to_levels(pixels)
            sample[block] = to_levels(_detailed(block, pixels, colours, gain))
        return Signal.image(mean), Signal.image(sample)

    def filter_inputs(self, decoded: Decoded, noise: NoiseScale) -> tuple[Tensor, Tensor, Tensor]:
        """What the postfilter is given of a picture: pixels, hidden values and noise steps."""
        values, hidden = decoded
        pixels = to_pixels(values.float() * (noise.value / VALUE_UNITS))
        return pixels[..., : self.size[0], : self.size[1]], hidden, self._steps.levels[1]

    def _corrected(
        self, values: Tensor, hidden: Tensor, noise: NoiseScale
    ) -> Iterator[tuple[Block, Tensor]]:
        """Pixels of decoded values after the postfilter."""
        filtered = self._filter(noise)

        def correct(part: Tensor, contexts: tuple[Tensor, ...]) -> Tensor:
            pixels = to_pixels(part.float() * (noise.value / VALUE_UNITS))
            return filtered(pixels, contexts)

        return corrected_blocks(values, correct, (hidden, self._steps.levels[1]))

    def _filter(self, noise: NoiseScale) -> Network:
        """The postfilter at a noise scale, if any: of pixels, hidden values and noise steps."""
        if ImageSetting.NO_POSTFILTER in self.setting or not self.is_known(noise):
            return lambda pixels, _: pixels
        _, log_noise = noise.tensors(1, self._device)

        def filtered(pixels: Tensor, contexts: tuple[Tensor, ...]) -> Tensor:
            context, steps = contexts
            # half precision changes few pixels, and those by one
            with half_precision(self._device):
                result: Tensor = self._model.postfilter(
                    pixels, context, log_noise.expand(len(pixels)), steps
                )
            return result

        return filtered

    def filter_gain(self, values: Tensor, *, roughly: bool) -> FilterGain:
        """What finds out what the postfilter brings to a picture."""
        return FilterGain(values, self.levels, is_grey=not self.has_chroma, roughly=roughly)

    def filter_ratio(self, gain: FilterGain, decoded: Decoded, noise: NoiseScale) -> float:
        """See `FilterGain.ratio`; decoded by a coding order without the last synthesis."""
        low, hidden = decoded
        contexts = hidden, self._steps.levels[1]
        finest = Finest(low, contexts, noise.value / VALUE_UNITS, noise.value)
        with torch.inference_mode():
            ratio = gain.ratio(finest, self._filter(noise))
            if noise.index >= _SURE_INDEX:
                return ratio
            # `finished` takes what is nearer
            return min(ratio, gain.ratio(finest, lambda pixels, _: pixels))

    def detail_squares(
        self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]
    ) -> float:
        """What the detail that files suggest adds to the squared error of a group, in s^2."""
        if not self.manner.detail:
            return 0.0
        return self.manner.detail**2 * expected_squares(prior, integers, values)

    def sketch(self) -> Sketch:
        """What shows the picture while it is coded."""
        return Sketch(self.size, self.picture_of)

    def picture_of(self, low: Tensor, noise: NoiseScale, halvings: int) -> NDArray[np.uint8]:
        """The picture of a low-pass array of weights, without the postfilter.

        Args:
            low: int32 (1, 3, h, w) in 1/16 of the noise scale.
            noise: the noise scale.
            halvings: of the picture's sides down to those of the array.
        """
        gain = noise.value / VALUE_UNITS / 2.0**halvings
        return to_levels(to_pixels(low.float() * gain))

    def bit_map(self) -> BitMap:
        """An empty map, of square cells."""
        side = max(self._shape.height, self._shape.width) / _MAP_SIDE
        return BitMap(
            max(1, round(self._shape.height / side)), max(1, round(self._shape.width / side))
        )

    def add_bits(self, bit_map: BitMap, group: Group, bits: NDArray[np.float32]) -> None:
        """Enter the bits (channels, H, W) of a group."""
        rows = -(-self._shape.height >> place_octaves(group.level, self.levels))
        first = group.first_row / rows
        bit_map.add(bits.sum(0), (first, first + bits.shape[1] / rows))


def _with_detail(
    blocks: Iterator[tuple[Block, Tensor]], colours: Tensor, gain: float
) -> Iterator[tuple[Block, Tensor]]:
    for block, pixels in blocks:
        yield block, _detailed(block, pixels, colours, gain)


def _detailed(block: Block, pixels: Tensor, colours: Tensor, gain: float) -> Tensor:
    rows, columns = block
    detail = to_pixels(gain * colours[..., rows, columns].float())
    return pixels + detail.to(pixels.device)


def folded_weights(pixels: Tensor, levels: int) -> dict[int, Tensor]:
    """`decompose` on folded grids: (B, 36, h, w) by level, the low-pass array (B, 3, h, w)."""
    weights = decompose(pixels, levels)
    return {level: fold(part) if level <= levels else part for level, part in weights.items()}


def unfolded_weights(folded: Mapping[int, Tensor], height: int, width: int) -> dict[int, Tensor]:
    """The inverse of folding, for `recompose`."""
    levels = len(folded) - 1
    sizes = level_sizes(height, width, levels)
    return {
        level: unfold(part, *sizes[level]) if level <= levels else part
        for level, part in folded.items()
    }
