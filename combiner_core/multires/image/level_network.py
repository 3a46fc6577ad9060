"""The network of one level of the pyramid, on a grid folded two by two.

Four neighbouring places of a level become one place with four times the channels: dense
convolutions of many channels are what processors are best at, and each sees twice as far. Weights
are decoded in stages, each some of the folded channels (channel-conditional and spatially
alternating, Minnen & Singh 2020; He et al. 2022); what was decoded enters the hidden values, which
go on from stage to stage.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.exact_convolutions import (
    ExactConv,
    Residual,
    activate,
    compand,
    settle,
)
from combiner_core.multires.image.folding import PHASES, is_of_chroma, plane_of
from combiner_core.multires.quantised_conv import GRID, to_grid
from combiner_core.multires.sight import Sight
from combiner_core.rec import Grid
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS

# bounds of what a network may predict: of means in noise scales, and of log2 of variances
MAX_MEAN = 1024.0
MIN_LOG_VARIANCE, MAX_LOG_VARIANCE = -12.0, 24.0
_HEAD_GAIN = 4
_CONTEXT_GAIN, _COARSER_GAIN, _INPUT_GAIN = 0.5, 0.5, 0.7


@dataclass(frozen=True)
class LevelConfig:
    """Size of the network of one level.

    Attributes:
        width: hidden channels.
        depth: residual blocks before the first stage.
        inputs: channels of context from outside the level.
        channels: folded channels of weights.
        coarser: hidden channels of the coarser level, 0 if there is none.
        stages: folded channels that are decoded together, in the order of decoding.
    """

    width: int
    depth: int
    inputs: int
    channels: int
    coarser: int
    stages: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        decoded = sorted(channel for stage in self.stages for channel in stage)
        if decoded != list(range(self.channels)):
            raise ValueError("every channel of a level must belong to one stage")
        if min(self.width, self.inputs) < 1 or min(self.depth, self.coarser) < 0:
            raise ValueError("widths must be positive, depths not negative")


class LevelNetwork(nn.Module):
    """Foretells mean and log-variance of a level's weights, stage by stage."""

    def __init__(self, config: LevelConfig) -> None:
        super().__init__()
        self.config = config
        width, stages = config.width, config.stages
        self.enter = ExactConv(config.inputs, width, gain=_INPUT_GAIN)
        self.coarser = (
            ExactConv(config.coarser, PHASES * width, 1, gain=_COARSER_GAIN)
            if config.coarser
            else None
        )
        self.trunk = nn.ModuleList(Residual(width) for _ in range(config.depth))
        self.context = nn.ModuleList(
            ExactConv(len(stage), width, gain=_CONTEXT_GAIN) for stage in stages[:-1]
        )
        self.body = nn.ModuleList(Residual(width) for _ in stages)
        self.head = nn.ModuleList(ExactConv(width, 2 * len(stage), 1, gain=0.0) for stage in stages)
        # log2 of the variance that a weight has on the whole, in the signal's own units
        self.log_variance = nn.Parameter(torch.zeros(config.channels))

    def coding_order(
        self,
        inputs: Tensor,
        coarser: Tensor | None,
        log_noise: Tensor,
        sight: Sight,
        steps: Tensor,
        exists: Tensor,
        level: int,
        first_table: int,
        grid: Grid,
        low: Tensor,
        *,
        exact: bool,
        first_row: int = 0,
    ) -> CodingOrder[tuple[Tensor, Tensor]]:
        """Go through the stages.

        Args:
            inputs: settled context (B, inputs, h, w).
            coarser: hidden values of the coarser level, if there is one.
            log_noise: log2 of the noise scale s of each signal (B,).
            sight: of the network.
            steps: quarter octaves by which it differs, of luma and of chroma (B, 2, h, w).
            exists: which weights there are: bool (channels, h, w).
            level: its number.
            first_table: class of the first stage's group for the entropy coder.
            grid: of the level, not folded.
            low: the low-pass array, for whoever answers.
            exact: whether to round, as an encoder and a decoder must.
            first_row: where the inputs begin in the level's folded rows.

        Yields:
            The prior of each stage.

        Returns:
            The level's weights (B, channels, h, w) and hidden values (B, width, h, w).
        """
        hidden = self.begin(inputs, coarser, exact)
        parts: list[Tensor] = []
        previous: Tensor | None = None
        for number, channels in enumerate(self.config.stages):
            hidden, mean, log_variance = self.predict(
                hidden, number, previous, log_noise, sight, exact
            )
            group = Group(
                level,
                first_table + number,
                channels,
                exists[list(channels)],
                grid,
                tuple(plane_of(channel, first_row) for channel in channels),
                first_row,
            )
            is_chroma = is_of_chroma(channels)
            of_colour = steps[:, int(is_chroma), None]
            previous = yield GroupPrior(group, mean, log_variance, low, of_colour)
            parts.append(previous)
        order = [channel for stage in self.config.stages for channel in stage]
        weights = torch.cat(parts, 1)[:, torch.tensor(order).argsort().to(inputs.device)]
        return weights, hidden

    def begin(self, inputs: Tensor, coarser: Tensor | None, exact: bool) -> Tensor:
        """Hidden values before any stage: bfloat16 (B, width, h, w).

        Args:
            inputs: settled context (B, inputs, h, w).
            coarser: hidden values of the coarser level (B, coarser, ceil(h / 2), ceil(w / 2)).
            exact: whether to round, as an encoder and a decoder must.
        """
        hidden: Tensor = self.enter(inputs)
        if self.coarser is not None and coarser is not None:
            finer = functional.pixel_shuffle(self.coarser(activate(coarser, exact)), 2)
            hidden = hidden + finer[..., : inputs.shape[2], : inputs.shape[3]]
        for block in self.trunk:
            hidden = block(hidden, exact)
        return hidden

    def predict(
        self,
        hidden: Tensor,
        stage: int,
        decoded: Tensor | None,
        log_noise: Tensor,
        sight: Sight,
        exact: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Prior of a stage.

        Args:
            hidden: result of `begin`, or of `predict` of the stage before.
            stage: index of the stage.
            decoded: weights of the stage before (B, len(stage), h, w), int32 in 1/16 or real.
            log_noise: log2 of the noise scale s of each signal (B,), float64.
            sight: of the network.
            exact: whether to round.

        Returns:
            Hidden values, means and log2 of variances of the stage's weights, the latter two
            float32 (B, len(stage), h, w) in units of s.
        """
        if decoded is not None:
            context = settle(compand(sight.seen(sight.real(decoded))).float(), exact)
            hidden = hidden + self.context[stage - 1](context)
        hidden = self.body[stage](hidden, exact)
        head = self.head[stage]
        assert isinstance(head, ExactConv)
        gain = _HEAD_GAIN / GRID
        mean, correction = (gain * head.unrounded(activate(hidden, exact))).chunk(2, 1)
        usual = self.log_variance[list(self.config.stages[stage])]
        if exact:
            usual = to_grid(usual, LOG_VARIANCE_UNITS)
        usual = usual[None, :].double() - 2 * log_noise[:, None]
        log_variance = (usual[..., None, None] + correction.double()).float()
        mean = sight.own(mean.clamp(-MAX_MEAN, MAX_MEAN))
        if exact:
            mean = to_grid(mean, VALUE_UNITS)
            log_variance = to_grid(log_variance, LOG_VARIANCE_UNITS)
        mean = mean.float()
        return hidden, mean, log_variance.clamp(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE)
