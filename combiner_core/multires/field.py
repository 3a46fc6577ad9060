"""The field of a multires signal, of either kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

from combiner_core.multires.audio.field import AudioField
from combiner_core.multires.audio.manner import AudioManner
from combiner_core.multires.image.field import ImageField
from combiner_core.multires.image.manner import ImageManner
from combiner_core.multires.model import ImageModel, Model
from combiner_core.multires.parameters import Parameters
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
