"""The multires models: a field on a localised basis and the conditional prior of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from combiner_core.multires.audio.postfilter import SoundPostfilter, SoundPostfilterConfig
from combiner_core.multires.audio.prior import AudioPrior, AudioPriorConfig
from combiner_core.multires.exact_convolutions import ExactConv, bfloat16_is_faster
from combiner_core.multires.image.postfilter import Postfilter, PostfilterConfig
from combiner_core.multires.image.prior import ImagePrior, ImagePriorConfig
from combiner_core.multires.quantised_conv import QuantisedConv


@dataclass(frozen=True)
class ImageModelConfig:
    """Networks of the image model.

    Attributes:
        prior: of the wavelets' weights.
        postfilter: the network g after the synthesis.
    """

    prior: ImagePriorConfig = field(default_factory=ImagePriorConfig)
    postfilter: PostfilterConfig = field(default_factory=PostfilterConfig)


@dataclass(frozen=True)
class AudioModelConfig:
    """Networks of an audio model.

    Attributes:
        prior: of the cosines' weights.
        sample_rate: in Hz at which clips are modelled.
        postfilter: the network after the synthesis, if there is one.
    """

    prior: AudioPriorConfig = field(default_factory=AudioPriorConfig)
    sample_rate: int = 16000
    postfilter: SoundPostfilterConfig | None = None


ModelConfig = ImageModelConfig | AudioModelConfig


class ImageModel(nn.Module):
    """Prior and postfilter of pictures."""

    def __init__(self, config: ImageModelConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = ImagePrior(config.prior)
        self.postfilter = Postfilter(config.postfilter)


class AudioModel(nn.Module):
    """Prior of clips, and their postfilter if there is one."""

    def __init__(self, config: AudioModelConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = AudioPrior(config.prior)
        self.postfilter = None if config.postfilter is None else SoundPostfilter(config.postfilter)

    def without_postfilter(self) -> AudioModel:
        """A model of the same prior that leaves clips as they are synthesised."""
        bare = AudioModel(replace(self.config, postfilter=None))
        bare.prior = self.prior
        return bare.eval()


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
    prior, after = _with_tuples(values["prior"]), values.get("postfilter")
    if "sample_rate" not in values:
        postfilter = PostfilterConfig(**_with_tuples(values["postfilter"]))
        return ImageModelConfig(ImagePriorConfig(**prior), postfilter)
    of_sound = None if after is None else SoundPostfilterConfig(**_with_tuples(after))
    return AudioModelConfig(AudioPriorConfig(**prior), values["sample_rate"], of_sound)


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }


def quantise(model: nn.Module) -> None:
    """Make a trained model exact, see `exact_convolutions`, and fix its parameters.

    Raises:
        ValueError: weights too large for exact sums.
    """
    for part in model.modules():
        if isinstance(part, QuantisedConv):
            part.quantise()
        if isinstance(part, ExactConv) and bfloat16_is_faster():
            part.bfloat16()
    # the layout in which convolutions of few channels are fastest
    model.requires_grad_(False).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
