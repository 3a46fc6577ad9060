"""Clips as multires fields: from samples to the coefficients that are coded, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.devices import placed
from combiner_core.multires.audio.mdct import analyse, frame_count, mid_side, synthesise
from combiner_core.multires.audio.prior import to_levels
from combiner_core.multires.bit_map import BitMap
from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.model import AudioModel
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.options import DecodeOptions
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import AudioShape, Signal, regrid, scaled_size

# frames that go through the prior together: contexts do not reach further
_BLOCK_FRAMES = 1024
_SAMPLE_UNIT = 2.0**-15
_MAP_ROWS, _MAP_COLUMNS = 64, 128


_PLAIN = DecodeOptions()


class AudioField:
    """Clips of one shape under one model, at their own sample rate.

    Args:
        model: quantised.
        shape: of the clips.
        device: where to compute.
    """

    peak = 2.0
    unit = _SAMPLE_UNIT
    # see `ImageField`; measured on held-out speakers
    bits_per_guessed, growth = 1.56, 0.0

    def __init__(self, model: AudioModel, shape: AudioShape, device: torch.device) -> None:
        self._model, self._shape, self._device = placed(model, device), shape, device
        self._hop = model.config.prior.hop
        self._frames = frame_count(shape.samples, self._hop)
        self.values_count = shape.channels * shape.samples

    def values(self, signal: Signal) -> Tensor:
        """Samples (channels, samples)."""
        return torch.tensor(signal.values).to(self._device)

    def coefficients(self, values: Tensor) -> Coefficients:
        """Weights of samples, by band; stereo as mid and side."""
        return Coefficients(
            to_levels(self._model.config.prior, analyse(mid_side(values), self._hop))
        )

    def coding_order(self, noise: NoiseScale, *, synthesise: bool = True) -> CodingOrder[Tensor]:
        """All groups, one block of frames after the other; see `ImageField.coding_order`."""
        scale, log_scale = noise.tensors(self._shape.channels, self._device)
        prior, blocks = self._model.prior, list[Tensor]()
        for first in range(0, self._frames, _BLOCK_FRAMES):
            frames = min(_BLOCK_FRAMES, self._frames - first)
            block = yield from prior.coding_order(
                frames,
                scale,
                log_scale,
                exact=True,
                first_row=first,
            )
            blocks.append(block)
        return torch.cat(blocks, 1)

    def sampler(self, seed: int, options: DecodeOptions) -> None:
        """None: clips have no detail of this kind."""

    def render(
        self,
        decoded: Tensor,
        noise: NoiseScale,
        options: DecodeOptions = _PLAIN,
        sampler: None = None,
    ) -> Signal:
        """The clip of what a coding order returned, with `scale` times as many samples a second."""
        scale = options.scale
        weights = mid_side(decoded.float() * (noise.value / VALUE_UNITS))
        rate = max(1, round(self._shape.sample_rate * scale))
        samples = scaled_size(self._shape.samples, scale)
        # on the next finer grid of whole hops, and from there by interpolation
        finer = max(1, int(np.ceil(scale)))
        wave = synthesise(weights, self._shape.samples, finer).cpu().numpy()
        # of the exact scale: on a coarse grid the rate rounds to another one
        if wave.shape[1] != samples:
            wave = regrid(wave, finer, scale, samples)
        return Signal.audio(wave, rate)

    def preview(self, prior: GroupPrior, noise: NoiseScale) -> NDArray[np.uint8] | None:
        """None: bits by time and frequency show a clip better."""
        return None

    def bit_map(self) -> BitMap:
        """An empty map of frequency, low ones first, by time."""
        return BitMap(_MAP_ROWS, min(self._frames, _MAP_COLUMNS))

    def add_bits(self, bit_map: BitMap, group: Group, bits: NDArray[np.float32]) -> None:
        """Enter the bits (channels, frames, places) of a group."""
        bands = self._model.config.prior.bands
        first, stop = bands[len(bands) - group.level]
        start = group.first_row / self._frames
        bit_map.add(
            bits.sum(0).T,
            (first / self._hop, stop / self._hop),
            (start, start + bits.shape[1] / self._frames),
        )
