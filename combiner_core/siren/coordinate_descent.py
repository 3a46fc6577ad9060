"""Prior learning for the siren field: coordinate descent over many training signals.

Guo et al. 2023, algorithm 1: (1) improve every posterior under the prior as it is, (2) set the
prior to the closed-form minimiser of the mean KL, and again. Every signal is held at the rate
asked for by its own beta, as it will be when a user gives a budget. Lower rates start from the
posteriors and the prior of the next higher one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian, closed_form_prior
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.signals.storage import make_folder, write_atomically
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.posterior import OptimiserConfig, PosteriorFit
from combiner_core.siren.prior import FactorisedPrior

_FIELD_PEAK = 2.0
_CURVE_POINTS = 100


@dataclass(frozen=True)
class CoordinateDescentConfig:
    """Settings of prior learning for one rate.

    Attributes:
        network: shape of the field.
        rate_bits: bits each training signal is held at.
        updates: prior updates.
        steps_per_update: gradient steps between two of them.
        optimiser: minibatch size and learning rate of the posteriors.
        final_learning_rate: share of the learning rate reached, exponentially, at the last step.
        relative_std: first prior std over the std of the initialisation.
        frozen_share: share of the updates, at the end, that leave the prior as it is, so that
            the posteriors settle.
        seed: of everything random.
    """

    network: SirenConfig
    rate_bits: float
    updates: int = 100
    steps_per_update: int = 50
    optimiser: OptimiserConfig = field(default_factory=lambda: OptimiserConfig(batch=256))
    final_learning_rate: float = 0.04
    relative_std: float = 0.3
    frozen_share: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rate_bits <= 0 or min(self.updates, self.steps_per_update) < 1:
            raise ValueError("rate, updates and steps must be positive")


@dataclass(frozen=True)
class CoordinateDescentProgress:
    """State after one outer iteration.

    Attributes:
        update: prior updates done, of `updates`.
        psnr_db: mean over the training signals, from the running expected distortion.
        kl_bits: mean over the training signals.
        beta: mean, distortion per nat.
        elapsed_s: in this process.
    """

    update: int
    updates: int
    psnr_db: float
    kl_bits: float
    beta: float
    elapsed_s: float


@dataclass(frozen=True, eq=False)
class LearnedPrior:
    """The learned prior and the curve of its training."""

    prior: FactorisedPrior
    curve: tuple[CoordinateDescentProgress, ...]


class CoordinateDescent:
    """Coordinate descent, one rate, resumable.

    Args:
        config: settings.
        targets: the training signals, on the device to use.
        checkpoint: file to resume from if it exists and to save to.
        warm_start: checkpoint of a higher rate of the same field, used when not resuming.
    """

    def __init__(
        self,
        config: CoordinateDescentConfig,
        targets: Sequence[FieldData],
        checkpoint: Path | None = None,
        warm_start: Path | None = None,
    ) -> None:
        self._config, self._checkpoint = config, checkpoint
        device = targets[0].values.device
        self._field = Siren(config.network, device)
        count = self._field.weight_count
        start = self._field.initial_prior(
            config.relative_std, torch.Generator().manual_seed(config.seed)
        )
        bits = torch.full((len(targets), count), config.rate_bits / count, device=device)
        self._fit = PosteriorFit(
            self._field,
            DiagonalGaussian(start.mean.to(device), start.std.to(device)),
            targets,
            bits,
            torch.zeros(count, dtype=torch.long, device=device),
            config.optimiser,
            torch.Generator(device).manual_seed(config.seed + 1),
        )
        self._kl_bits = torch.zeros(count, device=device)
        self._curve: list[CoordinateDescentProgress] = []
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        elif warm_start is not None:
            self._restore(_load(warm_start)[0], warm_start)

    @property
    def prior(self) -> FactorisedPrior:
        """As learned so far."""
        return FactorisedPrior.from_training(self._fit.prior, self._kl_bits)

    def run(self, save_every_s: float = 60.0) -> Iterator[CoordinateDescentProgress | LearnedPrior]:
        """Train; yields after every outer iteration, and the result last."""
        config, fit = self._config, self._fit
        started = saved = time.monotonic()
        for update in range(len(self._curve), config.updates):
            for step in range(config.steps_per_update):
                fit.step(self._learning_rate(update * config.steps_per_update + step))
            kl_bits = fit.kl_bits()
            if update < config.updates * (1 - config.frozen_share):
                fit.rebase(closed_form_prior(fit.posterior()))
            # a running mean: the rates are about how bits divide, the last word matters most
            share = max(0.2, 1 / (update + 1))
            self._kl_bits += share * (kl_bits.mean(0) - self._kl_bits)
            progress = CoordinateDescentProgress(
                update + 1,
                config.updates,
                float(sum(psnr_from_mse_db(mse, _FIELD_PEAK) for mse in fit.distortion.tolist()))
                / len(fit.distortion),
                float(kl_bits.sum(1).mean()),
                float(fit.beta.mean()),
                time.monotonic() - started,
            )
            self._curve.append(progress)
            last = update + 1 == config.updates
            if self._checkpoint is not None and (last or time.monotonic() - saved > save_every_s):
                self._save(self._checkpoint)
                saved = time.monotonic()
            yield progress
        stride = max(1, len(self._curve) // _CURVE_POINTS)
        yield LearnedPrior(self.prior, tuple(self._curve[stride - 1 :: stride]))

    def _learning_rate(self, step: int) -> float:
        # a rate that stays high makes posteriors wander, the prior widen after them, and the steps,
        # which are in its units, grow: hence a steady exponential fall
        config = self._config
        done = step / (config.updates * config.steps_per_update)
        warm_up = min(1.0, (step + 1) / 50)
        return float(config.optimiser.learning_rate * warm_up * config.final_learning_rate**done)

    def _save(self, path: Path) -> None:
        tensors = self._fit.state() | {"kl_bits": self._kl_bits}
        curve = json.dumps([asdict(progress) for progress in self._curve])
        config = json.dumps(asdict(self._config), sort_keys=True)
        make_folder(path.parent)
        metadata = {"curve": curve, "config": config}
        write_atomically(path, safetensors.torch.save(tensors, metadata=metadata))

    def _restore(self, tensors: dict[str, Tensor], path: Path) -> None:
        if tensors["mean"].shape != self._fit.mean.shape:
            raise ValueError(f"the checkpoint {path.name} is of other signals or another network")
        self._fit.load_state(tensors)

    def _resume(self, path: Path) -> None:
        tensors, metadata = _load(path)
        if json.loads(metadata["config"]) != asdict(self._config):
            raise ValueError(f"the checkpoint {path.name} belongs to other settings")
        self._kl_bits = tensors.pop("kl_bits")
        self._restore(tensors, path)
        self._curve = [
            CoordinateDescentProgress(**progress) for progress in json.loads(metadata["curve"])
        ]


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names}, file.metadata()
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path.name} is missing or no checkpoint") from error
