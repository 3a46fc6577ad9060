"""Prior learning for the multires field of audio: maximum likelihood by stochastic gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from combiner_core.devices import half_precision
from combiner_core.distributed import ALONE, Processes
from combiner_core.multires.audio.mdct import analyse
from combiner_core.multires.audio.prior import AudioPrior, AudioPriorConfig, to_levels
from combiner_core.multires.audio.shaping import weigh
from combiner_core.multires.coding_order import GroupPrior, follow
from combiner_core.multires.preset import networks_from
from combiner_core.multires.train.learner import (
    Checkpoint,
    History,
    Learner,
    Schedule,
    TrainProgress,
    resumed,
)
from combiner_core.multires.train.likelihood import Likelihood
from combiner_core.multires.train.sounds import Source
from combiner_core.presets import parsed

# log2 of a weight's variance before training, in the samples' units
_USUAL_LOG_VARIANCE = -14.0
# variances span many powers of two: the layers that give them take longer steps
_HEAD_SPEED = 6.0
_WARM_UP_STEPS = 100
_MAX_NORM = 2.0
_BETAS = (0.9, 0.99)
_FORGETTING = 0.001


@dataclass(frozen=True)
class AudioTrainConfig:
    """Settings of prior learning.

    Attributes:
        prior: the networks.
        steps: gradient steps.
        batch: pieces of sound in each.
        frames: of a piece.
        learning_rate: of Adam after warming up, until it falls.
        fall: steps at the end in which it falls to nothing; half of all by default.
        log_noise: least and greatest log2 of the noise scale.
        rate_slope: the loss at noise scale s is weighed by s to this power, about the inverse of
            the rate, so that the same relative gain counts the same everywhere.
        shaped: share of the pieces whose noise is shaped, see `audio.shaping`.
        shaping: least and greatest gamma of these.
        seed: of everything random.
    """

    prior: AudioPriorConfig = field(default_factory=AudioPriorConfig)
    steps: int = 5000
    batch: int = 6
    frames: int = 64
    learning_rate: float = 4e-3
    fall: int | None = None
    log_noise: tuple[float, float] = (-10.5, -5.0)
    rate_slope: float = 0.8
    shaped: float = 0.0
    shaping: tuple[float, float] = (0.4, 0.8)
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.frames) < 1 or (self.fall or 0) < 0:
            raise ValueError("steps, batch and frames must be positive")


class AudioTrainer:
    """Stochastic gradient steps, resumable.

    Args:
        config: settings.
        source: of the pieces of sound.
        checkpoint: file to resume from if it exists and to save to. Its numbers of steps, in all
            and of the fall, may be other ones.
        warm_start: checkpoint of another training, or a preset, used when not resuming; bands
            whose networks are of the same size, or larger, start from it.
        device: where to compute.
        processes: that learn together; each has its part of every batch.

    Raises:
        ValueError: the checkpoint is damaged or belongs to other settings.
    """

    def __init__(
        self,
        config: AudioTrainConfig,
        source: Source,
        checkpoint: Path | None = None,
        warm_start: Path | None = None,
        device: torch.device | str = "cpu",
        processes: Processes = ALONE,
    ) -> None:
        self._processes = processes
        processes.part_of_batch(config.batch)
        self._config, self._source, self._checkpoint = config, source, checkpoint
        self._device = torch.device(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = AudioPrior(config.prior)
        for level in model.bands:
            nn.init.constant_(level.log_variance, _USUAL_LOG_VARIANCE)  # type: ignore[arg-type]
        saved = resumed(checkpoint, asdict(config))
        if saved is None and warm_start is not None:
            _take_over(model, _learned_before(warm_start))
        self._model = model.to(  # type: ignore[call-overload]
            self._device, memory_format=torch.channels_last
        )
        self._learner = self._new_learner(History() if saved is None else saved.history)
        if saved is not None:
            self._learner.restore(saved, saved.history.done)

    @property
    def prior(self) -> AudioPrior:
        """A running mean of the networks."""
        average = self._learner.average
        assert isinstance(average, AudioPrior)
        return average

    def run(self, save_every: int = 100) -> Iterator[TrainProgress]:
        """Train; yields after every step, with the loss of a weight."""
        steps, settings = self._config.steps, asdict(self._config)
        return self._learner.run(self._loss, steps, self._checkpoint, settings, save_every)

    def _loss(self, step: int) -> Tensor:
        config = self._config
        # the first process, or one alone, draws as if the last number were not there
        generator = np.random.default_rng((config.seed, step, self._processes.rank))
        batch, hop = self._processes.part_of_batch(config.batch), config.prior.hop
        # a piece is cut out of the middle of sound, hence a frame more at both ends
        length = (config.frames + 1) * hop
        pieces = [self._source.draw(length, generator) for _ in range(batch)]
        log_noise = torch.from_numpy(generator.uniform(*config.log_noise, batch))
        sampler = torch.Generator(self._device).manual_seed(int(generator.integers(1 << 62)))
        log_noise = log_noise.to(self._device)
        noise = torch.exp2(log_noise)
        is_shaped = generator.random(batch) < config.shaped
        exponents = torch.from_numpy(is_shaped * generator.uniform(*config.shaping, batch))
        exponents = exponents.float().to(self._device)
        weights = analyse(torch.from_numpy(np.stack(pieces)).to(self._device), hop)[:, 1:-1]
        scaled = weights / noise.float()[:, None, None]

        def shaping(prior: GroupPrior) -> Tensor:
            return weigh(prior.mean, prior.log_variance, noise.float(), exponents)

        with half_precision(self._device):
            levels = to_levels(config.prior, scaled)
            likelihood = Likelihood(levels, sampler, shaping=shaping if is_shaped.any() else None)
            order = self._model.coding_order(scaled.shape[1], noise, log_noise, exact=False)
            follow(order, likelihood.answer)
        middle = sum(config.log_noise) / 2
        importance = torch.exp2(config.rate_slope * (log_noise - middle)).float()
        return (importance * likelihood.nats).mean() / (config.frames * hop)

    def _new_learner(self, history: History) -> Learner:
        config = self._config
        fall = config.steps // 2 if config.fall is None else config.fall
        heads: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in self._model.named_parameters():
            is_head = ".head." in name or name.endswith(".log_variance")
            (heads if is_head else rest).append(parameter)
        return Learner(
            self._model,
            [
                (speed, torch.optim.Adam(part, betas=_BETAS))
                for speed, part in ((1.0, rest), (_HEAD_SPEED, heads))
            ],
            Schedule(config.steps, config.learning_rate, _WARM_UP_STEPS, fall),
            history,
            _MAX_NORM,
            _FORGETTING,
            processes=self._processes,
        )


def _learned_before(path: Path) -> Mapping[str, Tensor]:
    """Parameters of a prior from a preset or a checkpoint.

    Raises:
        ValueError: the file is neither.
    """
    try:
        model = networks_from("audio", *parsed(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, SafetensorError):
        return Checkpoint.read(path).average
    return model.prior.state_dict()


@torch.no_grad()
def _take_over(model: AudioPrior, tensors: Mapping[str, Tensor]) -> None:
    """Start bands that are as wide as those learned before, or wider, from these."""
    for number, level in enumerate(model.bands):
        own = {f"bands.{number}.{name}": value for name, value in level.named_parameters()}
        if all(name in tensors and _reaches(value, tensors[name]) for name, value in own.items()):
            for name, value in own.items():
                _grow(value, tensors[name])


def _reaches(value: Tensor, learned: Tensor) -> bool:
    sizes = zip(value.shape, learned.shape, strict=False)
    return value.ndim == learned.ndim and all(own >= before for own, before in sizes)


def _grow(value: Tensor, learned: Tensor) -> None:
    """Copy what was learned; what it led to does not depend on further channels at first."""
    first = learned.shape[0]
    value[:first] = 0
    value[tuple(slice(size) for size in learned.shape)] = learned
