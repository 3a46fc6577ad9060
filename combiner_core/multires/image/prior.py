"""The conditional prior of an image's wavelet pyramid: coarse levels first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.coding_order import (
    ALL_PHASES,
    CodingOrder,
    Group,
    GroupPrior,
    Stage,
    real_units,
)
from combiner_core.multires.context_model import LevelConfig, LevelModel
from combiner_core.multires.image.pyramid import level_sizes
from combiner_core.multires.image.wavelets import join
from combiner_core.multires.integer_convolutions import compand, settle, to_grid
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS

COLOURS = 3
STRIP_PLACES = 1 << 18
# from here on weights are few, and each reaches over many pixels
FIRST_SCALAR_LEVEL = 5
# luma of both mixed bands by halves of a chequerboard, then the diagonal band's, then chroma
IMAGE_STAGES = (
    Stage((0, 3), ALL_PHASES[:2]),
    Stage((0, 3), ALL_PHASES[2:]),
    Stage((6,)),
    Stage((1, 2, 4, 5, 7, 8)),
)
_INPUTS = 5 * COLOURS + 1
_MIDDLE_LOG_NOISE = 4.5


@dataclass(frozen=True)
class ImagePriorConfig:
    """Hidden channels of the levels' networks, from the finest to the coarsest."""

    widths: tuple[int, ...] = (16, 32, 40, 40, 32, 32, 24)

    @property
    def levels(self) -> int:
        """Number of levels of the pyramid."""
        return len(self.widths)


