"""Choices a user has when encoding, and what the effort levels stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from combiner_core._numbers import is_whole
from combiner_core.errors import CombinerError

EffortName = Literal["fast", "balanced", "best"]
CoderName = Literal["trellis", "astar"]
TuneName = Literal["psnr", "perceptual"]
DeviceName = Literal["auto", "cpu", "cuda"]

MAX_SEED = (1 << 32) - 1
MAX_SCALE = 64
_DEPTHS = (8, 16)


@dataclass(frozen=True)
class EncodeOptions:
    """How to encode.

    Attributes:
        model: a preset's name, or a family ("multires", "siren") of which the one that suits the
            signal and the rate best is taken.
        effort: how long to fit.
        rec: relative entropy coder: the trellis, which sends the maximiser of log q/p over its
            code, or the A* block coder, which sends nearly a sample of the posterior q.
        seed: of the shared randomness, stored in the file, and of the fit; 0 to 2^32 - 1.
        device: where to fit; "auto" takes a GPU if there is one.
        refine: siren: progressive refinement, which goes on fitting the weights not yet coded
            while coding.
        optimise_latents: multires: take gradient steps on an image's targets before coding, as
            many as the effort says.
        tune: what equal bytes are spent for: the least squared error, or what looks and sounds
            best; the latter by multires alone.

    Raises:
        CombinerError: a value is not one of those allowed.
    """

    model: str = "multires"
    effort: EffortName = "balanced"
    rec: CoderName = "trellis"
    seed: int = 0
    device: DeviceName = "auto"
    refine: bool = True
    optimise_latents: bool = True
    tune: TuneName = "psnr"

    def __post_init__(self) -> None:
        _check("effort", self.effort, get_args(EffortName))
        _check("relative entropy coder", self.rec, get_args(CoderName))
        _check("device", self.device, get_args(DeviceName))
        _check("tune", self.tune, get_args(TuneName))
        if not is_whole(self.seed) or not 0 <= self.seed <= MAX_SEED:
            raise CombinerError(f"The seed {self.seed!r} is not a number from 0 to {MAX_SEED}.")
        object.__setattr__(self, "seed", int(self.seed))


@dataclass(frozen=True)
class DecodeOptions:
    """How to decode.

    Attributes:
        scale: of the grid: 2 gives twice as many pixels along each side, or samples a second.
        depth: bits of a colour of an image: 16 also gives `Signal.deep`.
        detail: from 0 to 1, how much of what was not sent is made up for by samples of the prior;
            None for as much as the file suggests.

    Raises:
        CombinerError: a value is out of range.
    """

    scale: float = 1.0
    depth: int = 8
    detail: float | None = None

    def __post_init__(self) -> None:
        if self.depth not in _DEPTHS:
            depths = ", ".join(map(str, _DEPTHS))
            raise CombinerError(f"The depth {self.depth} is none of {depths} bits.")
        if not 0 < self.scale <= MAX_SCALE:
            raise CombinerError(f"The scale {self.scale:g} is not between 0 and {MAX_SCALE}.")
        if self.detail is not None and not 0 <= self.detail <= 1:
            raise CombinerError(f"The detail {self.detail:g} is not between 0 and 1.")


def _check(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise CombinerError(f"There is no {what} {value!r}; there are: {', '.join(allowed)}.")
