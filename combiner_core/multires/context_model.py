"""Context model: a network predicts the prior of weights from those already decoded.

Weights come in levels, arrays of several channels on one grid; a level is decoded in stages, each
some of its channels and perhaps every other place only. For each stage the network gives mean and
log-variance of a Gaussian from the level's inputs, the coarser level's hidden values and the
level's earlier stages. All in units of the noise scale s. Learned image codecs have such models
(Minnen, Balle & Toderici 2018) and such stages on a chequerboard (He et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior, Stage
from combiner_core.multires.integer_convolutions import (
    IntegerConv,
    Residual,
    compand,
    settle,
)
from combiner_core.multires.quantised_conv import to_grid
from combiner_core.multires.sight import Sight
from combiner_core.rec import Grid, Plane
from combiner_core.rec.wire import VALUE_UNITS

# bounds of what a network may predict
MAX_MEAN = 128.0
MIN_LOG_VARIANCE, MAX_LOG_VARIANCE = -8.0, 20.0
_HEAD_GAIN = 4
# log-variances are predicted in steps of an eighth
_LOG_VARIANCE_STEPS = 8


@dataclass(frozen=True)
class LevelConfig:
    """Size of the network of one level.

    Attributes:
        width: hidden channels.
        inputs: channels of context from outside the level.
        channels: coefficients at each place.
        coarser: hidden channels of the coarser level, 0 if there is none.
        stretch: how many places of this level one of the coarser level becomes along each axis.
        stages: in the order of decoding.
        first_table: class of the first stage's groups; those of the others follow.
    """

    width: int
    inputs: int
    channels: int
    coarser: int
    stretch: tuple[int, int]
    stages: tuple[Stage, ...]
    first_table: int


class LevelModel(nn.Module):
    """The network of one level."""

    def __init__(self, config: LevelConfig) -> None:
        super().__init__()
        self.config = config
        width, (rows, columns) = config.width, config.stretch
        self.inputs = IntegerConv(config.inputs, width)
        self.coarser = (
            IntegerConv(config.coarser, width * rows * columns, 1) if config.coarser else None
        )
        self.trunk = nn.ModuleList([Residual(width), Residual(width)])
        self.known: list[tuple[int, ...]] = []
        self.context, self.body, self.head = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        # log2 of the variance that a weight has on the whole, in the signal's own units
        self.log_variance = nn.Parameter(torch.zeros(config.channels))
        known: set[int] = set()
        for stage in config.stages:
            self.known.append(tuple(sorted(known)))
            self.context.append(IntegerConv(len(known), width) if known else nn.Identity())
            self.body.append(Residual(width))
            self.head.append(IntegerConv(width, 2 * len(stage.channels), 1, zero=True))
            known |= set(stage.channels)

    def coding_order(
        self,
        inputs: Tensor,
        coarser: Tensor | None,
        log_noise: Tensor,
        sight: Sight,
        exists: Tensor,
        level: int,
        grid: Grid,
        low: Tensor | None,
        *,
        exact: bool,
        first_row: int = 0,
    ) -> CodingOrder[tuple[Tensor, Tensor]]:
        """Go through the stages.

        Args:
            inputs: settled context (B, inputs, H, W).
            coarser: hidden values of the coarser level, if there is one.
            log_noise: log2 of the noise scale s of each signal (B,).
            sight: of the network.
            exists: which weights there are: bool (channels, H, W).
            level: its number.
            grid: of the level.
            low: the low-pass array, for whoever answers.
            exact: whether to round, as an encoder and a decoder must.
            first_row: where the inputs begin in the level, of which the grid is the rest.

        Yields:
            The prior of each stage.

        Returns:
            The level's weights and hidden values, (B, channels, H, W) and (B, width, H, W).
        """
        hidden = self.begin(inputs, coarser, exact)
        kind = torch.int32 if exact else torch.float32
        batch, _, *size = inputs.shape
        weights = torch.zeros(batch, self.config.channels, *size, dtype=kind, device=inputs.device)
        for number, stage in enumerate(self.config.stages):
            hidden, mean, log_variance = self.predict(
                hidden, number, weights, log_noise, sight, exact
            )
            channels = list(stage.channels)
            places = stage.places(size[0], size[1], inputs.device)
            group = Group(
                level,
                self.config.first_table + number,
                stage.channels,
                exists[channels] & places,
                grid,
                tuple(Plane(channel) for channel in stage.channels),
                first_row,
            )
            decoded = yield GroupPrior(group, mean, log_variance, low)
            where = torch.tensor(channels, device=weights.device)
            weights = weights.index_add(1, where, decoded)
        return weights, hidden.half() if exact else hidden

    def begin(self, inputs: Tensor, coarser: Tensor | None, exact: bool) -> Tensor:
        """Hidden values before any stage: (B, width, H, W).

        Args:
            inputs: settled context (B, inputs, H, W).
            coarser: hidden values of the coarser level, if there is one.
            exact: whether to round, as an encoder and a decoder must.
        """
        hidden: Tensor = self.inputs(inputs)
        if self.coarser is not None and coarser is not None:
            finer = _unfold(self.coarser(torch.relu(coarser)), self.config.stretch)
            finer = finer[..., : inputs.shape[2], : inputs.shape[3]]
            hidden = hidden + settle(finer, exact)
        hidden = settle(hidden, exact)
        for block in self.trunk:
            hidden = block(hidden, exact)
        return hidden

    def predict(
        self,
        hidden: Tensor,
        stage: int,
        decoded: Tensor,
        log_noise: Tensor,
        sight: Sight,
        exact: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Prior of a stage.

        Args:
            hidden: result of `begin`, or of `predict` of the stage before.
            stage: index of the stage.
            decoded: the level's weights (B, channels, H, W), int32 in 1/16 or real, zero where not
                yet decoded.
            log_noise: log2 of the noise scale s of each signal (B,).
            sight: of the network.
            exact: whether to round.

        Returns:
            Hidden values, means and log2 of variances of the stage's channels, the latter two
            (B, len(channels), H, W), at all places.
        """
        known = self.known[stage]
        if known:
            context = compand(sight.seen(sight.real(decoded[:, list(known)])))
            context = settle(context.float(), exact)
            hidden = settle(hidden + self.context[stage](context), exact)
        inner = torch.relu(self.body[stage](hidden, exact))
        head = self.head[stage](inner).float().contiguous()
        mean, correction = (_HEAD_GAIN * head).chunk(2, 1)
        usual = self.log_variance[list(self.config.stages[stage].channels)]
        if exact:
            usual = to_grid(usual, _LOG_VARIANCE_STEPS)
        usual = usual[None, :] - 2 * log_noise[:, None]
        log_variance = (usual[..., None, None] + correction.double()).float()
        mean = sight.own(mean.clamp(-MAX_MEAN, MAX_MEAN))
        if exact:
            mean = to_grid(mean, VALUE_UNITS)
            log_variance = to_grid(log_variance, _LOG_VARIANCE_STEPS)
        mean = mean.float()
        return hidden, mean, log_variance.clamp(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE)


def _unfold(values: Tensor, stretch: tuple[int, int]) -> Tensor:
    """(B, C r c, H, W) to (B, C, r H, c W)."""
    rows, columns = stretch
    if rows == columns:  # the same, and faster
        return functional.pixel_shuffle(values, rows)
    batch, _, height, width = values.shape
    parts = values.reshape(batch, -1, rows, columns, height, width)
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * rows, width * columns)
