"""Events of the siren encoder, with what there is to see: a picture, a layer's posterior."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from combiner_core import rec
from combiner_core.clock import Clock
from combiner_core.events import LayerView, Phase, Progress
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.previews import SMALL_SIDE, PreviewTimes
from combiner_core.siren.coordinates import FIELD_PEAK
from combiner_core.siren.posterior import PosteriorFit
from combiner_core.siren.tiling import ImageTiling, Tiling

_EVENT_INTERVAL_S = 0.2
_LAYER = "layer1"  # The first whose inputs are not the coordinates' own cosines.
_MAX_WEIGHTS = 256


class Reporter:
    """Makes progress events: one every 0.2 s or more of steps, and one after each commit.

    Args:
        fit: what is reported on.
        tiling: of the signal; an image is shown at the posterior mean, about once a second.
        budget_bits: of the payload.
        clock: of the engine's work.

    Attributes:
        started_s: what the clock showed at the start.
    """

    def __init__(self, fit: PosteriorFit, tiling: Tiling, budget_bits: int, clock: Clock) -> None:
        self._fit, self._tiling, self._budget_bits, self._clock = fit, tiling, budget_bits, clock
        self.started_s = clock.elapsed_s
        self._reported = time.monotonic()
        self._times = PreviewTimes()
        self._preview: NDArray[np.uint8] | None = None

    def due(self, last: bool = False) -> bool:
        """Whether it is time for an event."""
        return last or time.monotonic() - self._reported >= _EVENT_INTERVAL_S

    def coding(self, encoders: Sequence[rec.StreamEncoder], side_bits: int) -> Progress:
        """An event of coding: done are bits that are committed, and those beside the streams."""
        committed_bits = side_bits + sum(encoder.committed_bits for encoder in encoders)
        return self.progress("code", committed_bits, self._budget_bits, committed_bits)

    def progress(self, phase: Phase, step: int, total: int, committed_bits: int) -> Progress:
        """An event."""
        self._reported = time.monotonic()
        most_side = self._times.most_side
        if self._preview is None:
            self._preview = self._render(SMALL_SIDE)
        elif most_side > SMALL_SIDE:
            with self._times.making():
                self._preview = self._render(most_side)
        distortion = float(self._fit.distortion.mean())
        return Progress(
            phase,
            step,
            total,
            distortion,
            psnr_from_mse_db(distortion, FIELD_PEAK),
            float(self._fit.kl_bits().sum()),
            committed_bits,
            self._budget_bits,
            self._clock.elapsed_s,
            self._preview,
            posterior=self._layer(),
        )

    @torch.no_grad()
    def _render(self, most_side: int) -> NDArray[np.uint8] | None:
        if not isinstance(self._tiling, ImageTiling):
            return None
        shape = self._tiling.shape
        weights = self._fit.posterior().mean
        scale = min(1.0, most_side / max(shape.height, shape.width))
        grids = self._tiling.coordinates(scale, weights.device)
        values = [
            self._fit.field(grid, row[None])[0].cpu().numpy()
            for grid, row in zip(grids, weights, strict=True)
        ]
        pixels: NDArray[np.uint8] = self._tiling.assemble(values, scale).values
        return pixels

    @torch.no_grad()
    def _layer(self) -> LayerView:
        layer = self._fit.field.groups[_LAYER]
        count = min(_MAX_WEIGHTS, layer.stop - layer.start)
        chosen = torch.linspace(layer.start, layer.stop - 1, count).long().to(self._fit.mean.device)
        prior, posterior = self._fit.prior, self._fit.posterior()
        width = prior.std.expand_as(posterior.std)[0]
        arrays = (prior.mean, width, posterior.mean[0], posterior.std[0])
        return LayerView(_LAYER, *(array[chosen].float().cpu().numpy() for array in arrays))