class ImagePrior(nn.Module):
    """Predicts every level's weights from the coarser ones.

    `low` holds the prior of the coarsest low-pass array, means and log2 of variances by colour, in
    units of the picture's values.
    """

    def __init__(self, config: ImagePriorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.levels = nn.ModuleList(
            LevelModel(
                LevelConfig(
                    width, _INPUTS, 9, coarser, (2, 2), IMAGE_STAGES, number >= FIRST_SCALAR_LEVEL
                )
            )
            for number, (width, coarser) in enumerate(pairwise((*widths, 0)), start=1)
        )
        self.low_mean = nn.Parameter(torch.zeros(COLOURS))
        self.low_log_variance = nn.Parameter(torch.full((COLOURS,), 18.0))

    def coding_order(
        self,
        size: tuple[int, int],
        noise: Tensor,
        log_noise: Tensor,
        *,
        exact: bool,
        window: tuple[slice, slice] | None = None,
        strip_places: int = STRIP_PLACES,
        synthesise: bool = True,
        finest: int = 1,
    ) -> CodingOrder[tuple[Tensor, Tensor]]:
        """Go through all groups from coarse to fine, and synthesise what is sent back.

        Large levels are divided into strips of rows, each with no context from the others.

        Args:
            size: height and width of the picture.
            noise: scale s of each of B pictures (B,), float64.
            log_noise: its log2 (B,).
            exact: integer arithmetic throughout, see `integer_convolutions`.
            window: rows and columns of level 1 to which that level is confined, for training.
            strip_places: most places of a level that go through its network together.
            synthesise: False to leave out the last synthesis, for whoever wants no result.
            finest: level to stop after, for training.

        Yields:
            The prior of each group.

        Returns:
            The picture's values (B, 3, H, W) in units of s, int32 in 1/16 if `exact`, and the
            finest level's hidden values (B, widths[0], h, w), as float16 if `exact`.
        """
        levels = self.config.levels
        sizes = level_sizes(*size, levels)
        current = yield self._coarsest(sizes[levels], noise, log_noise, exact)
        parent: Tensor | None = None
        hidden: Tensor | None = None
        index = 1
        for level in range(levels, finest - 1, -1):
            height, width = sizes[level - 1]
            if level == 1 and window is not None:
                current, parent, hidden = _confine(window, current, parent, hidden)
                height, width = (2 * (part.stop - part.start) for part in window)
            network = self.levels[level - 1]
            assert isinstance(network, LevelModel)
            exists = _existing((height, width), current.device)
            parent_here: Tensor | None = None
            hidden_here: Tensor | None = None
            for rows in _strips(current.shape[2], current.shape[3], strip_places):
                above = slice(rows.start // 2, -(-rows.stop // 2))
                strip = current[:, :, rows]
                inputs = self._inputs(
                    strip,
                    None if parent is None else parent[:, :, above],
                    noise,
                    log_noise,
                    level,
                    exact,
                )
                coarser = None if hidden is None else hidden[:, :, above].float()
                details, values = yield from network.coding_order(
                    inputs,
                    coarser,
                    log_noise,
                    exists[:, rows],
                    index,
                    level,
                    current,
                    rows.start,
                    exact=exact,
                )
                parent_here = _placed(parent_here, details, rows, len(current[0, 0]))
                hidden_here = _placed(hidden_here, values, rows, len(current[0, 0]))
                index += len(network.config.stages)
            # the last strip's arrays are not to lie beside the synthesis
            del exists, strip, inputs, coarser, details, values
            hidden = hidden_here
            if level == finest and not synthesise:
                break
            parent = parent_here
            assert parent is not None
            current = _joined(current, parent, height, width)
        assert hidden is not None
        return current, hidden

    def _coarsest(
        self, size: tuple[int, int], noise: Tensor, log_noise: Tensor, exact: bool
    ) -> GroupPrior:
        mean = self.low_mean[None] / noise[:, None]
        log_variance = self.low_log_variance[None] - 2 * log_noise[:, None]
        if exact:
            mean, log_variance = (
                to_grid(mean, VALUE_UNITS),
                to_grid(log_variance, LOG_VARIANCE_UNITS),
            )
        shape = (len(noise), COLOURS, *size)
        coded = torch.ones(shape[1:], dtype=torch.bool, device=noise.device)
        return GroupPrior(
            Group(0, self.config.levels + 1, tuple(range(COLOURS)), coded, None, all_scalar=True),
            mean.float()[..., None, None].expand(shape),
            log_variance.float()[..., None, None].expand(shape),
            None,
        )

    def _inputs(
        self,
        current: Tensor,
        parent: Tensor | None,
        noise: Tensor,
        log_noise: Tensor,
        level: int,
        exact: bool,
    ) -> Tensor:
        """The low-pass picture's brightness and its bumps, the coarser details, and log2 s."""
        real = real_units(current)
        # exact in double precision, and rounded once
        gain = noise * 2.0 ** -(level + 6)
        brightness = (real.double() * gain[:, None, None, None]).float()
        bumps = compand((9 * real - _sums_of_nine(real)) / 8)
        if parent is None:
            coarse = real.new_zeros(len(real), 9, *real.shape[2:])
        else:
            coarse = functional.interpolate(compand(real_units(parent)), scale_factor=2)
            coarse = coarse[..., : real.shape[2], : real.shape[3]]
        rate = (log_noise - _MIDDLE_LOG_NOISE).float()[:, None, None, None]
        rate = rate.expand(-1, 1, *real.shape[2:])
        inputs = torch.cat([brightness, bumps, coarse, rate], 1)
        return settle(inputs.contiguous(memory_format=torch.channels_last), exact)


def _sums_of_nine(values: Tensor) -> Tensor:
    """Sums over squares of three by three places; those at the edges are repeated outside."""
    around = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    around = around[:, :, :-2] + around[:, :, 1:-1] + around[:, :, 2:]
    return around[..., :-2] + around[..., 1:-1] + around[..., 2:]


def _existing(size: tuple[int, int], device: torch.device) -> Tensor:
    """Which details an array of this size has: its last row or column may lack some."""
    height, width = size
    exists = torch.ones(9, -(-height // 2), -(-width // 2), dtype=torch.bool, device=device)
    if height % 2:
        exists[0:3, -1] = False
        exists[6:9, -1] = False
    if width % 2:
        exists[3:9, :, -1] = False
    return exists


def _placed(whole: Tensor | None, strip: Tensor, rows: slice, height: int) -> Tensor:
    """The array of a level's strips with one more of them, top to bottom; made with the first."""
    if strip.shape[2] == height:
        return strip
    if whole is None:
        last = strip.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        size = (*strip.shape[:2], height, strip.shape[3])
        whole = torch.empty(size, dtype=strip.dtype, device=strip.device, memory_format=layout)
    whole[:, :, rows] = strip
    return whole


def _joined(low: Tensor, details: Tensor, height: int, width: int) -> Tensor:
    """`join`, of large arrays one colour after the other, which takes less memory at a time."""
    if low.shape[2] * low.shape[3] <= STRIP_PLACES:
        return join(low, details, height, width)
    values = low.new_empty(len(low), COLOURS, height, width)
    for colour in range(COLOURS):
        part = slice(colour, colour + 1)
        join(low[:, part], details[:, colour::COLOURS], height, width, values[:, part])
    return values


def _strips(height: int, width: int, places: int) -> list[slice]:
    """Rows divided evenly, each strip but the last of an even number."""
    count = max(1, -(-height * width // places))
    rows = -(-height // (2 * count)) * 2
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def _confine(
    window: tuple[slice, slice], current: Tensor, parent: Tensor | None, hidden: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    assert parent is not None
    assert hidden is not None
    rows, columns = window
    above, beside = (slice(part.start // 2, -(-part.stop // 2)) for part in window)
    return current[..., rows, columns], parent[..., above, beside], hidden[..., above, beside]
