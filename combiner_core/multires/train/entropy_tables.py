"""Learning the entropy tables of groups from what an encoder decides for some signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.multires.coding_order import CodingOrder, GroupPrior, follow
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.field import field_of
from combiner_core.multires.model import Model
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.train.neighbourhood import NeighbourRegression
from combiner_core.rec import EntropyTables, IntegerPrior, Taps
from combiner_core.rec.groups import CodedGroup, GroupEncoder
from combiner_core.rec.table_learning import Statistics
from combiner_core.signals import Signal

# what is decided depends on the tables: they are learned several times over, from every so
# many signals
_NEIGHBOURS_FROM = 4
_ROUNDS_FROM = (4, 2, 1)
_STATES = 32

Observe = Callable[[IntegerPrior, NDArray[np.float32], CodedGroup], None]


@torch.no_grad()
def learn_tables(
    model: Model, signals: Sequence[Signal], indices: Sequence[int], seed: int = 0
) -> EntropyTables:
    """Tables for the groups of a model.

    Args:
        model: quantised.
        signals: of its kind.
        indices: of the noise scale at which each signal is coded, see `NoiseScale`.
        seed: of the choice of weights whose neighbours are looked at.
    """
    prior = model.prior
    generator = np.random.default_rng(seed)
    regression = NeighbourRegression(prior.neighbours, prior.table_count, generator)
    tables = EntropyTables.untrained(Taps.none(len(prior.neighbours), prior.table_count))
    examples = list(zip(signals, indices, strict=True))
    _encode(model, examples[::_NEIGHBOURS_FROM], tables, regression.add)
    tables = EntropyTables.untrained(regression.taps())
    for every in _ROUNDS_FROM:
        statistics = Statistics(tables, _STATES)
        _encode(model, examples[::every], tables, statistics.add)
        tables = statistics.learned()
    return tables


def _encode(
    model: Model,
    examples: Sequence[tuple[Signal, int]],
    tables: EntropyTables,
    observe: Observe,
) -> None:
    """Encode signals, and show every group's prior, targets and code."""
    device = next(model.parameters()).device
    for signal, index in examples:
        field = field_of(model, signal.shape, device)
        noise = NoiseScale(index, field.unit)
        coefficients = field.coefficients(field.values(signal))
        encoder = GroupEncoder(tables, _STATES)

        def encode(
            prior: GroupPrior,
            coefficients: Coefficients = coefficients,
            noise: NoiseScale = noise,
            encoder: GroupEncoder = encoder,
        ) -> Tensor:
            target = coefficients.of(prior.group, noise.value)
            integers = prior.integers()
            coded = encoder.encode(integers, target)
            observe(integers, target, coded)
            return prior.answer(coded.values)

        order: CodingOrder[Any] = field.coding_order(noise, synthesise=False)
        follow(order, encode)
