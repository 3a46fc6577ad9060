"""Clips as multires fields: from samples to targets of the weights, and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.bitstream import AudioShape
from combiner_core.devices import placed
from combiner_core.families.bit_map import BitMap
from combiner_core.families.targets import Targets
from combiner_core.fields.grids import scaled_size
from combiner_core.fields.mdct import analyse, frame_count, mid_side, synthesise
from combiner_core.multires import AudioModel, Noise
from combiner_core.priors.bands import to_levels
from combiner_core.priors.conditional import MEAN_GRID, Group, Request, Walk
from combiner_core.signals import Signal, resample

# frames that go through the prior together: contexts do not reach further
_BLOCK_FRAMES = 1024
_SAMPLE_UNIT = 2.0**-15
_MAP_ROWS, _MAP_COLUMNS = 64, 128


class Sounds:
    """Clips of one shape under one model, at their own sample rate.

    Args:
        model: quantised.
        shape: of the clips.
        device: where to compute.
    """

    peak = 2.0
    unit = _SAMPLE_UNIT
    # see `Pictures`; measured on held-out speakers
    bits_per_guessed, growth = 1.69, 0.0

    def __init__(self, model: AudioModel, shape: AudioShape, device: torch.device) -> None:
        self._model, self._shape, self._device = placed(model, device), shape, device
        self._hop = model.config.bands.hop
        self._frames = frame_count(shape.samples, self._hop)
        self.values_count = shape.channels * shape.samples

    def values(self, signal: Signal) -> Tensor:
        """Samples (channels, samples)."""
        return torch.tensor(signal.values).to(self._device)

    def targets(self, values: Tensor) -> Targets:
        """Weights of samples, by band; stereo as mid and side."""
        return Targets(to_levels(self._model.config.bands, analyse(mid_side(values), self._hop)))

    def walk(self, noise: Noise, *, synthesise: bool = True) -> Walk[Tensor]:
        """All groups of weights, one block of frames after the other; see `Pictures.walk`."""
        scale, log_scale = noise.tensors(self._shape.channels, self._device)
        blocks, index = [], 0
        for first in range(0, self._frames, _BLOCK_FRAMES):
            frames = min(_BLOCK_FRAMES, self._frames - first)
            walk = self._model.prior.walk(frames, scale, log_scale, exact=True)
            try:
                request = next(walk)
                while True:
                    answer = yield _moved(request, index, first)
                    last = request.group.index
                    request = walk.send(answer)
            except StopIteration as stop:
                blocks.append(stop.value)
            index += last + 1
        return torch.cat(blocks, 1)

    def render(self, decoded: Tensor, noise: Noise, scale: float) -> Signal:
        """The clip of what a walk returned, with `scale` times as many samples a second."""
        weights = mid_side(decoded.float() * (noise.scale / MEAN_GRID))
        rate = max(1, round(self._shape.sample_rate * scale))
        samples = scaled_size(self._shape.samples, scale)
        # on the next finer grid of whole hops, and from there by interpolation
        finer = max(1, int(np.ceil(scale)))
        wave = synthesise(weights, self._shape.samples, finer).cpu().numpy()
        clip = Signal.audio(wave, self._shape.sample_rate * finer)
        if wave.shape[1] == samples:
            return replace(clip, sample_rate=rate)
        return replace(resample(clip, rate, samples), sample_rate=rate)

    def preview(self, request: Request, noise: Noise) -> NDArray[np.uint8] | None:
        """None: bits by time and frequency show a clip better."""
        return None

    def bit_map(self) -> BitMap:
        """An empty map of frequency, low ones first, by time."""
        return BitMap(_MAP_ROWS, min(self._frames, _MAP_COLUMNS))

    def add_bits(self, bit_map: BitMap, group: Group, bits: NDArray[np.float32]) -> None:
        """Enter the bits (channels, frames, places) of a group."""
        bands = self._model.config.bands.bands
        first, stop = bands[len(bands) - group.level]
        start = group.first_row / self._frames
        bit_map.add(
            bits.sum(0).T,
            (first / self._hop, stop / self._hop),
            (start, start + bits.shape[1] / self._frames),
        )


def _moved(request: Request, index: int, first_frame: int) -> Request:
    group = request.group
    previous = None if group.previous is None else group.previous + index
    moved = replace(group, index=group.index + index, previous=previous, first_row=first_frame)
    return replace(request, group=moved)
