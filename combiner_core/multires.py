"""The multires models: a field on a localised basis and the conditional prior of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from combiner_core.fields.multires import Correction, CorrectionConfig
from combiner_core.priors.bands import BandConfig, BandPrior
from combiner_core.priors.dyadic import DyadicConv
from combiner_core.priors.pyramid import PyramidConfig, PyramidPrior

# the noise scale s of index i is 2^(i / 256), about, in steps of the signal's eight or sixteen bits
NOISE_STEPS_PER_OCTAVE = 256
_NOISE_UNITS = 64


@dataclass(frozen=True)
class ImageModelConfig:
    """Networks of the image model.

    Attributes:
        pyramid: prior of the wavelets' weights.
        correction: the network g after the synthesis.
    """

    pyramid: PyramidConfig = field(default_factory=PyramidConfig)
    correction: CorrectionConfig = field(default_factory=CorrectionConfig)


@dataclass(frozen=True)
class AudioModelConfig:
    """Networks of an audio model.

    Attributes:
        bands: prior of the cosines' weights.
        sample_rate: in Hz at which clips are modelled.
    """

    bands: BandConfig = field(default_factory=BandConfig)
    sample_rate: int = 16000


ModelConfig = ImageModelConfig | AudioModelConfig


class ImageModel(nn.Module):
    """Prior and correction of pictures."""

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = PyramidPrior(config.pyramid)
        self.correction = Correction(config.correction)


class AudioModel(nn.Module):
    """Prior of clips."""

    def __init__(self, config: AudioModelConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = BandPrior(config.bands)


Model = ImageModel | AudioModel


def build(config: ModelConfig) -> Model:
    """An untrained model."""
    if isinstance(config, ImageModelConfig):
        return ImageModel(config)
    return AudioModel(config)


def config_from(values: Mapping[str, Any]) -> ModelConfig:
    """The configuration that `dataclasses.asdict` took apart.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    if "pyramid" in values:
        return ImageModelConfig(
            PyramidConfig(tuple(values["pyramid"]["widths"])),
            CorrectionConfig(**values["correction"]),
        )
    bands = dict(values["bands"])
    bands["widths"] = tuple(bands["widths"])
    return AudioModelConfig(BandConfig(**bands), values["sample_rate"])


def quantise(model: nn.Module) -> None:
    """Make a trained model exact, see `priors.dyadic`, and fix its parameters.

    Raises:
        ValueError: weights too large for exact sums.
    """
    for part in model.modules():
        if isinstance(part, DyadicConv):
            part.quantise()
    # the layout in which convolutions of few channels are fastest
    model.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Noise:
    """The noise scale that an index stands for, as both sides compute with it.

    Attributes:
        index: 0 to 65535.
        unit: of the signal's values in which s is 2^(index / 256): 1 for pixels, 2^-15 for samples.
    """

    index: int
    unit: float = 1.0

    @property
    def scale(self) -> float:
        """s: a multiple of unit / 64, so that it is exactly the same everywhere."""
        scale = math.exp2(self.index / NOISE_STEPS_PER_OCTAVE)
        return round(scale * _NOISE_UNITS) / _NOISE_UNITS * self.unit

    def tensors(self, batch: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """s and its log2, both (batch,) float64."""
        log_scale = self.index / NOISE_STEPS_PER_OCTAVE + torch.log2(
            torch.tensor(self.unit, dtype=torch.float64)
        )
        scale = torch.full((batch,), self.scale, dtype=torch.float64, device=device)
        return scale, log_scale.to(device).expand(batch)
