"""Gradient steps with a running mean of the parameters, on a schedule; all of it on disk."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from combiner_core.distributed import ALONE, Processes
from combiner_core.signals.storage import make_folder, write_atomically

_LOSS_SMOOTHING = 0.02
_CURVE_POINTS = 100
_AVERAGE_WARM_UP = 19
_MODEL, _AVERAGE, _STATE = "model.", "average.", "state."
# a loss of so many times the usual one comes of a picture from which nothing can be learned
_OUTLIER = 8.0


@dataclass(frozen=True)
class Schedule:
    """Learning rates that rise along a line, stay, and fall along another.

    Attributes:
        steps: in all.
        learning_rate: in between.
        warm_up, fall: steps of the two lines.
    """

    steps: int
    learning_rate: float
    warm_up: int
    fall: int

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        rise = (step + 1) / self.warm_up
        fall = (self.steps - step) / max(self.fall, 1)
        return self.learning_rate * min(1.0, rise, fall)


@dataclass
class History:
    """What has been done so far.

    Attributes:
        done: steps.
        loss_nats: a running mean.
        curve: steps and losses, about a hundred of them in the end.
        elapsed_s: over all processes.
    """

    done: int = 0
    loss_nats: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)
    elapsed_s: float = 0.0


@dataclass(frozen=True)
class TrainProgress:
    """State after a step.

    Attributes:
        step: steps done, of `steps`.
        loss_nats: as the training has it, a running mean.
        elapsed_s: over all processes.
    """

    step: int
    steps: int
    loss_nats: float
    elapsed_s: float


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A training on disk.

    Attributes:
        tensors: parameters, their running means and the moments of their gradients.
        settings: of the training, taken apart by `dataclasses.asdict`.
        history: of the training.
    """

    tensors: Mapping[str, Tensor]
    settings: Mapping[str, Any]
    history: History

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a file that `Learner.save` has written.

        Raises:
            ValueError: it is missing or no such file.
        """
        try:
            with safe_open(path, framework="pt") as file:
                names, metadata = file.keys(), file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in names}
            settings = json.loads(metadata.get("config", "{}"))
            history = History(
                int(metadata.get("done", 0)),
                float(metadata.get("loss", 0.0)),
                [
                    (int(step), float(loss))
                    for step, loss in json.loads(metadata.get("curve", "[]"))
                ],
                float(metadata.get("elapsed_s", 0.0)),
            )
        except (OSError, SafetensorError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name} is missing or no checkpoint") from error
        return cls(tensors, settings, history)

    @property
    def average(self) -> dict[str, Tensor]:
        """Running means of the parameters by name."""
        return _part(_AVERAGE, self.tensors)


class Learner:
    """Gradient steps on a model.

    Args:
        model: float32, in which all that is learned accumulates.
        optimisers: of its parameters, or of `flat` ones, with what the learning rate of each is
            multiplied by.
        schedule: of the learning rate.
        history: to be continued.
        max_norm: to which gradients are clipped.
        forgetting: share of the running mean that a step replaces, once there have been enough.
        working: a copy of the model whose gradients are taken, with some parameters in half
            precision; by default the model itself.
        processes: that learn together: a step is along the mean of their gradients.

    Attributes:
        average: a running mean of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        optimisers: Sequence[tuple[float, torch.optim.Optimizer]],
        schedule: Schedule,
        history: History,
        max_norm: float,
        forgetting: float,
        *,
        working: nn.Module | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self._processes = processes
        self._model, self._schedule, self.history = model, schedule, history
        self._working = model if working is None else working
        processes.agree_on(model)
        self._copy_to_working()
        self._optimisers = optimisers
        self.average = copy.deepcopy(model)
        self._max_norm, self._forgetting = max_norm, forgetting
        self._step, self._resumed = 0, time.monotonic() - history.elapsed_s

    def run(
        self,
        loss: Callable[[int], Tensor],
        steps: int,
        checkpoint: Path | None,
        settings: Mapping[str, Any],
        save_every: int,
    ) -> Iterator[TrainProgress]:
        """Go on until so many steps are done; yields after every step.

        Args:
            loss: in nats, of the step of a number.
            steps: in all.
            checkpoint: where to save now and then, and in the end.
            settings: see `save`.
            save_every: so many steps.

        Raises:
            CombinerError: another process was lost.
            SignalError: the checkpoint cannot be written.
        """
        history = self.history
        while history.done < steps:
            self.learn(loss(history.done))
            is_due = history.done == steps or history.done % save_every == 0
            if checkpoint is not None and is_due:
                self.save(checkpoint, settings)
            yield TrainProgress(history.done, steps, history.loss_nats, history.elapsed_s)

    def learn(self, loss: Tensor) -> None:
        """Take a step along the gradient of a loss in nats.

        Raises:
            CombinerError: another process was lost.
        """
        value = float(self._processes.sum(loss.detach())) / self._processes.count
        for working in self._working.parameters():
            working.grad = None
        loss.backward()
        parameters = list(self._model.parameters())
        if self._working is not self._model:
            for master, working in zip(parameters, self._working.parameters(), strict=True):
                master.grad = None if working.grad is None else working.grad.float()
        self._processes.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, self._max_norm)
        if not self._step or value < _OUTLIER * self.history.loss_nats:
            self._follow_gradients()
        self._step += 1
        with torch.no_grad():
            self._copy_to_working()
            torch._foreach_lerp_(
                list(self.average.parameters()),
                list[Tensor](parameters),
                max(self._forgetting, _AVERAGE_WARM_UP / (self._step + _AVERAGE_WARM_UP)),
            )
        self._record(value)

    def save(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Write a checkpoint, which appears only when it is complete; the first process does.

        Raises:
            SignalError: it cannot be written there.
        """
        if not self._processes.is_first:
            return
        tensors = {_MODEL + name: value for name, value in self._model.state_dict().items()}
        for name, value in self.average.state_dict().items():
            tensors[_AVERAGE + name] = value
        for name, state in self._states().items():
            tensors |= {f"{_STATE}{kind}.{name}": value for kind, value in state.items()}
        metadata = {
            "config": json.dumps(settings, sort_keys=True),
            "done": str(self.history.done),
            "loss": repr(self.history.loss_nats),
            "curve": json.dumps(self.history.curve),
            "elapsed_s": repr(self.history.elapsed_s),
        }
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        make_folder(path.parent)
        write_atomically(path, safetensors.torch.save(tensors, metadata=metadata))

    def restore(self, saved: Checkpoint, step: int) -> None:
        """Continue as if there had been no interruption after this many steps of the schedule."""
        self._model.load_state_dict(_part(_MODEL, saved.tensors))
        self.average.load_state_dict(saved.average)
        states: dict[str, dict[str, Tensor]] = {}
        for place, tensor in _part(_STATE, saved.tensors).items():
            kind, _, name = place.partition(".")
            states.setdefault(name, {})[kind] = tensor
        for name, parameter, optimiser in self._learned():
            optimiser.state[parameter] = states[name]
        self._copy_to_working()
        self._step = step

    @torch.no_grad()
    def _copy_to_working(self) -> None:
        if self._working is not self._model:
            torch._foreach_copy_(list(self._working.parameters()), list(self._model.parameters()))

    def _follow_gradients(self) -> None:
        for speed, optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self._schedule.at(self._step) * speed
                for parameter in group["params"]:
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
            optimiser.step()

    def _states(self) -> dict[str, dict[str, Tensor]]:
        """What optimisers remember, by parameter."""
        return {
            name: {kind: torch.as_tensor(value) for kind, value in optimiser.state[part].items()}
            for name, part, optimiser in self._learned()
        }

    def _learned(self) -> list[tuple[str, nn.Parameter, torch.optim.Optimizer]]:
        names = {id(parameter): name for name, parameter in self._model.named_parameters()}
        return [
            (names[id(parameter)], parameter, optimiser)
            for _, optimiser in self._optimisers
            for group in optimiser.param_groups
            for parameter in group["params"]
        ]

    def _record(self, loss_nats: float) -> None:
        history = self.history
        history.done += 1
        share = max(_LOSS_SMOOTHING, 1 / self._step)
        history.loss_nats += share * (loss_nats - history.loss_nats)
        history.elapsed_s = time.monotonic() - self._resumed
        every = max(1, self._schedule.steps // _CURVE_POINTS)
        if self._step % every == 0 or self._step == self._schedule.steps:
            history.curve.append((history.done, float(f"{history.loss_nats:.5g}")))


def resumed(path: Path | None, settings: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint that a training with these settings goes on from, if there is one.

    Its numbers of steps, in all and of the fall, may be other ones.

    Raises:
        ValueError: it is damaged or belongs to other settings.
    """
    if path is None or not path.exists():
        return None
    saved = Checkpoint.read(path)
    if _lasting(saved.settings) != _lasting(settings):
        raise ValueError(f"the checkpoint {path.name} belongs to other settings")
    return saved


def _lasting(settings: Mapping[str, Any]) -> str:
    lasting = {name: part for name, part in settings.items() if name not in ("steps", "fall")}
    return json.dumps(lasting, sort_keys=True)


def _part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
