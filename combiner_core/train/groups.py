"""Learning the tables of the group coder: how often tiles have which exponent where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from combiner_core.bitstream import ImageShape
from combiner_core.families import shape_of
from combiner_core.families.multires_report import Surface, answer, prior_arrays
from combiner_core.families.pictures import Pictures
from combiner_core.families.sounds import Sounds
from combiner_core.multires import ImageModel, Model, Noise
from combiner_core.priors.conditional import Request, follow
from combiner_core.rec import GroupEstimator, GroupModel
from combiner_core.signals import Signal


def learn_groups(
    model: Model,
    signals: Sequence[Signal],
    untrained: GroupModel,
    indices: Sequence[int],
    seed: int = 0,
) -> GroupModel:
    """Tables for the groups of a model, from what an encoder would choose for some signals.

    Args:
        model: quantised.
        signals: of its kind.
        untrained: sizes of the tiles and their exponents.
        indices: of the noise scales at which each signal is coded, see `Noise`.
        seed: of the posteriors' samples.
    """
    seen = np.zeros_like(untrained.exponent_counts, np.int64)
    quotients_seen = np.zeros_like(untrained.scalar_counts, np.int64)
    for number, signal in enumerate(signals):
        for index in indices:
            generator = np.random.default_rng((seed, number, index))
            estimator = GroupEstimator(untrained, generator)
            _code(_surface(model, signal), signal, index, estimator)
            seen += estimator.exponent_counts
            quotients_seen += estimator.quotient_counts
    return untrained.learned(seen, quotients_seen)


def _surface(model: Model, signal: Signal) -> Surface:
    shape, device = shape_of(signal), next(model.parameters()).device
    if isinstance(model, ImageModel):
        assert isinstance(shape, ImageShape)
        return Pictures(model, shape, device)
    assert not isinstance(shape, ImageShape)
    return Sounds(model, shape, device)


@torch.no_grad()
def _code(surface: Surface, signal: Signal, index: int, estimator: GroupEstimator) -> None:
    noise = Noise(index, surface.unit)
    targets = surface.targets(surface.values(signal))

    def visit(request: Request) -> torch.Tensor:
        group = request.group
        target = targets.of(group, noise.scale)
        arrays = prior_arrays(request)
        return answer(estimator.encode(group.index, group.previous, target, *arrays), request)

    follow(surface.walk(noise), visit)
