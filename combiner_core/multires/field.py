"""The field of a multires signal, of either kind, and the encoding of all its groups."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, follow
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.manner import ImageManner
from combiner_core.multires.model import ImageModel, Model
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.rec.groups import GroupEncoder
from combiner_core.signals import ImageShape, Kind, Shape

MultiresField = ImageField | AudioField
# of each kind, in the parameters of a file
MANNER_BYTES: Mapping[Kind, int] = MappingProxyType(
    {"image": ImageManner.BYTES, "audio": AudioManner.BYTES}
)


def field_of(model: Model, shape: Shape, device: torch.device) -> MultiresField:
    """The field of signals of this shape, whose kind must be the model's, in the plain manner."""
    if isinstance(shape, ImageShape):
        assert isinstance(model, ImageModel)
        return ImageField(model, shape, device)
    assert not isinstance(model, ImageModel)
    return AudioField(model, shape, device)


def received_field(
    model: Model, shape: Shape, device: torch.device, parameters: Parameters, side: bytes
) -> MultiresField:
    """The field of a file.

    Args:
        model: quantised.
        shape: from the header.
        device: where to compute.
        parameters: from the header.
        side: first bytes of the payload, as many as the parameters say, or as there are.

    Raises:
        BitstreamError: no encoder writes these.
    """
    return field_of(model, shape, device).received(parameters, side)


def encode_all(
    field: MultiresField, coefficients: Coefficients, noise: NoiseScale, encoder: GroupEncoder
) -> Any:
    """Encode all groups of a field; returns what its coding order returns, for `field.render`."""

    def encode(prior: GroupPrior) -> Tensor:
        target = coefficients.of(prior.group, noise.value)
        return prior.answer(encoder.encode(prior.integers(), target).values)

    order: CodingOrder[Any] = field.coding_order(noise)
    return follow(order, encode)
