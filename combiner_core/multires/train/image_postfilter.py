"""Learning the postfilter g of pictures further: from what the coder leaves, not from noise."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from combiner_core.devices import half_precision
from combiner_core.multires.image.noise_map import STEPS_PER_OCTAVE
from combiner_core.multires.image.postfilter import Postfilter
from combiner_core.multires.train.coded_pictures import (
    CELL,
    SIDE_UNIT,
    CodedPicture,
    PictureExampleConfig,
)
from combiner_core.multires.train.image import ImageTrainConfig, importance
from combiner_core.multires.train.learner import History, Learner, Schedule, TrainProgress, resumed

_WARM_UP_STEPS = 100
_MAX_NORM, _BETAS, _FORGETTING = 1.0, (0.9, 0.99), 0.002
_PEAK = 255.0


@dataclass(frozen=True)
class PicturePostfilterTrainConfig:
    """Settings of the learning.

    Attributes:
        examples: that it learns from.
        steps: gradient steps.
        batch: pieces of examples in each.
        side: of a piece in pixels, a multiple of 8.
        learning_rate: of Adam (Kingma & Ba 2015) after warming up, until it falls.
        fall: steps at the end in which it falls to nothing; nearly all by default.
        seed: of everything random but the examples.
    """

    examples: PictureExampleConfig = field(default_factory=PictureExampleConfig)
    steps: int = 6000
    batch: int = 8
    side: int = 256
    learning_rate: float = 2e-4
    fall: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.side) < 1 or (self.fall or 0) < 0:
            raise ValueError("steps, batch and side must be positive")
        if self.side % SIDE_UNIT:
            raise ValueError(f"a side of {self.side} is no multiple of {SIDE_UNIT}")


class PicturePostfilterTrainer:
    """Stochastic gradient steps, resumable.

    Args:
        config: settings.
        postfilter: to begin with.
        examples: made by `coded_pictures`, or other ones; those with a side shorter than a piece
            are left out.
        checkpoint: file to resume from if it exists and to save to. Its numbers of steps, in all
            and of the fall, may be other ones.
        device: where to compute.

    Raises:
        ValueError: there are no examples that are large enough; or the checkpoint is damaged or
            belongs to other settings.
    """

    def __init__(
        self,
        config: PicturePostfilterTrainConfig,
        postfilter: Postfilter,
        examples: Sequence[CodedPicture],
        checkpoint: Path | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._examples = [one for one in examples if min(one.size) >= config.side]
        if not self._examples:
            raise ValueError(f"there must be examples of {config.side} x {config.side} pixels")
        self._config, self._checkpoint = config, checkpoint
        self._device = torch.device(device)
        saved = resumed(checkpoint, asdict(config))
        model = copy.deepcopy(postfilter).float().requires_grad_(True).train()
        self._model = model.to(  # type: ignore[call-overload]
            self._device, memory_format=torch.channels_last
        )
        optimiser = torch.optim.Adam(self._model.parameters(), betas=_BETAS)
        fall = config.steps - _WARM_UP_STEPS if config.fall is None else config.fall
        self._learner = Learner(
            self._model,
            [(1.0, optimiser)],
            Schedule(config.steps, config.learning_rate, _WARM_UP_STEPS, max(fall, 0)),
            History() if saved is None else saved.history,
            _MAX_NORM,
            _FORGETTING,
        )
        if saved is not None:
            self._learner.restore(saved, saved.history.done)

    @property
    def postfilter(self) -> Postfilter:
        """A running mean of the network."""
        average = self._learner.average
        assert isinstance(average, Postfilter)
        return average

    def run(self, save_every: int = 250) -> Iterator[TrainProgress]:
        """Train; yields after every step, with the loss of a pixel."""
        steps, settings = self._config.steps, asdict(self._config)
        return self._learner.run(self._loss, steps, self._checkpoint, settings, save_every)

    def _loss(self, step: int) -> Tensor:
        generator = np.random.default_rng((self._config.seed, step))
        side, pieces = self._config.side, []
        for place in generator.integers(len(self._examples), size=self._config.batch):
            example = self._examples[place]
            top, left = (
                SIDE_UNIT * int(generator.integers((length - side) // SIDE_UNIT + 1))
                for length in example.size
            )
            pieces.append(example.piece(top, left, side, side))
        return _error_nats(self._model, pieces, self._device).mean()


def psnr_db(postfilter: nn.Module | None, pictures: Sequence[CodedPicture]) -> float:
    """Mean PSNR of pictures after a postfilter, or without one."""
    found = []
    for picture in pictures:
        batch = _Batch.of([picture], _device_of(postfilter))
        with torch.no_grad():
            result = batch.pixels if postfilter is None else batch.corrected(postfilter)
        error = (result.clamp(0, _PEAK) - batch.original).square().mean()
        found.append(float(10 * torch.log10(_PEAK**2 / error)))
    return float(np.mean(found))


def _error_nats(
    postfilter: nn.Module, pictures: Sequence[CodedPicture], device: torch.device
) -> Tensor:
    """What errors of pictures cost in the ELBO, in nats a pixel, weighed by their noise: (B,)."""
    batch = _Batch.of(pictures, device)
    gains = torch.exp2(-batch.steps[:, :1] / STEPS_PER_OCTAVE)
    gains = gains.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    height, width = batch.original.shape[2:]
    errors = (batch.corrected(postfilter) - batch.original) * gains[..., :height, :width]
    squares = errors.square().sum(1).mean((1, 2))
    nats = squares / (2 * torch.exp2(2 * batch.log_noise)).float()
    return nats * importance(ImageTrainConfig.rate_slope, batch.log_noise)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Pictures of one size, as floats, see `CodedPicture`; each with its own first dimension."""

    original: Tensor
    pixels: Tensor
    context: Tensor
    steps: Tensor
    log_noise: Tensor

    @classmethod
    def of(cls, pictures: Sequence[CodedPicture], device: torch.device) -> _Batch:
        """Pictures on a device."""
        original, pixels, context, steps = (
            torch.from_numpy(np.stack([getattr(one, name) for one in pictures])).to(device).float()
            for name in ("original", "pixels", "context", "steps")
        )
        log_noise = torch.tensor([one.log_noise for one in pictures], dtype=torch.float64)
        return cls(original, pixels, context, steps, log_noise.to(device))

    def corrected(self, postfilter: nn.Module) -> Tensor:
        """The pictures after a postfilter."""
        with half_precision(self.pixels.device):
            result: Tensor = postfilter(self.pixels, self.context, self.log_noise, self.steps)
        return result.float()


def _device_of(postfilter: nn.Module | None) -> torch.device:
    return torch.device("cpu") if postfilter is None else next(postfilter.parameters()).device
