"""Presets with a part of what their priors have learned taken away, for ablations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from combiner_core.errors import CombinerError
from combiner_core.multires.exact_convolutions import ExactConv
from combiner_core.multires.image.level_network import LevelNetwork
from combiner_core.multires.model import ImageModel, quantise
from combiner_core.multires.preset import MultiresPreset
from combiner_core.rec import EntropyTables, Taps
from combiner_core.siren.coordinate_descent import CoordinateDescentConfig
from combiner_core.siren.network import Siren
from combiner_core.siren.preset import SirenPreset
from combiner_core.siren.prior import FactorisedPrior

_SEED = 0


def isotropic_siren(preset: SirenPreset) -> SirenPreset:
    """N(0, sigma^2) for every weight; sigma^2 is the mean second moment of the learned prior."""
    prior = preset.prior
    sigma = np.sqrt(np.mean(np.square(prior.mean) + np.square(prior.std)))
    return _with_prior(preset, np.zeros_like(prior.mean), np.full_like(prior.std, sigma))


def untrained_siren(preset: SirenPreset) -> SirenPreset:
    """The prior with which coordinate descent begins: about SIREN's initialisation."""
    generator = torch.Generator().manual_seed(_SEED)
    start = Siren(preset.field).initial_prior(CoordinateDescentConfig.relative_std, generator)
    return _with_prior(preset, start.mean.numpy(), start.std.numpy())


def without_encodings(preset: SirenPreset) -> SirenPreset:
    """Positional encodings that are their prior means, and no bits for them.

    Raises:
        CombinerError: the field has none.
    """
    group = Siren(preset.field).groups.get("encodings")
    if group is None:
        raise CombinerError(f"The field of {preset.card.name} has no positional encodings.")
    rates = preset.prior.rates.copy()
    rates[group] = 0
    return replace(preset, prior=replace(preset.prior, rates=rates))


def without_postfilter(preset: MultiresPreset) -> MultiresPreset:
    """No network g: the wavelets' synthesis is the picture."""

    return _changed(preset, lambda model: _clear(model.postfilter.leave))


def without_means(preset: MultiresPreset) -> MultiresPreset:
    """Prior means of zero, variances as predicted."""

    def change(model: ImageModel) -> None:
        for level in model.prior.networks():
            for head, stage in zip(level.head, level.config.stages, strict=True):
                _clear(_conv(head), slice(len(stage)))

    return _changed(preset, change)


def without_networks(
    preset: MultiresPreset, levels: slice = slice(None), stages: slice = slice(None)
) -> MultiresPreset:
    """A variance for each channel, as it is usual in pictures, in the place of predictions.

    Args:
        preset: as learned.
        levels: without networks, the finest first.
        stages: of these levels.
    """

    def change(model: ImageModel) -> None:
        for level in model.prior.networks()[levels]:
            _clear_heads(level, stages)

    return _changed(preset, change)


def isotropic_multires(preset: MultiresPreset) -> MultiresPreset:
    """N(0, sigma^2) for every weight but the low-pass array's; sigma^2 as is usual on average."""

    def change(model: ImageModel) -> None:
        levels = model.prior.networks()
        # a level has a quarter of the weights of the next finer one
        shares = [4.0**-number for number in range(len(levels))]
        variances = [float(torch.exp2(level.log_variance).mean()) for level in levels]
        variance = np.average(variances, weights=shares)
        for level in levels:
            _clear_heads(level)
            level.log_variance.fill_(float(np.log2(variance)))

    return _changed(preset, change)


def without_neighbours(preset: MultiresPreset) -> MultiresPreset:
    """Nothing around a weight counts for its probabilities: they are means over all that can be."""
    tables = preset.tables
    weights = tables.confidences.astype(np.float64)
    mean = (weights * tables.probabilities).sum(2, keepdims=True) / weights.sum(2, keepdims=True)
    probabilities = np.repeat(np.rint(mean), tables.probabilities.shape[2], 2)
    channels, classes = len(tables.taps.places), tables.taps.classes
    return replace(
        preset,
        tables=replace(
            tables,
            taps=Taps.none(channels, classes),
            probabilities=probabilities.astype(np.uint16),
        ),
    )


def without_learned_tables(preset: MultiresPreset) -> MultiresPreset:
    """Probabilities that are those of no training data, to be adapted while coding."""
    return replace(preset, tables=EntropyTables.untrained(preset.tables.taps))


def _with_prior(
    preset: SirenPreset, mean: NDArray[np.float32], std: NDArray[np.float32]
) -> SirenPreset:
    """Another prior that expects as many bits, the same of every weight."""
    rate = round(preset.prior.rates.sum(dtype=np.int64) / len(mean))
    rates = np.full(len(mean), rate, np.int32)
    return replace(preset, prior=FactorisedPrior(mean, std, rates))


def _clear_heads(level: LevelNetwork, stages: slice = slice(None)) -> None:
    for head in level.head[stages]:
        _clear(_conv(head))


def _clear(layer: nn.Conv2d, outputs: slice = slice(None)) -> None:
    """Make outputs of a layer zero."""
    assert layer.bias is not None
    layer.weight[outputs].zero_()
    layer.bias[outputs].zero_()


def _conv(module: nn.Module) -> ExactConv:
    assert isinstance(module, ExactConv)
    return module


@torch.no_grad()
def _changed(preset: MultiresPreset, change: Callable[[ImageModel], None]) -> MultiresPreset:
    model = copy.deepcopy(preset.model)
    assert isinstance(model, ImageModel)
    change(model)
    quantise(model)
    return replace(preset, model=model)
