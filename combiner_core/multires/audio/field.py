"""Clips as multires fields: from samples to the coefficients that are coded, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.devices import half_precision, placed
from combiner_core.multires.audio import bands, filling, gain_control, windows
from combiner_core.multires.audio.ends import extended
from combiner_core.multires.audio.error_bars import ClipErrorBars, Filling
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.audio.mdct import (
    analyse_extended,
    frame_count,
    frame_means,
    mid_side,
    synthesise,
)
from combiner_core.multires.audio.postfilter import FilterInputs
from combiner_core.multires.audio.prior import to_levels
from combiner_core.multires.audio.treated_order import treated
from combiner_core.multires.audio.treatment import Treatment
from combiner_core.multires.audio.tuning import AudioTuning, manner_for, rotation_cost
from combiner_core.multires.bit_map import BitMap
from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.first_guess import guessed
from combiner_core.multires.model import AudioModel
from combiner_core.multires.noise_scale import NOISE_STEPS_PER_OCTAVE, NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.options import DecodeOptions
from combiner_core.rec import IntegerPrior
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import AudioShape, Signal, regrid, scaled_size

# frames that go through the prior together: contexts do not reach further
_BLOCK_FRAMES = 1024
_SAMPLE_UNIT = 2.0**-15
_MAP_ROWS, _MAP_COLUMNS = 64, 128
# information of middle and side, in that of left and right, from which on these are coded
_WORTH_TELLING = 1.05
# gains take no more of a payload than one part in so many, and windows neither
_MESSAGE_SHARE = 16
# by how much a clip's rate may differ from its model's for the postfilter to know such sound
_FILTERED_RATES = (0.8, 1.25)
# samples of a clip up to which there is time and memory for it
_MOST_FILTERED = 12_000_000

# weights, and the usual deviation of what is not coded of them
Decoded = tuple[Tensor, Tensor]

_USUAL, _AS_USUAL = DecodeOptions(), Treatment()


class AudioField:
    """Clips of one shape under one model, at their own sample rate.

    Args:
        model: quantised.
        shape: of the clips.
        device: where to compute.
        treatment: what is done to them besides.
        rotation_cost: of the clip to be encoded, see `tuning.rotation_cost`.
    """

    unit = _SAMPLE_UNIT
    # half a step of sixteen bits: the loudest weights are not to be out of the code's reach
    finest_index = -NOISE_STEPS_PER_OCTAVE
    # see `ImageField`; measured on held-out speakers
    bits_per_guessed, growth = 1.56, 0.0

    def __init__(
        self,
        model: AudioModel,
        shape: AudioShape,
        device: torch.device,
        treatment: Treatment = _AS_USUAL,
        rotation_cost: float = 0.0,
    ) -> None:
        self._model, self._shape, self._device = placed(model, device), shape, device
        self._hop = model.config.prior.hop
        self._frames = frame_count(shape.samples, self._hop)
        self.values_count = shape.channels * shape.samples
        self._treatment, self._rotation_cost = treatment, rotation_cost
        levels, divided = treatment.levels, treatment.divided
        levels_shape = filling.levels_shape(shape.channels, self._frames, self._hop)
        self._levels = np.zeros(levels_shape, np.int8) if levels is None else levels
        self._divided = None if divided is None else divided.to(device)

    @property
    def manner(self) -> AudioManner:
        """What a file tells of the treatment in a few bytes."""
        return self._treatment.manner

    @property
    def setting(self) -> int:
        """By how many octaves the clip is made louder."""
        return self._treatment.octaves

    def suited(self, signal: Signal, file_bytes: int) -> AudioField:
        """The field of a clip that may be a quiet one: with a gain, as loud as others.

        Frames of it are divided where that pays in a file of that size.
        """
        louder = self._treated(Treatment.of_peak(float(np.abs(signal.values).max())), 0.0)
        values = louder.values(signal)
        divided = louder._better_divided(values, file_bytes)
        treatment = replace(louder._treatment, divided=divided)
        return self._treated(treatment, rotation_cost(values, self._hop))

    @property
    def needs_manner(self) -> bool:
        """Whether more than the plain manner is worth its bytes whatever the tune."""
        return self._rotation_cost > _WORTH_TELLING or self._divided is not None

    def tuned(self, values: Tensor, tuning: AudioTuning, payload_bytes: int) -> AudioField:
        """The field of a clip in the manner of a tuning."""
        rate_bits = 8 * payload_bytes / self.values_count
        most_bytes = payload_bytes // _MESSAGE_SHARE
        treatment, told = replace(self._treatment, divided=None), b""
        if tuning.is_even:
            gains = gain_control.gains_of(values, self._hop)
            told = gain_control.to_bytes(gains, most_bytes)
            treatment = replace(treatment, gains=gains if told else None)
        message = b""
        if tuning.is_divided:
            divided = self._divided
            if told:
                evened = self._treated(treatment, self._rotation_cost)
                divided = evened._better_divided(values, payload_bytes)
            message = windows.to_bytes(divided, most_bytes)
            treatment = replace(treatment, divided=divided if message else None)
        is_apart = self._rotation_cost > 1
        manner = manner_for(tuning, rate_bits, is_apart, len(told), len(message))
        return self._treated(replace(treatment, manner=manner), self._rotation_cost)

    def received(self, parameters: Parameters, side: bytes) -> AudioField:
        """The field in the manner that a file tells, with its levels of noise.

        Raises:
            BitstreamError: no encoder writes these.
        """
        return self._treated(Treatment.received(parameters, side, self._shape, self._hop), 0.0)

    def side_bytes(self, payload_bytes: int) -> tuple[int, int]:
        """What the treatment takes of a payload, and what levels of noise make use of besides."""
        usual, spare = 0, 0
        if self.manner.filling:
            usual, spare = filling.usual_bytes(self._levels.shape, payload_bytes)
        return self.manner.told_bytes + usual, spare

    @property
    def peak(self) -> float:
        """From the least to the greatest value."""
        return 2 * self._loudness

    def lagrangian(self, noise: NoiseScale) -> float:
        """Lambda of messages at a noise scale: as in the ELBO."""
        return 1.0

    def finished(
        self, signal: Signal, decode: Callable[[], Decoded], noise: NoiseScale
    ) -> AudioField:
        """This one: all is known beforehand."""
        return self

    def values(self, signal: Signal) -> Tensor:
        """Samples (channels, samples), with the gain."""
        return torch.tensor(signal.values).to(self._device) * self._loudness

    def coefficients(self, values: Tensor) -> Coefficients:
        """Weights of samples, by band; stereo as mid and side, unless its channels are apart."""
        weights = self._weights(values)
        if self._divided is not None:
            weights = windows.by_moment(weights, self._divided, self._octaves)
        levels = to_levels(self._model.config.prior, weights)
        return Coefficients(levels, self._error_shares())

    def coding_order(self, noise: NoiseScale, *, synthesise: bool = True) -> CodingOrder[Decoded]:
        """All groups, one block of frames after the other; see `ImageField.coding_order`."""
        scale, log_scale = noise.tensors(self._shape.channels, self._device)
        prior, blocks = self._model.prior, list[Decoded]()
        for first in range(0, self._frames, _BLOCK_FRAMES):
            frames = min(_BLOCK_FRAMES, self._frames - first)
            order = prior.coding_order(frames, scale, log_scale, exact=True, first_row=first)
            if not self.manner.is_treated:
                weights = yield from order
                block = weights, weights[..., :0]
            else:
                block = yield from treated(order, noise.index, self.manner.shaping)
            blocks.append(block)
        weights, deviations = (
            self._by_frequency(torch.cat(parts, 1)) for parts in zip(*blocks, strict=True)
        )
        return weights, deviations

    def sampler(self, seed: int, options: DecodeOptions) -> ClipErrorBars | None:
        """What the postfilter needs to know of a clip's groups, if there is to be any.

        It is for clips that are made for ears, unless they are very long.
        """
        least, most = _FILTERED_RATES
        relative = self._shape.sample_rate / self._model.config.sample_rate
        has_one = self._model.postfilter is not None and self.manner.filling > 0
        is_known = least <= relative <= most and self.values_count <= _MOST_FILTERED
        return self.error_bars() if has_one and is_known else None

    def error_bars(self) -> ClipErrorBars:
        """What adds up the expected errors while a file is decoded."""
        bins = tuple(first for first, _ in self._octaves)
        shape = (self._shape.channels, self._frames, self._hop)
        filled = None
        if self.manner.filling:
            gains = filling.gains(self._levels, self._shape.channels, self._frames)
            widths = bands.widths(self._hop)
            filled = Filling(gains, bands.sums(self.manner.strengths(self._hop)) / widths)
        return ClipErrorBars(shape, bins, filled, self._by_frequency)

    def deviations(self, bars: ClipErrorBars, noise: NoiseScale) -> NDArray[np.float32]:
        """Expected errors of the weights of each band, full scale being 1.

        Returns:
            Root mean squares (channels, frames, bands), see `bands`. Errors of left and right are
            alike where middle and side are coded.
        """
        variances, shares = bars.variances(), self._error_shares()
        if shares is not None:
            variances = variances * shares.cpu()[:, None]
        if len(variances) == 2 and not self.manner.apart:
            variances = variances.mean(0, keepdim=True).expand_as(variances)
        deviations: NDArray[np.float32] = variances.sqrt().numpy()
        return deviations * np.float32(noise.value / self._loudness)

    def render(
        self,
        decoded: Decoded,
        noise: NoiseScale,
        options: DecodeOptions = _USUAL,
        sampler: ClipErrorBars | None = None,
    ) -> Signal:
        """The clip of what a coding order returned, with `scale` times as many samples a second.

        Args:
            decoded: by the coding order.
            noise: the noise scale.
            options: how.
            sampler: which has seen all groups, for the postfilter; without it there is none.
        """
        scale = options.scale
        rate = max(1, round(self._shape.sample_rate * scale))
        samples = scaled_size(self._shape.samples, scale)
        if sampler is None:
            # on the next finer grid of whole hops, and from there by interpolation
            finer = max(1, int(np.ceil(scale)))
            weights = self._filled(_real(decoded, noise), decoded, noise)
            sound = self._synthesised(weights, finer)
        else:
            finer, sound = 1, self._filtered(self.filter_inputs(decoded, noise, sampler))
        wave = sound.cpu().numpy()
        # of the exact scale: on a coarse grid the rate rounds to another one
        if wave.shape[1] != samples:
            wave = regrid(wave, finer, scale, samples)
        return Signal.audio(wave, rate)

    def filter_inputs(
        self, decoded: Decoded, noise: NoiseScale, bars: ClipErrorBars
    ) -> FilterInputs:
        """What the postfilter is given of a clip, each channel by itself.

        Args:
            decoded: by the coding order.
            noise: the noise scale.
            bars: which have seen all groups.
        """
        weights = _real(decoded, noise)
        unfilled = self._synthesised(weights, 1)
        sound = self._synthesised(self._filled(weights, decoded, noise), 1)
        deviations = torch.from_numpy(self.deviations(bars, noise)).to(sound.device)
        log_noise = torch.full((len(sound),), noise.value / self._loudness).log2()
        return FilterInputs(sound, unfilled, deviations, log_noise.to(sound.device))

    def _filled(self, weights: Tensor, decoded: Decoded, noise: NoiseScale) -> Tensor:
        """The weights, to which noise is added where nothing was coded, if there is to be any."""
        if self.manner.filling:
            _, deviation = decoded
            strengths = self.manner.strengths(self._hop).to(weights.device)
            weights += noise.value * strengths * filling.noise(deviation, self._levels)
        return weights

    def _synthesised(self, weights: Tensor, finer: int) -> Tensor:
        """Samples of weights, on a grid that is so many times finer."""
        rotated = self._rotated(weights)
        sound = synthesise(rotated, self._shape.samples, finer, self._divided)
        sound = sound.div_(self._loudness)
        curve = self._treatment.gain_curve(sound.shape[1], self._hop * finer)
        return sound if curve is None else sound.div_(curve.to(sound.device))

    def _filtered(self, inputs: FilterInputs) -> Tensor:
        postfilter = self._model.postfilter
        assert postfilter is not None
        with torch.inference_mode(), half_precision(self._device):
            result: Tensor = postfilter(*inputs)
        return result

    def side(
        self, values: Tensor, decode: Callable[[], Decoded], noise: NoiseScale, most_bytes: int
    ) -> bytes:
        """Gains, windows, and levels at which noise is as strong as what is missing of samples."""
        told = self._treatment.told(most_bytes)
        if not self.manner.filling:
            return told
        coded, deviation = decode()
        missing = self._weights(values) / noise.value - coded.float() / VALUE_UNITS
        levels = filling.levels_of(missing, deviation)
        return told + filling.to_bytes(levels, most_bytes - len(told))

    def filter_gain(self, values: Tensor, *, roughly: bool) -> None:
        """None: clips have no postfilter."""

    def detail_squares(
        self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]
    ) -> float:
        """Nothing: noise is filled in where a clip has no coded weights."""
        return 0.0

    def sketch(self) -> None:
        """None: bits by time and frequency show a clip better."""

    def bit_map(self) -> BitMap:
        """An empty map of frequency, low ones first, by time."""
        return BitMap(_MAP_ROWS, min(self._frames, _MAP_COLUMNS))

    def add_bits(self, bit_map: BitMap, group: Group, bits: NDArray[np.float32]) -> None:
        """Enter the bits (channels, frames, places) of a group."""
        first, stop = self._octaves[len(self._octaves) - group.level]
        start = group.first_row / self._frames
        if self._divided is not None:
            # places of short frames are moments
            rows = self._divided[group.first_row : group.first_row + bits.shape[1]].cpu().numpy()
            bits = np.where(rows[:, None], bits.mean(2, keepdims=True), bits)
        bit_map.add(
            bits.sum(0).T,
            (first / self._hop, stop / self._hop),
            (start, start + bits.shape[1] / self._frames),
        )

    @property
    def _loudness(self) -> float:
        """What samples are multiplied by."""
        return 2.0**self.setting

    def _error_shares(self) -> Tensor | None:
        """What of the squared errors of each frame's weights is left in the samples."""
        curve = self._treatment.gain_curve(self._shape.samples, self._hop)
        if curve is None:
            return None
        return frame_means(curve.to(self._device).square().reciprocal(), self._hop)

    def _weights(self, values: Tensor) -> Tensor:
        return analyse_extended(self._extended(values), self._hop, self._divided)

    def _extended(self, values: Tensor) -> Tensor:
        """What is analysed, with what frames reach over."""
        curve = self._treatment.gain_curve(self._shape.samples, self._hop)
        values = values if curve is None else values * curve.to(values.device)
        after = self._frames * self._hop - self._shape.samples
        return extended(self._rotated(values), self._hop, after, self._hop)

    def _better_divided(self, values: Tensor, payload_bytes: int) -> Tensor | None:
        noise = guessed(self, self.coefficients(values), 8.0 * payload_bytes)
        return windows.chosen(self._extended(values), self._hop, noise.value)

    def _by_frequency(self, weights: Tensor) -> Tensor:
        """Weights (channels, frames, hop) as they are synthesised, of those that the prior sees."""
        # decoded ones may have nothing of a kind
        if self._divided is None or not weights.shape[2]:
            return weights
        return windows.by_frequency(weights, self._divided, self._octaves)

    def _treated(self, treatment: Treatment, rotation_cost: float) -> AudioField:
        return AudioField(self._model, self._shape, self._device, treatment, rotation_cost)

    @property
    def _octaves(self) -> tuple[tuple[int, int], ...]:
        return self._model.config.prior.bands

    def _rotated(self, channels: Tensor) -> Tensor:
        return channels if self.manner.apart else mid_side(channels)


def _real(decoded: Decoded, noise: NoiseScale) -> Tensor:
    """Coded weights as they are, not in units of s."""
    coded, _ = decoded
    return coded.float() * (noise.value / VALUE_UNITS)
