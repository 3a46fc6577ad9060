"""The receiver of a file: its field, its noise scale, and how its groups are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from combiner_core.bitstream import Header
from combiner_core.devices import resolve
from combiner_core.multires.coding_order import GroupPrior
from combiner_core.multires.field import MultiresField, received_field
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.multires.preset import MultiresPreset
from combiner_core.options import DeviceName
from combiner_core.rec import IntegerPrior
from combiner_core.rec.groups import GroupDecoder


class Listener(Protocol):
    """Is told of every group that was decoded."""

    def enter(self, prior: GroupPrior, integers: IntegerPrior, values: NDArray[np.int32]) -> None:
        """Take note of a group: its prior, the same as coders are told it, and its weights."""


def receiver(
    preset: MultiresPreset, header: Header, payload: bytes, device_name: DeviceName
) -> tuple[MultiresField, NoiseScale, GroupDecoder]:
    """The field of a file, its noise scale, and what decodes its groups.

    Raises:
        BitstreamError: the parameters are none that an encoder writes.
    """
    parameters = Parameters.from_bytes(header.parameters)
    side, message = payload[: parameters.side_bytes], payload[parameters.side_bytes :]
    device = resolve(device_name)
    field = received_field(preset.model, header.shape, device, parameters, side)
    noise = NoiseScale(parameters.noise_index, field.unit)
    return field, noise, GroupDecoder(preset.tables, message, parameters.states)


def receiving(decoder: GroupDecoder, *listeners: Listener) -> Callable[[GroupPrior], Tensor]:
    """What answers the priors of a coding order with decoded weights, and tells listeners."""

    def answer(prior: GroupPrior) -> Tensor:
        integers = prior.integers()
        values = decoder.decode(integers)
        for listener in listeners:
            listener.enter(prior, integers, values)
        return prior.answer(values)

    return answer
