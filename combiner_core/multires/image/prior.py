"""The conditional prior of an image's wavelet pyramid: coarse levels first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.coding_order import CodingOrder, Group, GroupPrior
from combiner_core.multires.exact_convolutions import compand, settle
from combiner_core.multires.image.folding import PHASES, fold, folded_channels, unfold
from combiner_core.multires.image.level_network import LevelConfig, LevelNetwork
from combiner_core.multires.image.neighbours import IMAGE_NEIGHBOURS
from combiner_core.multires.image.noise_map import NoiseSteps, local_log_noise
from combiner_core.multires.image.pyramid import level_sizes
from combiner_core.multires.image.wavelets import join
from combiner_core.multires.quantised_conv import to_grid
from combiner_core.multires.sight import Sight
from combiner_core.rec import Grid, Plane
from combiner_core.rec.wire import LOG_VARIANCE_UNITS, VALUE_UNITS
from combiner_core.scale_mixture import ScaleMixture

COLOURS, BANDS = 3, 3
DETAILS = COLOURS * BANDS
# places of a level that go through its network together, see `ImagePrior.coding_order`
STRIP_PLACES = 1 << 18
# levels from here on share their entropy tables: their weights are few
_SHARED_LEVEL = 5
# brightness and bumps of four places, details of one above, noise scales of luma and chroma
_INPUTS = 2 * PHASES * COLOURS + DETAILS + 2
# log2 of the finest noise scale that networks have learned from
FINEST_KNOWN = -1
# by how many places of a strip's beginning those of its parent and of hidden values lie
_STRIP_MULTIPLE = 4

# luma of the two mixed bands, and of the diagonal one; each colour of the others
_MIXED, _DIAGONAL, _BLUE, _RED = (0, 3), (6,), (1, 4, 7), (2, 5, 8)
Stages = tuple[tuple[int, ...], ...]
# stages of a level by their number: which bands and colours at which of four neighbouring places
STAGES: Mapping[int, Stages] = {
    4: (
        folded_channels(_MIXED, (0, 3)),
        folded_channels(_MIXED, (1, 2)),
        folded_channels(_DIAGONAL),
        folded_channels((1, 2, 4, 5, 7, 8)),
    ),
    6: (
        folded_channels(_MIXED, (0,)),
        folded_channels(_MIXED, (3,)),
        folded_channels(_MIXED, (1, 2)),
        folded_channels(_DIAGONAL),
        folded_channels(_BLUE),
        folded_channels(_RED),
    ),
    8: (
        folded_channels(_MIXED, (0,)),
        folded_channels(_MIXED, (3,)),
        folded_channels(_MIXED, (1,)),
        folded_channels(_MIXED, (2,)),
        folded_channels(_DIAGONAL, (0, 3)),
        folded_channels(_DIAGONAL, (1, 2)),
        folded_channels(_BLUE),
        folded_channels(_RED),
    ),
}


@dataclass(frozen=True)
class ImagePriorConfig:
    """Sizes of the levels' networks, from the finest to the coarsest.

    Attributes:
        widths: hidden channels.
        depths: residual blocks before the first stage.
        stages: how many, see `STAGES`.

    Raises:
        ValueError: there are not as many of each, or no such stages.
    """

    widths: tuple[int, ...] = (64, 96, 96, 80, 64, 48, 48)
    depths: tuple[int, ...] = (3, 4, 4, 3, 2, 2, 2)
    stages: tuple[int, ...] = (6, 8, 8, 6, 4, 4, 4)

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.depths) == len(self.stages) > 0:
            raise ValueError("each level has a width, a depth and stages")
        if not set(self.stages) <= set(STAGES):
            raise ValueError(f"a level has {' or '.join(map(str, STAGES))} stages")
        if len(set(self.stages[_SHARED_LEVEL - 1 :])) > 1:
            raise ValueError(f"levels from {_SHARED_LEVEL} on have the same stages")

    @property
    def levels(self) -> int:
        """Number of levels of the pyramid."""
        return len(self.widths)


class ImagePrior(nn.Module):
    """Predicts every level's weights from the coarser ones.

    `low` holds the prior of the coarsest low-pass array, means and log2 of variances by colour, in
    units of the picture's values.

    Attributes:
        mixtures: what the prior of a weight is, of luma and of chroma, given mean and variance.
        neighbours: of the weights of a level.
        table_count: classes of groups for the entropy coder.
    """

    def __init__(self, config: ImagePriorConfig) -> None:
        super().__init__()
        self.config = config
        self.levels = nn.ModuleList(
            LevelNetwork(
                LevelConfig(width, depth, _INPUTS, DETAILS * PHASES, coarser, STAGES[stages])
            )
            for (width, coarser), depth, stages in zip(
                pairwise((*config.widths, 0)), config.depths, config.stages, strict=True
            )
        )
        *self._first_tables, self._low_table = accumulate(config.stages[:_SHARED_LEVEL], initial=0)
        self.neighbours, self.table_count = IMAGE_NEIGHBOURS, self._low_table + 1
        self.mixtures = nn.ModuleList(ScaleMixture() for _ in range(2))
        self.low_mean = nn.Parameter(torch.zeros(COLOURS))
        self.low_log_variance = nn.Parameter(torch.full((COLOURS,), 18.0))

    def networks(self) -> list[LevelNetwork]:
        """Of the levels, the finest first."""
        return [level for level in self.levels if isinstance(level, LevelNetwork)]

    def coding_order(
        self,
        size: tuple[int, int],
        noise: Tensor,
        log_noise: Tensor,
        steps: NoiseSteps,
        *,
        exact: bool,
        window: tuple[slice, slice] | None = None,
        strip_places: int = STRIP_PLACES,
        synthesise: bool = True,
        finest: int = 1,
        has_chroma: bool = True,
    ) -> CodingOrder[tuple[Tensor, Tensor]]:
        """Go through all groups from coarse to fine, and synthesise what is sent back.

        Large levels are divided into strips of rows, each with no context from the others.

        Args:
            size: height and width of the picture.
            noise: scale s of each of B pictures (B,), float64.
            log_noise: its log2 (B,).
            steps: where the noise scale is another one.
            exact: arithmetic that is the same everywhere, see `exact_convolutions`.
            window: rows and columns of the folded grid of level 1 to which that level is confined,
                even, for training.
            strip_places: most places of a level that go through its network together.
            synthesise: False to leave out the last synthesis, for whoever wants no result.
            finest: level to stop after, for training.
            has_chroma: False if no weight of chroma is coded: all are zero.

        Yields:
            The prior of each group, on the folded grid of its level.

        Returns:
            The picture's values (B, 3, H, W) in units of s, int32 in 1/16 if `exact`, and the
            finest level's hidden values (B, widths[0], h, w).
        """
        levels = self.config.levels
        sizes = level_sizes(*size, levels)
        sight = Sight.of(noise, log_noise, FINEST_KNOWN)
        current = yield self._coarsest(sizes[levels], noise, log_noise, exact, has_chroma)
        parent: Tensor | None = None
        hidden: Tensor | None = None
        grid: Grid | None = None
        for level in range(levels, finest - 1, -1):
            height, width = sizes[level - 1]
            here = steps.levels[level]
            if level == 1 and window is not None:
                current, parent, hidden, here = _confined(window, current, parent, hidden, here)
                height, width = (4 * (part.stop - part.start) for part in window)
            network = self.levels[level - 1]
            assert isinstance(network, LevelNetwork)
            exists = fold(_existing((height, width), current.device, has_chroma))[0].bool()
            # parts of a level are only learned from
            whole = level > 1 or window is None
            rows_here, columns_here = current.shape[2:]
            coarse = grid if whole else None
            grid = Grid(len(noise) * DETAILS, rows_here, columns_here, coarse, (2, 2))
            finer: Tensor | None = None
            hiddens: Tensor | None = None
            for rows in _strips(current.shape[2], current.shape[3], strip_places):
                folded = slice(rows.start // 2, -(-rows.stop // 2))
                above = slice(folded.start // 2, -(-folded.stop // 2))
                inputs = self._inputs(
                    current[:, :, rows],
                    None if parent is None else parent[:, :, folded],
                    (noise, here[:, :, folded]),
                    sight,
                    level,
                    exact,
                )
                details, values = yield from network.coding_order(
                    inputs,
                    None if hidden is None else hidden[:, :, above],
                    log_noise,
                    sight,
                    here[:, :, folded],
                    exists[:, folded],
                    level,
                    self._first_tables[min(level, _SHARED_LEVEL) - 1],
                    grid,
                    current,
                    exact=exact,
                    first_row=folded.start,
                )
                details = unfold(details, rows.stop - rows.start, current.shape[3])
                finer = _placed(finer, details, rows, rows_here)
                hiddens = _placed(hiddens, values, folded, -(-rows_here // 2))
                # the last strip's arrays are not to lie beside the synthesis
                del inputs, details, values
            hidden = hiddens
            if level == finest and not synthesise:
                break
            parent = finer
            assert parent is not None
            del finer, hiddens
            current = _joined(current, parent, height, width)
        assert hidden is not None
        return current, hidden

    def _coarsest(
        self,
        size: tuple[int, int],
        noise: Tensor,
        log_noise: Tensor,
        exact: bool,
        has_chroma: bool,
    ) -> GroupPrior:
        mean = self.low_mean[None] / noise[:, None]
        log_variance = self.low_log_variance[None] - 2 * log_noise[:, None]
        if exact:
            mean = to_grid(mean, VALUE_UNITS)
            log_variance = to_grid(log_variance, LOG_VARIANCE_UNITS)
        shape = (len(noise), COLOURS, *size)
        coded = torch.ones(shape[1:], dtype=torch.bool, device=noise.device)
        coded[1:] = has_chroma
        channels = tuple(range(COLOURS))
        return GroupPrior(
            Group(
                self.config.levels + 1,
                self._low_table,
                channels,
                coded,
                Grid(len(noise) * COLOURS, *size),
                tuple(Plane(channel) for channel in channels),
            ),
            mean.float()[..., None, None].expand(shape),
            log_variance.float()[..., None, None].expand(shape),
            None,
        )

    def _inputs(
        self,
        current: Tensor,
        parent: Tensor | None,
        noise_here: tuple[Tensor, Tensor],
        sight: Sight,
        level: int,
        exact: bool,
    ) -> Tensor:
        """The low-pass picture's brightness and bumps, the coarser details, and log2 of s a."""
        noise, steps = noise_here
        real = sight.real(current)
        # exact in double precision, and rounded once
        gain = noise * 2.0 ** -(level + 7)
        brightness = (real.double() * gain[:, None, None, None]).float()
        bumps = compand(sight.seen((9 * real - _sums_of_nine(real)) / 8)).float()
        near = fold(torch.cat([brightness, bumps], 1))
        if parent is None:
            coarse = near.new_zeros(len(near), DETAILS, *near.shape[2:])
        else:
            coarse = compand(sight.seen(sight.real(parent))).float()
        inputs = torch.cat([near, coarse, local_log_noise(sight.log_noise, steps)], 1)
        return settle(inputs.contiguous(memory_format=torch.channels_last), exact)


