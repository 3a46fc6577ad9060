"""The conditional prior of audio: octave bands of the spectrum, low ones first.

A band is an array of frames by places, four neighbouring bins being the channels of a place. Its
weights come in four stages: first every fourth bin at the places of a chequerboard and at the
others, then the bins halfway between, then the rest. So later ones know neighbours on all sides,
before and after, below and above.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from combiner_core.multires.audio.neighbours import AUDIO_NEIGHBOURS
from combiner_core.multires.coding_order import ALL_PHASES, CodingOrder, Stage
from combiner_core.multires.context_model import LevelConfig, LevelModel
from combiner_core.multires.integer_convolutions import compand, settle
from combiner_core.multires.sight import Sight
from combiner_core.rec import Grid

_BINS = 4
BAND_STAGES = (
    Stage((0,), ALL_PHASES[:2]),
    Stage((0,), ALL_PHASES[2:]),
    Stage((2,)),
    Stage((1, 3)),
)
_LOWEST_BINS = 16
# log2 of the finest noise scale that networks are asked about
_FINEST_KNOWN = -14
_MIDDLE_LOG_NOISE = -7.5
# context is companded in this unit, which keeps loud weights within the limit of the arithmetic
_UNIT = 4.0


@dataclass(frozen=True)
class AudioPriorConfig:
    """Size of the prior.

    Attributes:
        hop: bins of a frame.
        widths: hidden channels of the bands' networks, from the lowest to the highest.

    Raises:
        ValueError: the hop is not a multiple of four, or there are not as many widths as bands.
    """

    hop: int = 384
    widths: tuple[int, ...] = (16, 32, 32, 32, 24, 16)

    def __post_init__(self) -> None:
        if self.hop % _BINS:
            raise ValueError(f"a hop of {self.hop} is no multiple of {_BINS}")
        if len(self.widths) != len(self.bands):
            raise ValueError(f"a hop of {self.hop} has {len(self.bands)} bands")

    @property
    def bands(self) -> tuple[tuple[int, int], ...]:
        """First bin and the one after the last of each band: 0, 16, 32, 64 and so on to hop."""
        edges = [0]
        while edges[-1] < self.hop:
            edges.append(min(self.hop, max(_LOWEST_BINS, 2 * edges[-1])))
        return tuple(pairwise(edges))


def to_levels(config: AudioPriorConfig, weights: Tensor) -> dict[int, Tensor]:
    """Weights (B, frames, hop) as the levels' arrays (B, 4, frames, bins of the band / 4).

    The highest band is level 1.
    """
    last = len(config.bands)
    return {
        last - number: weights[..., first:stop].unflatten(2, (-1, _BINS)).permute(0, 3, 1, 2)
        for number, (first, stop) in enumerate(config.bands)
    }


def from_levels(levels: dict[int, Tensor]) -> Tensor:
    """The inverse of `to_levels`."""
    bands = [levels[level].permute(0, 2, 3, 1).flatten(2) for level in sorted(levels)[::-1]]
    return torch.cat(bands, 2)


class AudioPrior(nn.Module):
    """Predicts every band's weights from the lower ones.

    Attributes:
        neighbours: of the weights of a band.
        table_count: classes of groups for the entropy coder.
    """

    def __init__(self, config: AudioPriorConfig) -> None:
        super().__init__()
        self.config = config
        self.neighbours = AUDIO_NEIGHBOURS
        self.table_count = len(BAND_STAGES) * len(config.bands)
        self.bands = nn.ModuleList()
        coarser = 0
        for number, width in enumerate(config.widths):
            # noise scale, place; of the band below an octave down, and mirrored at the edge; of
            # all lower bands the magnitude
            inputs = 2 + (2 * _BINS + number if number else 0)
            stretch = (1, 2 if number > 1 else 1)
            first_table = len(BAND_STAGES) * number
            level = LevelConfig(width, inputs, _BINS, coarser, stretch, BAND_STAGES, first_table)
            self.bands.append(LevelModel(level))
            coarser = width

    def coding_order(
        self,
        frames: int,
        noise: Tensor,
        log_noise: Tensor,
        *,
        exact: bool,
        first_row: int = 0,
    ) -> CodingOrder[Tensor]:
        """Go through all groups from the lowest band to the highest.

        Args:
            frames: of each of B signals; channels of a clip are signals of their own.
            noise: scale s of each signal (B,), float64, in units of the samples.
            log_noise: its log2 (B,).
            exact: integer arithmetic throughout, see `integer_convolutions`.
            first_row: of the frames in those of a longer clip, for the groups.

        Yields:
            The prior of each group, see `to_levels`.

        Returns:
            Weights in units of s (B, frames, hop), int32 in 1/16 if `exact`.
        """
        lower: list[Tensor] = []
        sight = Sight.of(noise, log_noise, _FINEST_KNOWN)
        hidden: Tensor | None = None
        grid: Grid | None = None
        for number, (first, stop) in enumerate(self.config.bands):
            network = self.bands[number]
            assert isinstance(network, LevelModel)
            places = (stop - first) // _BINS
            inputs = _inputs(lower, (frames, places), network.config.stretch, sight, exact)
            exists = torch.ones(_BINS, frames, places, dtype=torch.bool, device=noise.device)
            level = len(self.bands) - number
            grid = Grid(len(noise) * _BINS, frames, places, grid, network.config.stretch)
            weights, hidden = yield from network.coding_order(
                inputs,
                hidden,
                log_noise,
                sight,
                exists,
                level,
                grid,
                None,
                exact=exact,
                first_row=first_row,
            )
            hidden = hidden.float() if exact else hidden
            lower.append(weights)
        return from_levels(dict(enumerate(lower[::-1])))


def _inputs(
    lower: list[Tensor],
    size: tuple[int, int],
    stretch: tuple[int, int],
    sight: Sight,
    exact: bool,
) -> Tensor:
    """What a band's network is given from outside the band: (B, inputs, frames, places)."""
    places, log_noise = size[1], sight.log_noise
    shape = (len(log_noise), 1, *size)
    place = torch.arange(places, device=log_noise.device, dtype=torch.float64) * (2 / places) - 1
    rate = (log_noise.double() - _MIDDLE_LOG_NOISE)[:, None, None, None]
    parts = [place.expand(shape), rate.expand(shape)]
    if lower:
        below = compand(sight.seen(sight.real(lower[-1])) / _UNIT).double()
        octave = below.repeat_interleave(stretch[1], 3)[..., :places]
        mirrored = functional.pad(below.flip(1, 3), (0, places - below.shape[3]))
        # sums of multiples of 1/16 are exact in float64, their counts powers of two
        means = [
            sight.seen(sight.real(band).double().abs().mean((1, 3), keepdim=True)) for band in lower
        ]
        parts += [octave, mirrored, *(compand(mean).expand(shape) for mean in means)]
    return settle(torch.cat(parts, 1).float(), exact)
