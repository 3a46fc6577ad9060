"""Learning the networks of the image model, in two phases of stochastic gradients.

In the phase "likelihood" the weights of pictures are taken as they are: the prior learns to
foretell them, the postfilter to mend what comes of their posteriors. In the phase "elbo" both
descend the negative beta-ELBO together: gradients go through the samples of the posteriors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from combiner_core.devices import half_precision
from combiner_core.multires.coding_order import follow
from combiner_core.multires.context_model import LevelModel
from combiner_core.multires.image.colours import to_pixels
from combiner_core.multires.image.elbo import image_elbo
from combiner_core.multires.image.pyramid import decompose
from combiner_core.multires.model import ImageModel, ImageModelConfig
from combiner_core.multires.train.crops import Crops, Pixels
from combiner_core.multires.train.learner import (
    Checkpoint,
    History,
    Learner,
    Schedule,
    same_settings,
)
from combiner_core.multires.train.likelihood import Likelihood

PhaseName = Literal["likelihood", "elbo"]

_FORGETTING = 0.0005
# variances are first set from batches; most weights are smaller than their mean square says
_MEASURED_BATCHES = 40
_MEASURED_EXCESS = 1.0
# pieces seen for their coarse levels alone, and the finest of these levels
_OVERVIEW_BATCH, _OVERVIEW_FINEST = 4, 4


@dataclass(frozen=True)
class PhaseConfig:
    """Settings of one phase.

    Attributes:
        steps: gradient steps; 0 leaves the phase out.
        learning_rate: of Adam after warming up; it falls along half a cosine.
        warm_up: steps of warming up.
        final_share: of the learning rate that is left at the end.
        batch: pieces of pictures in each step.
        crop: side of a piece in pixels, even.
        max_norm: to which gradients are clipped.
    """

    steps: int
    learning_rate: float
    warm_up: int
    final_share: float
    batch: int
    crop: int
    max_norm: float

    def __post_init__(self) -> None:
        if self.steps < 0 or min(self.warm_up, self.batch, self.crop) < 1:
            raise ValueError("steps, warm-up, batch and crop must be positive")
        if self.crop % 2:
            raise ValueError(f"a crop of {self.crop} pixels is not even")


@dataclass(frozen=True)
class ImageTrainConfig:
    """Settings of learning.

    Attributes:
        model: the networks.
        likelihood: the first phase.
        elbo: the second phase.
        overview: side in pixels of larger pieces whose coarse levels alone the second phase also
            looks at, by their likelihood; 0 for none, and less where pictures are smaller.
        window: side in places of the part of the finest level that the first phase looks at, even.
        log_noise: least and greatest log2 of the noise scale.
        rate_slope: the loss at noise scale s is weighed by s to this power, about the inverse of
            the rate, so that the same relative gain counts the same everywhere.
        seed: of everything random.
    """

    model: ImageModelConfig = field(default_factory=ImageModelConfig)
    likelihood: PhaseConfig = field(
        default_factory=lambda: PhaseConfig(3000, 2e-3, 200, 0.2, 4, 256, 2.0)
    )
    elbo: PhaseConfig = field(
        default_factory=lambda: PhaseConfig(6000, 1.2e-3, 50, 0.01, 3, 192, 1.0)
    )
    overview: int = 512
    window: int = 64
    log_noise: tuple[float, float] = (2.0, 6.7)
    rate_slope: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if self.overview % 2 or self.overview < 0:
            raise ValueError(f"an overview of {self.overview} pixels is odd or negative")
        if self.window < 2 or self.window % 2:
            raise ValueError(f"a window of {self.window} places is not even and positive")
        if not self.steps:
            raise ValueError("there are no steps in either phase")

    @property
    def steps(self) -> int:
        """Steps of both phases."""
        return self.likelihood.steps + self.elbo.steps


@dataclass(frozen=True)
class ImageTrainProgress:
    """State after a step.

    Attributes:
        phase: the step belongs to.
        step: steps done, of `steps` in both phases.
        loss_nats: of a pixel, weighed, a running mean.
        elapsed_s: over all processes.
    """

    phase: PhaseName
    step: int
    steps: int
    loss_nats: float
    elapsed_s: float


class ImageTrainer:
    """Both phases, resumable.

    Args:
        config: settings.
        pictures: uint8 (H, W, 3) each, see `Crops`.
        checkpoint: file to resume from if it exists and to save to.
        warm_start: checkpoint of another training of the same model to begin with, used when not
            resuming.
        device: where to compute.

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
    ) -> None:
        self._config, self._checkpoint = config, checkpoint
        self._device = torch.device(device)
        sides = {phase.crop for phase in (config.likelihood, config.elbo) if phase.steps}
        largest = max((min(pixels.shape[:2]) for pixels in pictures), default=0)
        self._overview = min(config.overview, largest // 2 * 2)
        if config.elbo.steps and self._overview:
            sides.add(self._overview)
        self._crops = {side: Crops(pictures, side) for side in sides}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = ImageModel(config.model)
        self._model = model.to(  # type: ignore[call-overload]
            self._device, memory_format=torch.channels_last
        )
        if checkpoint is not None and checkpoint.exists():
            saved = Checkpoint.read(checkpoint)
            if not same_settings(saved, asdict(config)):
                raise ValueError(f"the checkpoint {checkpoint.name} belongs to other settings")
            done = saved.history.done
            phase = self._phase(done)
            self._learner = self._new_learner(saved.history, phase)
            earlier = 0 if phase == "likelihood" else config.likelihood.steps
            self._learner.restore(saved, done - earlier)
            return
        if warm_start is None:
            self._measure()
        else:
            self._take_over(warm_start)
        self._learner = self._new_learner(History(), "likelihood")

    @property
    def model(self) -> ImageModel:
        """A running mean of the networks."""
        average = self._learner.average
        assert isinstance(average, ImageModel)
        return average

    def run(self, save_every: int = 500) -> Iterator[ImageTrainProgress]:
        """Train; yields after every step."""
        steps, history = self._config.steps, self._learner.history
        while history.done < steps:
            if history.done == self._config.likelihood.steps:
                self._model.load_state_dict(self._learner.average.state_dict())
                self._learner = self._new_learner(history, "elbo")
            phase = self._phase(history.done + 1)
            self._learner.learn(self._loss(phase, history.done))
            last = history.done in (self._config.likelihood.steps, steps)
            if self._checkpoint is not None and (last or history.done % save_every == 0):
                self._learner.save(self._checkpoint, asdict(self._config))
            yield ImageTrainProgress(
                phase, history.done, steps, history.loss_nats, history.elapsed_s
            )

    def _phase(self, done: int) -> PhaseName:
        """The phase to which the last of so many steps belongs."""
        return "likelihood" if done <= self._config.likelihood.steps else "elbo"

    def _new_learner(self, history: History, phase: PhaseName) -> Learner:
        settings = self._settings(phase)
        schedule = Schedule(
            max(1, settings.steps), settings.learning_rate, settings.warm_up, settings.final_share
        )
        return Learner(
            self._model,
            [(1.0, list(self._model.parameters()))],
            schedule,
            history,
            settings.max_norm,
            _FORGETTING,
        )

    def _settings(self, phase: PhaseName) -> PhaseConfig:
        return self._config.likelihood if phase == "likelihood" else self._config.elbo

    def _loss(self, phase: PhaseName, step: int) -> Tensor:
        config, settings = self._config, self._settings(phase)
        generator = np.random.default_rng((config.seed, step))
        pixels = self._draw(settings.crop, settings.batch, generator)
        log_noise = self._draw_log_noise(settings.batch, generator)
        places = settings.crop // 2
        window = min(config.window, places)
        starts = 2 * generator.integers((places - window) // 2 + 1, size=2)
        rows, columns = (slice(int(start), int(start) + window) for start in starts)
        sampler = torch.Generator(self._device).manual_seed(int(generator.integers(1 << 62)))
        with half_precision(self._device):
            if phase == "likelihood":
                nats = likelihood_nats(self._model, pixels, log_noise, (rows, columns), sampler)
            else:
                nats = elbo_nats(self._model, pixels, log_noise, sampler)
        loss = self._weighed(nats, log_noise)
        if phase == "elbo" and self._overview:
            pixels = self._draw(self._overview, _OVERVIEW_BATCH, generator)
            log_noise = self._draw_log_noise(_OVERVIEW_BATCH, generator)
            with half_precision(self._device):
                nats = coarse_nats(self._model, pixels, log_noise, _OVERVIEW_FINEST, sampler)
            loss = loss + self._weighed(nats, log_noise)
        return loss

    def _weighed(self, nats: Tensor, log_noise: Tensor) -> Tensor:
        middle = sum(self._config.log_noise) / 2
        importance = torch.exp2(self._config.rate_slope * (log_noise - middle)).float()
        return (importance * nats).mean()

    def _draw_log_noise(self, count: int, generator: np.random.Generator) -> Tensor:
        return torch.from_numpy(generator.uniform(*self._config.log_noise, count)).to(self._device)

    def _draw(self, side: int, count: int, generator: np.random.Generator) -> Tensor:
        crops = self._crops[side]
        pieces = np.stack([crops.draw(generator) for _ in range(count)])
        pixels = torch.from_numpy(pieces).permute(0, 3, 1, 2)
        return pixels.to(self._device, memory_format=torch.channels_last)

    def _take_over(self, warm_start: Path) -> None:
        try:
            self._model.load_state_dict(Checkpoint.read(warm_start).average)
        except RuntimeError as error:
            raise ValueError(f"the checkpoint {warm_start.name} is of another model") from error

    @torch.no_grad()
    def _measure(self) -> None:
        """Set the prior's constants from pictures."""
        settings = self._settings("likelihood" if self._config.likelihood.steps else "elbo")
        generator = np.random.default_rng(self._config.seed)
        prior = self._model.prior
        count = prior.config.levels
        moments = dict.fromkeys(range(1, count + 2), torch.zeros((), device=self._device))
        for _ in range(_MEASURED_BATCHES):
            levels = decompose(self._draw(settings.crop, settings.batch, generator), count)
            for level, weights in levels.items():
                parts = torch.stack([weights, weights.square()]).mean((1, 3, 4))
                moments[level] = moments[level] + parts / _MEASURED_BATCHES
        for number, network in enumerate(prior.levels, 1):
            assert isinstance(network, LevelModel)
            network.log_variance.copy_(_log2(moments[number][1]) - _MEASURED_EXCESS)
        mean, square = moments[count + 1]
        prior.low_mean.copy_(mean)
        prior.low_log_variance.copy_(_log2(square - mean.square()))


def likelihood_nats(
    model: ImageModel,
    pixels: Tensor,
    log_noise: Tensor,
    window: tuple[slice, slice],
    sampler: torch.Generator,
) -> Tensor:
    """Negative ELBO of weights that reproduce pictures, in nats a pixel, but for a constant: (B,).

    Args:
        model: in training.
        pixels: (B, 3, H, W) from 0 to 255, both sides even.
        log_noise: log2 of the noise scales (B,), float64.
        window: rows and columns of the finest level that stand for all of it; only there pictures
            are synthesised and corrected.
        sampler: draws weights from their posteriors, through which no gradient goes.
    """
    noise = torch.exp2(log_noise)
    targets = _weights(model, pixels, noise)
    whole, targets[1] = targets[1], targets[1][..., *window]
    share = whole[0, 0].numel() / targets[1][0, 0].numel()
    likelihood = Likelihood(targets, sampler, {1: share})
    size = (pixels.shape[2], pixels.shape[3])
    order = model.prior.coding_order(size, noise, log_noise, exact=False, window=window)
    values, hidden = follow(order, likelihood.answer)
    decoded: Tensor = model.postfilter(to_pixels(values * _spread(noise)), hidden, log_noise)
    rows, columns = (slice(2 * part.start, 2 * part.stop) for part in window)
    original = pixels[..., rows, columns]
    error = (decoded - original).square().sum(1).mean((1, 2))
    nats = likelihood.nats / (size[0] * size[1])
    return nats + error / (2 * noise.float().square())


def coarse_nats(
    model: ImageModel,
    pixels: Tensor,
    log_noise: Tensor,
    finest: int,
    sampler: torch.Generator,
) -> Tensor:
    """What `likelihood_nats` counts for the levels from `finest` on, without any distortion: (B,).

    Args:
        model, pixels, log_noise, sampler: as there; sides may be odd.
        finest: level to stop after.
    """
    noise = torch.exp2(log_noise)
    size = (pixels.shape[2], pixels.shape[3])
    likelihood = Likelihood(_weights(model, pixels, noise), sampler)
    order = model.prior.coding_order(
        size,
        noise,
        log_noise,
        exact=False,
        synthesise=False,
        finest=min(finest, model.config.prior.levels),
    )
    follow(order, likelihood.answer)
    return likelihood.nats / (size[0] * size[1])


def elbo_nats(
    model: ImageModel, pixels: Tensor, log_noise: Tensor, sampler: torch.Generator
) -> Tensor:
    """Negative beta-ELBO of pictures whose own weights are the targets, in nats a pixel: (B,).

    Args:
        model: in training.
        pixels: (B, 3, H, W) from 0 to 255.
        log_noise: log2 of the noise scales (B,), float64.
        sampler: draws weights from their posteriors.
    """
    noise = torch.exp2(log_noise)
    targets = _weights(model, pixels, noise)
    elbo = image_elbo(model, targets, pixels, noise, log_noise, sampler)
    nats = elbo.rate_nats + elbo.dead_zone_nats + elbo.squared_error / (2 * noise.float().square())
    return nats / (pixels.shape[2] * pixels.shape[3])


def _weights(model: ImageModel, pixels: Tensor, noise: Tensor) -> dict[int, Tensor]:
    """Weights of pictures by level, in units of the noise scale of each."""
    return decompose(pixels / _spread(noise), model.config.prior.levels)


def _spread(noise: Tensor) -> Tensor:
    return noise.float()[:, None, None, None]


def _log2(variance: Tensor) -> Tensor:
    return torch.log2(variance.clamp_min(1e-3))
