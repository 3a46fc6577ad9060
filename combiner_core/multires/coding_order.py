"""Coding orders: groups of weights, one after the other, each with a prior that the last ones gave.

A coding order is a generator. It yields the prior of the next group and is sent that group's
weights, from which the priors of later groups follow. An encoder, a decoder, the rate control and
training differ only in who answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.rec import Grid, IntegerPrior, Plane
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS

Phase = tuple[int, int]
ALL_PHASES: tuple[Phase, ...] = ((0, 0), (1, 1), (0, 1), (1, 0))


@dataclass(frozen=True)
class Stage:
    """Weights of a level that are decoded together.

    Attributes:
        channels: of the level.
        phases: parities of row and column of the places that belong to the stage.
    """

    channels: tuple[int, ...]
    phases: tuple[Phase, ...] = ALL_PHASES

    def places(self, height: int, width: int, device: torch.device | None = None) -> Tensor:
        """Which places of a grid belong to the stage: bool, (height, width)."""
        places = torch.zeros(height, width, dtype=torch.bool, device=device)
        for row, column in self.phases:
            places[row::2, column::2] = True
        return places


@dataclass(frozen=True, eq=False)
class Group:
    """Weights that are coded together.

    Attributes:
        level: 1 for the finest.
        table: class of groups that it belongs to for the entropy coder.
        channels: of the level.
        coded: which weights exist and belong to the group: bool (channels, H, W).
        grid: of the level, of all signals.
        planes: where the places of each channel lie on it, of the first signal.
        first_row: where they begin in the level, of which the grid can be a part.
    """

    level: int
    table: int
    channels: tuple[int, ...]
    coded: Tensor
    grid: Grid
    planes: tuple[Plane, ...]
    first_row: int = 0


@dataclass(frozen=True, eq=False)
class GroupPrior:
    """The prior of a group whose weights are wanted next.

    Attributes:
        group: which one.
        mean: of the prior in units of the noise scale, (B, channels, H, W).
        log_variance: log2 of its variances, same shape.
        low: the low-pass array of the level as decoded so far, if there is one.
        noise_steps: k where the noise scale of weights is 2^(k/4) times s, integers
            (B, 1, H, W); None if it is s.
    """

    group: Group
    mean: Tensor
    log_variance: Tensor
    low: Tensor | None
    noise_steps: Tensor | None = None

    def integers(self) -> IntegerPrior:
        """What coders are told: arrays flat over the batch, (B channels, H, W)."""
        group = self.group
        mean = (self.mean * VALUE_UNITS).to(torch.int32)
        log_variance = (self.log_variance * LOG_VARIANCE_UNITS).to(torch.int16)
        coded = group.coded[None].expand(self.mean.shape)
        mean, log_variance, coded = (
            part.flatten(0, 1).cpu() for part in (mean, log_variance, coded)
        )
        signals = len(self.mean)
        planes = tuple(
            plane._replace(channel=signal * (group.grid.channels // signals) + plane.channel)
            for signal in range(signals)
            for plane in group.planes
        )
        steps = self.noise_steps
        noise = None
        if steps is not None and bool(steps.any()):
            noise = steps.expand(self.mean.shape).flatten(0, 1).cpu().numpy()
        arrays = mean.numpy(), log_variance.numpy(), coded.numpy()
        return IntegerPrior(group.grid, planes, group.table, *arrays, noise)

    def answer(self, values: NDArray[np.int32]) -> Tensor:
        """Weights as the coding order wants them: int32 (B, channels, H, W)."""
        return torch.from_numpy(values).to(self.mean.device).reshape(self.mean.shape)


Result = TypeVar("Result")
# is sent the weights asked for, of the shape of the mean and zero where not coded: int32 in units
# of 1/16 in exact arithmetic, else real
CodingOrder = Generator[GroupPrior, Tensor, Result]


def steps(
    order: CodingOrder[Result], visit: Callable[[GroupPrior], Tensor]
) -> Generator[GroupPrior, None, Result]:
    """Answer a coding order, group by group; yields each group's prior once it is answered."""
    try:
        prior = next(order)
        while True:
            answer = visit(prior)
            yield prior
            prior = order.send(answer)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def follow(order: CodingOrder[Result], visit: Callable[[GroupPrior], Tensor]) -> Result:
    """Answer all of a coding order; returns its result."""
    remaining = steps(order, visit)
    while True:
        try:
            next(remaining)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def real_units(values: Tensor) -> Tensor:
    """Weights in units of s from either representation, as floating point."""
    return values if values.is_floating_point() else values.float() / VALUE_UNITS
