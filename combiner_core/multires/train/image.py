"""Learning the networks of the image model: stochastic gradients of the beta-ELBO.

Networks see weights as they are decoded, and pay for them under the heavy-tailed prior. Learning
rates are constant but for warming up and for a fall at the end, so that a training can go on from
any checkpoint (Hu et al. 2024, MiniCPM: warm-up, stable, decay).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from combiner_core.distributed import ALONE, Processes
from combiner_core.multires.image.elbo import Window, coarse_nats, image_elbo
from combiner_core.multires.image.field import folded_weights
from combiner_core.multires.image.level_network import LevelNetwork
from combiner_core.multires.image.noise_map import NoiseMap, NoiseSteps
from combiner_core.multires.model import ImageModel, ImageModelConfig
from combiner_core.multires.train.crops import Crops, Pixels
from combiner_core.multires.train.learner import (
    Checkpoint,
    History,
    Learner,
    Schedule,
    TrainProgress,
    resumed,
)
from combiner_core.multires.train.muon import Muon
from combiner_core.multires.train.noise_maps import random_noise_map
from combiner_core.scale_mixture import ScaleMixture

_FORGETTING = 0.0005
_MAX_NORM = 1.0
_BETAS = (0.9, 0.99)
# variances are first set from batches; most weights are smaller than their mean square says
_MEASURED_BATCHES = 12
_MEASURED_EXCESS = 1.0
# pieces seen for their coarse levels alone, the finest of these levels, and how often
_OVERVIEW_BATCH, _OVERVIEW_FINEST, _OVERVIEW_EVERY = 4, 4, 4
# pixels at the window's edges, of which a decoder would see more
_MARGIN = 16
_MIDDLE_LOG_NOISE = 4.35
# matrices of fewer rows are learned as other parameters are
_LEAST_ROWS = 24


@dataclass(frozen=True)
class ImageTrainConfig:
    """Settings of learning.

    Attributes:
        model: the networks.
        steps: gradient steps.
        learning_rate: of Adam, for what is no matrix.
        matrix_rate: of Muon, for matrices, relative to that.
        warm_up, fall: steps at the beginning and at the end in which learning rates rise and fall.
        batch: pieces of pictures in each step.
        crop: side of a piece in pixels, a multiple of 32.
        window: side in pixels of the part in which the finest level and the pixels are looked at,
            likewise.
        overview: side in pixels of larger pieces whose coarse levels alone are looked at; 0 for
            none, and less where pictures are smaller.
        log_noise: least and greatest log2 of the noise scale.
        fine_log_noise: least log2 of the noise scale of a share of the pieces.
        fine_share: that share.
        rate_slope: the loss at noise scale s is weighed by s to this power, about the inverse of
            the rate, so that the same relative gain counts the same everywhere.
        seed: of everything random.
    """

    model: ImageModelConfig = field(default_factory=ImageModelConfig)
    steps: int = 20_000
    learning_rate: float = 6e-4
    matrix_rate: float = 2.0
    warm_up: int = 200
    fall: int = 5000
    batch: int = 4
    crop: int = 384
    window: int = 192
    overview: int = 512
    log_noise: tuple[float, float] = (2.0, 6.7)
    fine_log_noise: float = -1.0
    fine_share: float = 0.12
    rate_slope: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.warm_up, self.batch) < 1 or self.fall < 0:
            raise ValueError("steps, warm-up and batch must be positive")
        if self.overview % 2 or self.overview < 0:
            raise ValueError(f"an overview of {self.overview} pixels is odd or negative")
        if not 2 * _MARGIN < self.window <= self.crop or self.window % 32 or self.crop % 32:
            raise ValueError(f"a window of {self.window} pixels does not fit in {self.crop}")


class ImageTrainer:
    """The training, resumable.

    Args:
        config: settings.
        pictures: uint8 (H, W, 3) each, see `Crops`.
        checkpoint: file to resume from if it exists and to save to.
            Its numbers of steps, in all and of the fall, may be other ones.
        warm_start: checkpoint of another training of the same model to begin with, used when not
            resuming.
        device: where to compute.
        processes: that learn together; each has its part of every batch.

    Raises:
        ValueError: no picture can be used, or a checkpoint is damaged or belongs to other settings.
    """

    def __init__(
        self,
        config: ImageTrainConfig,
        pictures: list[Pixels],
        checkpoint: Path | None = None,
        warm_start: Path | None = None,
        device: torch.device | str = "cpu",
        processes: Processes = ALONE,
    ) -> None:
        self._processes = processes
        self._config, self._checkpoint = config, checkpoint
        processes.part_of_batch(config.batch)
        self._device = torch.device(device)
        largest = max((min(pixels.shape[:2]) for pixels in pictures), default=0)
        self._overview = min(config.overview, largest // 2 * 2)
        sides = {config.crop, self._overview} - {0}
        self._crops = {side: Crops(pictures, side) for side in sides}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._model = ImageModel(config.model).to(self._device)
        saved = resumed(checkpoint, asdict(config))
        if saved is None:
            if warm_start is None:
                self._measure()
            else:
                self._take_over(warm_start)
        self._working = _in_half_precision(self._model)
        self._learner = self._new_learner(History() if saved is None else saved.history)
        if saved is not None:
            self._learner.restore(saved, saved.history.done)

    @property
    def model(self) -> ImageModel:
        """A running mean of the networks."""
        average = self._learner.average
        assert isinstance(average, ImageModel)
        return average

    def fuse(self) -> None:
        """Compile formulas, which takes a compiler of C++; results differ by rounding."""
        for mixture in self._working.prior.mixtures:
            assert isinstance(mixture, ScaleMixture)
            mixture.fuse()

    def run(self, save_every: int = 100) -> Iterator[TrainProgress]:
        """Train; yields after every step, with the loss of a pixel."""
        steps, settings = self._config.steps, asdict(self._config)
        return self._learner.run(self._loss, steps, self._checkpoint, settings, save_every)

    def _new_learner(self, history: History) -> Learner:
        config = self._config
        matrices = _matrices(self._model)
        chosen = {id(part) for part in matrices}
        others = [part for part in self._model.parameters() if id(part) not in chosen]
        optimisers: list[tuple[float, torch.optim.Optimizer]] = [
            (1.0, torch.optim.Adam(others, betas=_BETAS)),
            (config.matrix_rate, Muon(matrices, config.learning_rate)),
        ]
        schedule = Schedule(config.steps, config.learning_rate, config.warm_up, config.fall)
        return Learner(
            self._model,
            optimisers,
            schedule,
            history,
            _MAX_NORM,
            _FORGETTING,
            working=self._working,
            processes=self._processes,
        )

    def _loss(self, step: int) -> Tensor:
        config = self._config
        # the first process, or one alone, draws as if the last number were not there
        generator = np.random.default_rng((config.seed, step, self._processes.rank))
        batch = self._processes.part_of_batch(config.batch)
        pixels = self._draw(config.crop, batch, generator)
        log_noise = self._draw_log_noise(batch, generator)
        maps = [random_noise_map(part.cpu(), generator) for part in pixels]
        row, column = (
            32 * int(start)
            for start in generator.integers((config.crop - config.window) // 32 + 1, size=2)
        )
        window = Window(row, column, config.window)
        nats = elbo_nats(self._working, pixels, log_noise, maps, window)
        loss = self._weighed(nats, log_noise)
        if self._overview and step % _OVERVIEW_EVERY == 0:
            count = -(-_OVERVIEW_BATCH // self._processes.count)
            pixels = self._draw(self._overview, count, generator)
            log_noise = self._draw_log_noise(count, generator)
            maps = [random_noise_map(part.cpu(), generator) for part in pixels]
            levels = self._working.config.prior.levels
            size = (self._overview, self._overview)
            steps = NoiseSteps.of(maps, size, levels, self._device)
            targets = _targets(self._working, pixels, log_noise)
            finest = min(_OVERVIEW_FINEST, levels)
            coarse = coarse_nats(self._working, targets, size, log_noise, steps, finest)
            # half as often as it would count, it counts twice
            loss = loss + 2 * self._weighed(coarse / (size[0] * size[1]), log_noise)
        return loss

    def _weighed(self, nats: Tensor, log_noise: Tensor) -> Tensor:
        return (importance(self._config.rate_slope, log_noise) * nats).mean()

    def _draw_log_noise(self, count: int, generator: np.random.Generator) -> Tensor:
        config = self._config
        drawn = generator.uniform(*config.log_noise, count)
        is_fine = generator.random(count) < config.fine_share
        fine = generator.uniform(config.fine_log_noise, config.log_noise[0], count)
        return torch.from_numpy(np.where(is_fine, fine, drawn)).to(self._device)

    def _draw(self, side: int, count: int, generator: np.random.Generator) -> Tensor:
        crops = self._crops[side]
        pieces = np.stack([crops.draw(generator) for _ in range(count)])
        return torch.from_numpy(pieces).permute(0, 3, 1, 2).contiguous().to(self._device)

    def _take_over(self, warm_start: Path) -> None:
        try:
            self._model.load_state_dict(Checkpoint.read(warm_start).average)
        except RuntimeError as error:
            raise ValueError(f"the checkpoint {warm_start.name} is of another model") from error

    @torch.no_grad()
    def _measure(self) -> None:
        """Set the prior's constants from pictures."""
        generator = np.random.default_rng(self._config.seed)
        prior = self._model.prior
        count = prior.config.levels
        moments: dict[int, Tensor] = {}
        side = max(self._crops)
        nothing = torch.zeros(self._config.batch, dtype=torch.float64)
        for _ in range(_MEASURED_BATCHES):
            pixels = self._draw(side, self._config.batch, generator)
            for level, weights in _targets(self._model, pixels, nothing).items():
                parts = torch.stack([weights.mean((0, 2, 3)), weights.square().mean((0, 2, 3))])
                moments[level] = moments.get(level, 0) + parts / _MEASURED_BATCHES
        for number, network in enumerate(prior.levels, 1):
            assert isinstance(network, LevelNetwork)
            network.log_variance.copy_(_log2(moments[number][1]) - _MEASURED_EXCESS)
        mean, square = moments[count + 1]
        prior.low_mean.copy_(mean)
        prior.low_log_variance.copy_(_log2(square - mean.square()))


