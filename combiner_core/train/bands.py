"""Prior learning for the multires field of audio: maximum likelihood by stochastic gradients."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from combiner_core.fields.mdct import analyse
from combiner_core.priors.bands import BandConfig, BandPrior
from combiner_core.train.clips import Source
from combiner_core.train.likelihood import Likelihood

_LOSS_SMOOTHING = 0.02
# log2 of a weight's variance before training, in the samples' units
_USUAL_LOG_VARIANCE = -14.0
# variances span many powers of two: the layers that give them take longer steps
_HEAD_SPEED = 6.0
_MODEL, _AVERAGE, _FIRST, _SECOND = "model.", "average.", "first.", "second."


@dataclass(frozen=True)
class BandTrainConfig:
    """Settings of prior learning.

    Attributes:
        prior: the networks.
        steps: gradient steps.
        batch: pieces of sound in each.
        frames: of a piece.
        learning_rate: of Adam after warming up; it falls along a cosine to a twentieth.
        log_noise: least and greatest log2 of the noise scale.
        rate_slope: the loss at noise scale s is weighed by s to this power, about the inverse of
            the rate, so that the same relative gain counts the same everywhere.
        seed: of everything random.
    """

    prior: BandConfig = field(default_factory=BandConfig)
    steps: int = 5000
    batch: int = 6
    frames: int = 64
    learning_rate: float = 4e-3
    log_noise: tuple[float, float] = (-10.5, -5.0)
    rate_slope: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.frames) < 1:
            raise ValueError("steps, batch and frames must be positive")


@dataclass(frozen=True)
class BandProgress:
    """State after a step.

    Attributes:
        step: steps done, of `steps`.
        loss_nats: of a weight, weighed, a running mean.
        elapsed_s: in this process.
    """

    step: int
    steps: int
    loss_nats: float
    elapsed_s: float


class BandTrainer:
    """Stochastic gradient steps, resumable.

    Args:
        config: settings.
        source: of the pieces of sound.
        checkpoint: file to resume from if it exists and to save to.
        warm_start: checkpoint of another training, used when not resuming; bands whose networks
            are of the same size start from it.

    Raises:
        ValueError: the checkpoint is damaged or belongs to other settings.
    """

    def __init__(
        self,
        config: BandTrainConfig,
        source: Source,
        checkpoint: Path | None = None,
        warm_start: Path | None = None,
    ) -> None:
        self._config, self._source, self._checkpoint = config, source, checkpoint
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            model = BandPrior(config.prior)
        for level in model.bands:
            nn.init.constant_(level.log_variance, _USUAL_LOG_VARIANCE)  # type: ignore[arg-type]
        resumed = checkpoint is not None and checkpoint.exists()
        if warm_start is not None and not resumed:
            _take_over(model, _part(_AVERAGE, _load(warm_start)[0]))
        self._model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = copy.deepcopy(model)
        heads: list[Tensor] = []
        rest: list[Tensor] = []
        for name, parameter in model.named_parameters():
            is_head = ".head." in name or name.endswith(".log_variance")
            (heads if is_head else rest).append(parameter)
        self._optimiser = torch.optim.Adam(
            [{"params": rest, "speed": 1.0}, {"params": heads, "speed": _HEAD_SPEED}],
            betas=(0.9, 0.99),
        )
        self._done, self._loss = 0, 0.0
        if checkpoint is not None and resumed:
            self._resume(checkpoint)

    @property
    def prior(self) -> BandPrior:
        """A running mean of the networks."""
        return self._average

    def run(self, save_every: int = 500) -> Iterator[BandProgress]:
        """Train; yields after every step."""
        config = self._config
        started = time.monotonic()
        while self._done < config.steps:
            for group in self._optimiser.param_groups:
                group["lr"] = self._learning_rate() * group["speed"]
            loss = self._step(np.random.default_rng((config.seed, self._done)))
            self._done += 1
            share = max(_LOSS_SMOOTHING, 1 / self._done)
            self._loss += share * (loss - self._loss)
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self._average.parameters()),
                    list(self._model.parameters()),
                    max(0.001, 19 / (self._done + 19)),
                )
            last = self._done == config.steps
            if self._checkpoint is not None and (last or self._done % save_every == 0):
                self._save(self._checkpoint)
            yield BandProgress(self._done, config.steps, self._loss, time.monotonic() - started)

    def _step(self, generator: np.random.Generator) -> float:
        config = self._config
        hop = config.prior.hop
        # a piece is cut out of the middle of sound, hence a frame more at both ends
        length = (config.frames + 1) * hop
        pieces = [self._source.draw(length, generator) for _ in range(config.batch)]
        weights = analyse(torch.from_numpy(np.stack(pieces)), hop)[:, 1:-1]
        log_noise = torch.from_numpy(generator.uniform(*config.log_noise, config.batch))
        chance = torch.Generator().manual_seed(int(generator.integers(1 << 62)))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = Likelihood(self._model, weights, log_noise, chance)
            losses.walk()
        middle = sum(config.log_noise) / 2
        importance = torch.exp2(config.rate_slope * (log_noise - middle)).float()
        loss = (importance * losses.nats).mean() / (config.frames * hop)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 2.0)
        self._optimiser.step()
        return float(loss.detach())

    def _learning_rate(self) -> float:
        warm_up = min(1.0, (self._done + 1) / 100)
        fall = 0.5 * (1 + math.cos(math.pi * self._done / self._config.steps))
        return self._config.learning_rate * warm_up * (0.05 + 0.95 * fall)

    def _save(self, path: Path) -> None:
        tensors = _named(_MODEL, self._model.state_dict())
        tensors |= _named(_AVERAGE, self._average.state_dict())
        for name, parameter in self._model.named_parameters():
            state = self._optimiser.state[parameter]
            tensors[_FIRST + name], tensors[_SECOND + name] = state["exp_avg"], state["exp_avg_sq"]
        metadata = {
            "config": json.dumps(asdict(self._config), sort_keys=True),
            "done": str(self._done),
            "loss": repr(self._loss),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        safetensors.torch.save_file(tensors, partial, metadata=metadata)
        partial.replace(path)

    def _resume(self, path: Path) -> None:
        tensors, metadata = _load(path)
        if metadata.get("config") != json.dumps(asdict(self._config), sort_keys=True):
            raise ValueError(f"the checkpoint {path.name} belongs to other settings")
        self._done, self._loss = int(metadata["done"]), float(metadata["loss"])
        self._model.load_state_dict(_part(_MODEL, tensors))
        self._average.load_state_dict(_part(_AVERAGE, tensors))
        for name, parameter in self._model.named_parameters():
            moments = [
                torch.empty_like(parameter).copy_(tensors[kind + name])
                for kind in (_FIRST, _SECOND)
            ]
            self._optimiser.state[parameter] = {
                "step": torch.tensor(float(self._done)),
                "exp_avg": moments[0],
                "exp_avg_sq": moments[1],
            }


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path.name} is missing or no checkpoint") from error


@torch.no_grad()
def _take_over(model: BandPrior, tensors: dict[str, Tensor]) -> None:
    for number, level in enumerate(model.bands):
        own = {f"bands.{number}.{name}": value for name, value in level.named_parameters()}
        if all(name in tensors and tensors[name].shape == own[name].shape for name in own):
            for name, value in own.items():
                value.copy_(tensors[name])


def _named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
