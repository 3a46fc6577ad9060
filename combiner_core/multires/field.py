"""The field of a multires signal, of either kind, and the encoding of all its groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from combiner_core.errors import BitstreamError
from combiner_core.multires.audio import filling
from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.audio.manner import Manner
from combiner_core.multires.coding_order import CodingOrder, GroupPrior, follow
from combiner_core.multires.coefficients import Coefficients
from combiner_core.multires.image import noise_map_code
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.noise_map import NoiseMap
from combiner_core.multires.model import ImageModel, Model
from combiner_core.multires.noise_scale import NoiseScale
from combiner_core.multires.parameters import Parameters
from combiner_core.rec.groups import GroupEncoder
from combiner_core.signals import AudioShape, ImageShape, Shape

MultiresField = ImageField | AudioField


def field_of(
    model: Model, shape: Shape, device: torch.device, noise_map: NoiseMap | None = None
) -> MultiresField:
    """The field of signals of this shape, whose kind must be the model's.

    Args:
        model: quantised.
        shape: of the signals.
        device: where to compute.
        noise_map: of an image: where the noise scale is another one.
    """
    if isinstance(shape, ImageShape):
        assert isinstance(model, ImageModel)
        return ImageField(model, shape, device, noise_map)
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
    if not isinstance(model, ImageModel):
        assert isinstance(shape, AudioShape)
        field = AudioField(model, shape, device, Manner.from_bytes(parameters.manner))
        if not field.manner.filling:
            if parameters.side_bytes:
                raise BitstreamError("The file's parameters are not those of this model.")
            return field
        return field.filled(filling.from_bytes(side, field.levels_shape))
    noise_map = None
    if parameters.manner:
        assert isinstance(shape, ImageShape)
        noise_map = noise_map_code.from_bytes(parameters.manner, side, shape.height, shape.width)
    return field_of(model, shape, device, noise_map)


def encode_all(
    field: MultiresField, coefficients: Coefficients, noise: NoiseScale, encoder: GroupEncoder
) -> Any:
    """Encode all groups of a field; returns what its coding order returns, for `field.render`."""

    def encode(prior: GroupPrior) -> Tensor:
        target = coefficients.of(prior.group, noise.value)
        return prior.answer(encoder.encode(prior.integers(), target).values)

    order: CodingOrder[Any] = field.coding_order(noise)
    return follow(order, encode)
