"""Prior learning for the siren field: coordinate descent over many training signals.

Guo et al. 2023, algorithm 1: (1) improve every posterior under the prior as it is, (2) set the
prior to the closed-form minimiser of the mean KL, and again. Every signal is held at the rate
asked for by its own beta, as it will be when a user gives a budget. Lower rates start from the
posteriors and the prior of the next higher one. Several processes share the signals between them:
each improves the posteriors of its own, and the sums of step (2) are over all.

Where a field has parts, the scales of each signal's are set before step (2), to those that the
posteriors ask for, in the mean of their logarithms 1: see `hierarchical_prior`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from combiner_core.distributed import ALONE, Processes
from combiner_core.gaussians import DiagonalGaussian, closed_form_prior
from combiner_core.metrics import psnr_from_mse_db
from combiner_core.signals.storage import make_folder, write_atomically
from combiner_core.siren import hierarchical_prior
from combiner_core.siren.coordinates import FIELD_PEAK, FieldData
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.posterior import Draws, OptimiserConfig, PosteriorFit
from combiner_core.siren.prior import FactorisedPrior

_CURVE_POINTS = 100
# of the updates, in which the rate falls from the first
_FALLING_SHARE = 0.3


@dataclass(frozen=True)
class CoordinateDescentConfig:
    """Settings of prior learning for one rate.

    Attributes:
        network: shape of the field.
        rate_bits: bits each training signal is held at; where signals are parts of one, on average.
        updates: prior updates.
        steps_per_update: gradient steps between two of them.
        optimiser: minibatch size and learning rate of the posteriors.
        final_learning_rate_share: of the learning rate, reached, exponentially, at the last step.
        relative_std: first prior std over the std of the initialisation.
        frozen_share: share of the updates, at the end, that leave the prior as it is, so that
            the posteriors settle.
        parts: so many signals that follow each other are parts of one, under one beta.
        first_rate_factor: times `rate_bits`, with which it begins; falls exponentially, in the
            first part of the updates, to 1.
        seed: of everything random.
    """

    network: SirenConfig
    rate_bits: float
    updates: int = 100
    steps_per_update: int = 50
    optimiser: OptimiserConfig = field(default_factory=lambda: OptimiserConfig(batch=512, draws=2))
    final_learning_rate_share: float = 0.04
    relative_std: float = 0.3
    frozen_share: float = 0.03
    parts: int = 1
    first_rate_factor: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rate_bits <= 0 or min(self.updates, self.steps_per_update) < 1:
            raise ValueError("rate, updates and steps must be positive")
        if self.parts < 1 or self.first_rate_factor < 1:
            raise ValueError("parts and the first rate must be 1 or more")

    def rate_bits_at(self, update: int) -> float:
        """The rate during an update, counted from 0."""
        done = update / (_FALLING_SHARE * self.updates)
        return float(self.rate_bits * self.first_rate_factor ** max(0.0, 1 - done))


@dataclass(frozen=True)
class CoordinateDescentProgress:
    """State after one outer iteration.

    Attributes:
        update: prior updates done, of `updates`.
        psnr_db: mean over the training signals, from the running expected distortion.
        kl_bits: mean over the training signals.
        beta: mean, distortion per nat.
        elapsed_s: of training, in the processes before as well, up to their checkpoints.
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
        warm_start: what to begin with when not resuming: the checkpoint of a higher rate of the
            same field, or a prior, (D,).
        processes: that learn together, all from these targets.

    Raises:
        ValueError: a checkpoint is damaged or belongs to other settings or signals, or there are
            more processes than signals, or signals that are no whole parts.
    """

    def __init__(
        self,
        config: CoordinateDescentConfig,
        targets: Sequence[FieldData],
        checkpoint: Path | None = None,
        warm_start: Path | DiagonalGaussian | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self._config, self._checkpoint, self._processes = config, checkpoint, processes
        self._total = len(targets)
        self._here = processes.share(self._total, config.parts)
        batch = min(config.optimiser.batch, *(len(target.coordinates) for target in targets))
        targets = targets[self._here]
        self._device = device = targets[0].values.device
        self._field = Siren(config.network, device)
        count = self._field.weight_count
        start = warm_start
        if not isinstance(start, DiagonalGaussian):
            seeded = torch.Generator().manual_seed(config.seed)
            start = self._field.initial_prior(config.relative_std, seeded)
        self._shape = (len(targets), count)
        self._prior = DiagonalGaussian(start.mean.to(device), start.std.to(device))
        self._parts = hierarchical_prior.parts_of(config.network)
        self._steps = np.zeros((len(targets), int(self._parts.max())), np.int64)
        self._fit = PosteriorFit(
            self._field,
            self._prior,
            targets,
            self._bits(0),
            torch.zeros(count, dtype=torch.long, device=device),
            replace(config.optimiser, batch=batch),
            Draws(torch.Generator(device).manual_seed(config.seed + 1), self._total, self._here),
            config.parts,
        )
        self._kl_bits = torch.zeros(count, device=device)
        self._curve: list[CoordinateDescentProgress] = []
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)
        elif isinstance(warm_start, Path):
            self._restore(self._load(warm_start)[0], warm_start)

    @property
    def prior(self) -> FactorisedPrior:
        """As learned so far."""
        return FactorisedPrior.from_training(self._prior, self._kl_bits)

    def run(self, save_every_s: float = 60.0) -> Iterator[CoordinateDescentProgress | LearnedPrior]:
        """Train; yields after every outer iteration, and the result last.

        Raises:
            CombinerError: another process was lost, or a checkpoint cannot be written.
        """
        config, fit = self._config, self._fit
        saved = time.monotonic()
        started = saved - (self._curve[-1].elapsed_s if self._curve else 0.0)
        for update in range(len(self._curve), config.updates):
            fit.set_bits(self._bits(update))
            for step in range(config.steps_per_update):
                fit.step(self._learning_rate(update * config.steps_per_update + step))
            late = self._processes.is_first and time.monotonic() - saved > save_every_s
            kl_bits, psnr_db, beta, is_late = self._means(late)
            # a running mean: the rates are about how bits divide, the last word matters most
            share = max(0.2, 1 / (update + 1))
            self._kl_bits += share * (kl_bits - self._kl_bits)
            if update < config.updates * (1 - config.frozen_share):
                self._update_prior()
            progress = CoordinateDescentProgress(
                update + 1,
                config.updates,
                psnr_db,
                float(kl_bits.sum()),
                beta,
                time.monotonic() - started,
            )
            self._curve.append(progress)
            last = update + 1 == config.updates
            if self._checkpoint is not None and (last or is_late):
                self._save(self._checkpoint)
                saved = time.monotonic()
            yield progress
        stride = max(1, len(self._curve) // _CURVE_POINTS)
        yield LearnedPrior(self.prior, tuple(self._curve[stride - 1 :: stride]))

    def _update_prior(self) -> None:
        fit, total = self._fit, self._processes.sum
        if not self._steps.size:
            self._prior = closed_form_prior(fit.posterior(), total)
            fit.rebase(self._prior)
            return
        moved = fit.posterior().in_units_of(self._prior)
        squares = (moved.mean.square() + moved.std.square()).double().cpu().numpy()
        rates = self._kl_bits.double().cpu().numpy()
        octaves = hierarchical_prior.octaves(squares, self._parts, rates)
        # widening a part of all signals alike is for the prior to do
        sums = total(torch.from_numpy(octaves.sum(0)).to(self._device)).cpu().numpy()
        self._steps = hierarchical_prior.nearest_steps(octaves - sums / self._total)
        self._prior = closed_form_prior(fit.posterior(), total, self._scales())
        fit.rebase(self._scaled_prior())

    def _scales(self) -> Tensor:
        """How much wider the prior of each weight of each signal is, (M, D)."""
        steps = hierarchical_prior.of_weights(self._steps, self._parts)
        return torch.from_numpy(hierarchical_prior.scales(steps)).to(self._device)

    def _scaled_prior(self) -> DiagonalGaussian:
        return DiagonalGaussian(self._prior.mean, self._scales() * self._prior.std)

    def _bits(self, update: int) -> Tensor:
        """Of every weight of every signal, during an update."""
        return torch.full(
            self._shape, self._config.rate_bits_at(update) / self._shape[1], device=self._device
        )

    def _means(self, late: bool) -> tuple[Tensor, float, float, bool]:
        """KL in bits of each weight, PSNR in dB and beta, each the mean over all signals.

        And whether it is late enough to save, as the first process alone says: clocks differ.
        """
        fit = self._fit
        psnrs_db = [psnr_from_mse_db(mse, FIELD_PEAK) for mse in fit.distortion.tolist()]
        scalars = [sum(psnrs_db), float(fit.beta.sum()), self._total * late]
        kl_bits = fit.kl_bits().double().sum(0)
        sums = self._processes.sum(torch.cat([kl_bits, kl_bits.new_tensor(scalars)]))
        means = sums / self._total
        psnr_db, beta, is_late = means[-3:].tolist()
        return means[:-3].float(), psnr_db, beta, bool(is_late)

    def _learning_rate(self, step: int) -> float:
        # a rate that stays high makes posteriors wander, the prior widen after them, and the steps,
        # which are in its units, grow: hence a steady exponential fall
        config = self._config
        done = step / (config.updates * config.steps_per_update)
        warm_up = min(1.0, (step + 1) / 50)
        falling = config.final_learning_rate_share**done
        return float(config.optimiser.learning_rate * warm_up * falling)

    def _save(self, path: Path) -> None:
        steps = torch.from_numpy(self._steps).to(self._device)
        state = self._fit.state() | {"prior_std": self._prior.std, "scale_steps": steps}
        tensors = {
            name: self._processes.gather(tensor, self._total, self._config.parts)
            if _is_by_signal(name)
            else tensor
            for name, tensor in state.items()
        }
        if not self._processes.is_first:
            return
        tensors["kl_bits"] = self._kl_bits
        curve = json.dumps([asdict(progress) for progress in self._curve])
        config = json.dumps(asdict(self._config), sort_keys=True)
        make_folder(path.parent)
        metadata = {"curve": curve, "config": config}
        write_atomically(path, safetensors.torch.save(tensors, metadata=metadata))

    def _load(self, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        try:
            with safe_open(path, framework="pt") as file:
                names = file.keys()
                tensors = {name: file.get_tensor(name) for name in names}
                metadata = file.metadata() or {}
        except (OSError, SafetensorError) as error:
            raise ValueError(f"{path.name} is missing or no checkpoint") from error
        # before the first step the fit has nothing of Adam
        if not tensors.keys() >= {*self._fit.state(), "scale_steps", "kl_bits"}:
            raise ValueError(f"{path.name} is no checkpoint of coordinate descent")
        return tensors, metadata

    def _restore(self, tensors: dict[str, Tensor], path: Path) -> None:
        if tensors["mean"].shape != (self._total, self._field.weight_count):
            raise ValueError(f"the checkpoint {path.name} is of other signals or another network")
        state = {
            name: tensor[self._here] if _is_by_signal(name) else tensor
            for name, tensor in tensors.items()
        }
        self._steps = state.pop("scale_steps").cpu().numpy()
        self._prior = DiagonalGaussian(state["prior_mean"], state["prior_std"])
        if self._steps.size:
            state["prior_std"] = self._scaled_prior().std
        self._fit.load_state(state)

    def _resume(self, path: Path) -> None:
        tensors, metadata = self._load(path)
        if json.loads(metadata.get("config", "null")) != asdict(self._config):
            raise ValueError(f"the checkpoint {path.name} belongs to other settings")
        self._kl_bits = tensors.pop("kl_bits")
        self._restore(tensors, path)
        self._curve = [
            CoordinateDescentProgress(**progress) for progress in json.loads(metadata["curve"])
        ]


def _is_by_signal(name: str) -> bool:
    """Whether a tensor of a fit's state has a row for each signal."""
    by_signal = ("mean", "log_std", "log_beta", "distortion", "scale_steps")
    return name in by_signal or ".exp_avg" in name