def _sums_of_nine(values: Tensor) -> Tensor:
    """Sums over squares of three by three places; those at the edges are repeated outside."""
    around = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    around = around[:, :, :-2] + around[:, :, 1:-1] + around[:, :, 2:]
    return around[..., :-2] + around[..., 1:-1] + around[..., 2:]


def _existing(size: tuple[int, int], device: torch.device, has_chroma: bool) -> Tensor:
    """1 for details that an array of this size has: its last row or column may lack some."""
    height, width = size
    exists = torch.ones(1, DETAILS, -(-height // 2), -(-width // 2), device=device)
    if height % 2:
        exists[:, 0:3, -1] = 0
        exists[:, 6:9, -1] = 0
    if width % 2:
        exists[:, 3:9, :, -1] = 0
    if not has_chroma:
        exists.unflatten(1, (BANDS, COLOURS))[:, :, 1:] = 0
    return exists


def _joined(low: Tensor, details: Tensor, height: int, width: int) -> Tensor:
    """`join`, of large arrays one colour after the other, which takes less memory at a time."""
    if low.shape[2] * low.shape[3] <= STRIP_PLACES:
        return join(low, details, height, width)
    values = low.new_empty(len(low), COLOURS, height, width)
    for colour in range(COLOURS):
        part = slice(colour, colour + 1)
        join(low[:, part], details[:, colour::COLOURS], height, width, values[:, part])
    return values


def _placed(whole: Tensor | None, part: Tensor, rows: slice, height: int) -> Tensor:
    """An array (B, C, height, w) with a part put into its rows; made with the first of several."""
    if part.shape[2] == height:
        return part
    if whole is None:
        whole = part.new_empty(*part.shape[:2], height, part.shape[3])
    whole[:, :, rows] = part
    return whole


def _strips(height: int, width: int, places: int) -> list[slice]:
    """Rows divided evenly, the beginnings of strips at multiples of four."""
    count = max(1, -(-height * width // places))
    rows = -(-height // (_STRIP_MULTIPLE * count)) * _STRIP_MULTIPLE
    return [slice(start, min(start + rows, height)) for start in range(0, height, rows)]


def _confined(
    window: tuple[slice, slice],
    current: Tensor,
    parent: Tensor | None,
    hidden: Tensor | None,
    steps: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What of a level's context belongs to a part of its folded grid."""
    assert parent is not None
    assert hidden is not None
    rows, columns = window
    inside = [slice(2 * part.start, 2 * part.stop) for part in window]
    above = [slice(part.start // 2, part.stop // 2) for part in window]
    return (
        current[..., inside[0], inside[1]],
        parent[..., rows, columns],
        hidden[..., above[0], above[1]],
        steps[..., rows, columns],
    )
