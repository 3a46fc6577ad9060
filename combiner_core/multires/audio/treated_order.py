"""The coding order of a clip with noise shaping and filling: that of the prior, looked at."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from combiner_core.multires.audio import filling
from combiner_core.multires.audio.prior import from_levels
from combiner_core.multires.audio.shaping import noise_steps
from combiner_core.multires.coding_order import CodingOrder


def treated(
    order: CodingOrder[Tensor], noise_index: int, shaping: int
) -> CodingOrder[tuple[Tensor, Tensor]]:
    """Go through a coding order of `AudioPrior`, whose groups get noise steps.

    Args:
        order: of a clip, or of a block of its frames.
        noise_index: of the noise scale.
        shaping: see `shaping.noise_steps`.

    Returns:
        What the order returns, and of every weight the usual deviation of what is not coded, see
        `filling.expected`.
    """
    deviations: dict[int, Tensor] = {}
    try:
        prior = next(order)
        while True:
            steps = noise_steps(prior.mean, prior.log_variance, noise_index, shaping)
            prior = replace(prior, noise_steps=steps)
            weights = yield prior
            group = prior.group
            if group.level not in deviations:
                # of all channels of the level
                channels = group.grid.channels // len(weights)
                size = (len(weights), channels, *weights.shape[2:])
                deviations[group.level] = torch.zeros(size, device=weights.device)
            found = filling.expected(prior, weights)
            deviations[group.level][:, list(group.channels)] += found
            prior = order.send(weights)
    except StopIteration as stop:
        result: Tensor = stop.value
        return result, from_levels(deviations)