def importance(rate_slope: float, log_noise: Tensor) -> Tensor:
    """By what losses at noise scales are weighed, see `ImageTrainConfig`: float32 (B,)."""
    return torch.exp2(rate_slope * (log_noise - _MIDDLE_LOG_NOISE)).float()


def elbo_nats(
    model: ImageModel,
    pixels: Tensor,
    log_noise: Tensor,
    maps: list[NoiseMap],
    window: Window,
) -> Tensor:
    """Negative beta-ELBO of pictures whose own weights are the targets, in nats a pixel: (B,).

    What is left out is the same for all models.

    Args:
        model: in training.
        pixels: (B, 3, H, W) from 0 to 255, both sides multiples of 32.
        log_noise: log2 of the noise scales (B,), float64.
        maps: of the noise scale of each picture.
        window: where the finest level and the pixels are looked at.
    """
    size = (pixels.shape[2], pixels.shape[3])
    steps = NoiseSteps.of(maps, size, model.config.prior.levels, pixels.device)
    targets = _targets(model, pixels, log_noise)
    elbo = image_elbo(model, targets, size, log_noise, steps, window=window)
    inner = (..., slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
    errors = elbo.decoded[inner] - pixels[..., *window.places][inner]
    gains = steps.pixel_gains(size)[..., *window.places][inner]
    squares = (gains * errors).square().sum((1, 2, 3))
    error_nats = squares / (2 * torch.exp2(2 * log_noise)).float()
    inside = (window.side - 2 * _MARGIN) ** 2
    excess = error_nats / inside - elbo.weight_error_nats / window.side**2
    return elbo.weight_nats / (size[0] * size[1]) + excess


def _targets(model: ImageModel, pixels: Tensor, log_noise: Tensor) -> dict[int, Tensor]:
    """Weights of pictures by level, in units of the noise scale of each."""
    noise = torch.exp2(log_noise).float()[:, None, None, None]
    return folded_weights(pixels / noise, model.config.prior.levels)


def _in_half_precision(model: ImageModel) -> ImageModel:
    """A copy whose convolutions are bfloat16, but for those that give means and variances."""
    working = copy.deepcopy(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert isinstance(working, ImageModel)
    heads = _heads(working)
    for part in working.modules():
        if isinstance(part, nn.Conv2d) and part not in heads:
            part.bfloat16()
    return working.train()


def _heads(model: ImageModel) -> set[nn.Module]:
    return {head for level in model.prior.networks() for head in level.head}


def _matrices(model: ImageModel) -> list[nn.Parameter]:
    """Weights for Muon: of convolutions between many channels."""
    heads = _heads(model)
    matrices = []
    for part in model.modules():
        if isinstance(part, nn.Conv2d) and part not in heads and part.kernel_size[0] == 3:
            weight = part.weight
            if isinstance(weight, nn.Parameter) and len(weight) >= _LEAST_ROWS:
                matrices.append(weight)
    return matrices


def _log2(variance: Tensor) -> Tensor:
    return torch.log2(variance.clamp_min(1e-3))
