"""The prior of a preset as that with which coordinate descent begins."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.preset import SirenPreset

# of the initialisation: what is new is not to drown what has been learned
_NEW_SHARE = 0.1


def first_prior(
    preset: SirenPreset, network: SirenConfig, relative_std: float, generator: torch.Generator
) -> DiagonalGaussian:
    """The preset's prior in a network that is the preset's, or differs by having encodings.

    Args:
        preset: already learned.
        network: to learn on.
        relative_std, generator: of what is new, see `Siren.initial_prior`.

    Raises:
        ValueError: the networks differ in more than that.
    """
    learned, own = preset.prior.gaussian(), preset.field
    if network == own:
        return learned
    if own.encodings is not None or replace(network, encodings=None) != own:
        raise ValueError(f"the network of {preset.card.name} is another one")
    begun = Siren(network).initial_prior(relative_std, generator)
    means, stds = (
        _grown(Siren(own).parts(old[None])[0], *Siren(network).parts(new[None]))
        for old, new in ((learned.mean, begun.mean), (learned.std, begun.std))
    )
    return DiagonalGaussian(means, stds)


def _grown(old: list[Tensor], new: list[Tensor], encodings: Tensor) -> Tensor:
    """The layers of `new` with the rows of `old` in them, and what encodings have: (D,)."""
    layers = []
    for learned, begun in zip(old, new, strict=True):
        inputs = learned.shape[1] - 1
        rows = [learned[:, :inputs], begun[:, inputs:-1] * _NEW_SHARE, learned[:, inputs:]]
        layers.append(torch.cat(rows, 1).flatten())
    return torch.cat([*layers, encodings[0]])
