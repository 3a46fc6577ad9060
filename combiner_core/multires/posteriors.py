"""The posterior and the prior of every group of weights, to be looked at: nothing is coded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian, TargetPosterior
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, steps
from combiner_core.multires.field import field_of
from combiner_core.multires.model import Model
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec.wire import VALUE_UNITS
from combiner_core.signals import Signal


@dataclass(frozen=True, eq=False)
class GroupPosterior:
    """The Gaussians of a group's weights, in units of the noise scale.

    Attributes:
        level: of the group, 1 for the finest.
        prior: given the groups before; mean and std of shape (n,).
        posterior: of the signal, likewise.
    """

    level: int
    prior: DiagonalGaussian
    posterior: DiagonalGaussian

    @property
    def kl_bits(self) -> Tensor:
        """KL[q || p] of each weight (n,)."""
        return self.posterior.kl_bits(self.prior)


def posteriors(
    model: Model, signal: Signal, noise_scale: float, seed: int = 0
) -> Iterator[GroupPosterior]:
    """The posteriors of all groups with weights, in the order in which they are coded.

    Each prior is conditional on samples of the posteriors before it, as it is for a receiver.

    Args:
        model: quantised.
        signal: of the model's kind.
        noise_scale: s, which stands for beta, in steps of a signal's eight or sixteen bits.
        seed: of the samples.
    """
    field = field_of(model, signal.shape, torch.device("cpu"))
    noise = NoiseScale.near(noise_scale, field.unit)
    coefficients = field.coefficients(field.values(signal))
    generator = torch.Generator().manual_seed(seed)
    found: list[GroupPosterior] = []

    def sample(given: GroupPrior) -> Tensor:
        integers, target = given.integers(), coefficients.of(given.group, noise.value)
        exists = integers.coded
        mean = torch.from_numpy(integers.mean[exists]).double() / VALUE_UNITS
        variance = torch.exp2(given.log_variance.flatten(0, 1).cpu()[exists].double())
        fitted = TargetPosterior(torch.from_numpy(target[exists]).double() - mean, variance)
        group = GroupPosterior(
            given.group.level,
            DiagonalGaussian(mean, variance.sqrt()),
            DiagonalGaussian(mean + fitted.shift, fitted.std),
        )
        found.append(group)
        values = integers.default
        drawn = torch.round(VALUE_UNITS * group.posterior.sample(generator))
        values[exists] = drawn.to(torch.int32).numpy()
        return given.answer(values)

    order: CodingOrder[object] = field.coding_order(noise, synthesise=False)
    for _ in steps(order, sample):
        group = found.pop()
        if len(group.prior.mean):
            yield group
