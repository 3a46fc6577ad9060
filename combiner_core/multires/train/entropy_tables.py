"""Learning the entropy tables of groups: how often tiles have which scale factor where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from combiner_core.multires.field import encode_all, field_of
from combiner_core.multires.model import Model
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.rec import CountingSink, EntropyTables, GroupEncoder
from combiner_core.signals import Signal


@torch.no_grad()
def learn_tables(
    model: Model,
    signals: Sequence[Signal],
    untrained: EntropyTables,
    indices: Sequence[int],
    seed: int = 0,
) -> EntropyTables:
    """Tables for the groups of a model, from what an encoder would choose for some signals.

    Args:
        model: quantised.
        signals: of its kind.
        untrained: sizes of the tiles and their exponents.
        indices: of the noise scales at which each signal is coded, see `NoiseScale`.
        seed: of the posteriors' samples.
    """
    exponents_seen = np.zeros_like(untrained.exponent_counts, np.int64)
    quotients_seen = np.zeros_like(untrained.scalar_counts, np.int64)
    device = next(model.parameters()).device
    for number, signal in enumerate(signals):
        field = field_of(model, signal.shape, device)
        coefficients = field.coefficients(field.values(signal))
        for index in indices:
            noise = NoiseScale(index, field.unit)
            sink = CountingSink(np.random.default_rng((seed, number, index)))
            encoder = GroupEncoder(untrained, sink)
            encode_all(field, coefficients, noise, encoder)
            exponents_seen += encoder.exponent_counts
            quotients_seen += sink.quotient_counts
    return untrained.learned(exponents_seen, quotients_seen)
