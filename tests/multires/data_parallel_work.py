"""What each process of the tests of data-parallel learning does, started alone or by torchrun."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from test_train_image import PHOTOGRAPHS, TINY
from torch import nn

from combiner_core.distributed import Processes, learning_together
from combiner_core.multires.train.image import ImageTrainer
from combiner_core.multires.train.learner import History, Learner, Schedule

BATCH, STEPS = 12, 6
CONFIG = replace(TINY, batch=6, steps=6)


def curve_fit(processes: Processes) -> dict[str, torch.Tensor]:
    """A network learns a curve; each process has its share of every batch."""
    torch.manual_seed(processes.rank)  # the first one's parameters are what all begin with
    model = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 2))
    if processes.count == 1:
        torch.manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters())
    schedule = Schedule(STEPS, 0.01, 2, 3)
    learner = Learner(
        model, [(1.0, optimiser)], schedule, History(), 0.5, 0.01, processes=processes
    )
    for step in range(STEPS):
        inputs = torch.from_numpy(np.random.default_rng(step).normal(size=(BATCH, 3))).float()
        mine = inputs[processes.share(BATCH)]
        learner.learn((model(mine) - mine[:, :2].sin()).square().sum(1).mean())
    loss = torch.tensor([learner.history.loss_nats])
    return {**model.state_dict(), "loss": loss, "average": learner.average[0].weight.detach()}


def pictures(processes: Processes, checkpoint: Path, until: int) -> dict[str, torch.Tensor]:
    """The image model learns from pictures, up to a step after which it is cut off."""
    trainer = ImageTrainer(CONFIG, PHOTOGRAPHS, checkpoint, processes=processes)
    for last in trainer.run(save_every=3):
        if last.step == until:
            break
    return {**trainer.model.state_dict(), "loss": torch.tensor([last.loss_nats])}


def main(out: Path, until: int) -> None:
    with learning_together(torch.device("cpu")) as processes:
        for name, found in (
            ("curve", curve_fit(processes)),
            ("pictures", pictures(processes, out / "pictures.checkpoint", until)),
        ):
            tensors = {key: value.clone().contiguous() for key, value in found.items()}
            safetensors.torch.save_file(tensors, out / f"{name}-{processes.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
