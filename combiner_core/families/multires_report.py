"""Walks through the groups of a signal, with events for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core import rec
from combiner_core.events import Phase, Progress
from combiner_core.families.bit_map import BitMap
from combiner_core.families.pictures import Pictures
from combiner_core.families.sounds import Sounds
from combiner_core.families.targets import Targets
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.multires import Noise
from combiner_core.priors.conditional import (
    LOG_VARIANCE_GRID,
    MEAN_GRID,
    Request,
    Walk,
)

Surface = Pictures | Sounds
# of a picture also the finest level's hidden values
Decoded = Tensor | tuple[Tensor, Tensor]
Result = TypeVar("Result")

_EVENT_INTERVAL_S = 0.2
_FIELD_PEAK = 2.0


class Reporter:
    """Makes progress events, at most one every 0.2 s unless something new can be seen."""

    def __init__(self, surface: Surface, budget_bits: int) -> None:
        self._surface, self._budget_bits = surface, budget_bits
        self._started = self._reported = time.monotonic()
        self._mse = 0.0
        self._preview: NDArray[np.uint8] | None = None

    @property
    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def follow_fit(
        self, steps: Generator[tuple[int, int], None, Result]
    ) -> Generator[Progress, None, Result]:
        """Go through the steps of a fit; returns its result."""
        while True:
            try:
                done, total = next(steps)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            if self._due():
                yield self._progress("fit", done, total, 0.0, 0.0, None)

    def follow_code(
        self,
        phase: Literal["search", "code"],
        walk: Walk[Any],
        noise: Noise,
        targets: Targets,
        encoder: rec.GroupEncoder | rec.GroupEstimator,
    ) -> Generator[Progress, None, None]:
        """Code all groups of a walk; in the phase "code" every level makes an event, and the end.

        The running distortion is that of the weights, which are nearly orthonormal.
        """
        error = targets.energy
        bit_map = self._surface.bit_map()
        level = None
        try:
            request = next(walk)
            while True:
                group = request.group
                target = targets.of(group, noise.scale)
                mean, log_variance, coded, all_scalar = prior_arrays(request)
                decoded = encoder.encode(
                    group.index,
                    group.previous,
                    target,
                    mean,
                    log_variance,
                    coded,
                    all_scalar,
                )
                before, after = target[coded], (target - decoded / MEAN_GRID)[coded]
                # not as a product of vectors, whose threads would stand in the way of torch's
                gained = np.square(after).sum() - np.square(before).sum()
                error += noise.scale**2 * float(gained)
                self._mse = max(error, 0.0) / self._surface.values_count
                new_level = phase == "code" and group.level != level
                if phase == "code":
                    assert isinstance(encoder, rec.GroupEncoder)
                    self._surface.add_bits(bit_map, group, encoder.rates_bits)
                preview = self._surface.preview(request, noise)
                self._preview = self._preview if preview is None else preview
                if self._due(new_level):
                    level = group.level
                    yield self._coded(phase, encoder, bit_map)
                request = walk.send(answer(decoded, request))
        except StopIteration:
            yield self._coded(phase, encoder, bit_map)

    def _coded(
        self,
        phase: Literal["search", "code"],
        encoder: rec.GroupEncoder | rec.GroupEstimator,
        bit_map: BitMap,
    ) -> Progress:
        return self._progress(
            phase,
            int(encoder.bits),
            self._budget_bits,
            encoder.kl_bits,
            encoder.bits if phase == "code" else 0.0,
            bit_map if phase == "code" else None,
        )

    def _due(self, now: bool = False) -> bool:
        return now or time.monotonic() - self._reported >= _EVENT_INTERVAL_S

    def _progress(
        self,
        phase: Phase,
        step: int,
        total: int,
        kl_bits: float,
        committed_bits: float,
        bit_map: BitMap | None,
    ) -> Progress:
        self._reported = time.monotonic()
        distortion = self._mse * (_FIELD_PEAK / self._surface.peak) ** 2
        return Progress(
            phase,
            min(step, total),
            total,
            distortion,
            psnr_from_mse_db(distortion, _FIELD_PEAK),
            kl_bits,
            min(int(committed_bits), self._budget_bits),
            self._budget_bits,
            self.elapsed_s,
            self._preview,
            None if bit_map is None else bit_map.bits.copy(),
        )


def prior_arrays(
    request: Request,
) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_], bool]:
    """What a group's encoder and decoder are told of its prior.

    Means in 1/16, log-variances in 1/8 and existence, flat over the batch (B channels, H, W), and
    whether all weights are quantised.
    """
    mean = (request.mean * MEAN_GRID).to(torch.int32).flatten(0, 1).cpu().numpy()
    log_variance = (request.log_variance * LOG_VARIANCE_GRID).to(torch.int16)
    coded = request.group.coded[None].expand(request.mean.shape).flatten(0, 1)
    flat_log_variance = log_variance.flatten(0, 1).cpu().numpy()
    return mean, flat_log_variance, coded.cpu().numpy(), request.group.all_scalar


def answer(decoded: NDArray[np.int32], request: Request) -> Tensor:
    """Weights as the walk wants them: int32 (B, channels, H, W)."""
    return torch.from_numpy(decoded).to(request.mean.device).reshape(request.mean.shape)
