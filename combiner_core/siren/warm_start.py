"""The prior of a preset as that with which coordinate descent begins."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from combiner_core.gaussians import DiagonalGaussian
from combiner_core.siren.network import Siren, SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.preset import SirenPreset

# of the initialisation: what is new is not to drown what has been learned
_NEW_SHARE = 0.1


def first_prior(
    preset: SirenPreset, network: SirenConfig, relative_std: float, generator: torch.Generator
) -> DiagonalGaussian:
    """The preset's prior in a network that is the preset's, or differs by having more encodings.

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
    kept = _kept_channels(own.encodings, network.encodings)
    if kept is None or replace(network, encodings=own.encodings) != own:
        raise ValueError(f"the network of {preset.card.name} is another one")
    begun = Siren(network).initial_prior(relative_std, generator)
    means, stds = (
        _grown(Siren(own).parts(old[None]), Siren(network).parts(new[None]), kept)
        for old, new in ((learned.mean, begun.mean), (learned.std, begun.std))
    )
    return DiagonalGaussian(means, stds)


def _kept_channels(
    old: PositionalEncodings | None, new: PositionalEncodings | None
) -> Tensor | None:
    """Where the channels of old encodings are among the new ones; None if not all are there."""
    if old is None or new is None:
        return torch.zeros(0, dtype=torch.long) if old is None else None
    if old.nodes != new.nodes or old.frequencies > new.frequencies:
        return None
    cosines = torch.arange(old.frequencies)
    return torch.cat([cosines, new.frequencies + cosines])


def _grown(
    old: tuple[list[Tensor], Tensor], new: tuple[list[Tensor], Tensor], kept: Tensor
) -> Tensor:
    """The weights of `new` with those of `old` in their places, (D,)."""
    groups = []
    for learned, begun in zip(old[0], new[0], strict=True):
        inputs, more = learned.shape[1] - 1, begun.shape[1] - learned.shape[1]
        channels = kept if more else kept[:0]
        inputs -= len(channels)
        begun[:, inputs:-1] *= _NEW_SHARE
        begun[:, torch.cat([torch.arange(inputs), inputs + channels, torch.tensor([-1])])] = learned
        groups.append(begun.flatten())
    encodings = new[1]
    if len(kept):
        nodes = old[1].shape[1] // len(kept)
        encodings.view(nodes, -1)[:, kept] = old[1].view(nodes, -1)
    return torch.cat([*groups, encodings.flatten()])
