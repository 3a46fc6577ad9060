"""Presets so small that they are trained while a test waits, or random; and files for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from signal_files import picture, tone
from torch import nn

from combiner_core import bitstream
from combiner_core.bitstream import Header
from combiner_core.card import Card
from combiner_core.multires.audio.prior import AudioPriorConfig
from combiner_core.multires.image.folding import folded_channels
from combiner_core.multires.image.postfilter import PostfilterConfig
from combiner_core.multires.image.prior import ImagePriorConfig
from combiner_core.multires.model import (
    AudioModel,
    AudioModelConfig,
    ImageModel,
    ImageModelConfig,
    Model,
    quantise,
)
from combiner_core.multires.neighbours import kinds_of, taps_of
from combiner_core.multires.preset import MultiresPreset
from combiner_core.presets import PresetLibrary
from combiner_core.rec import EntropyTables
from combiner_core.scale_mixture import ScaleMixture
from combiner_core.signals import AudioShape, Shape
from combiner_core.siren.coordinate_descent import (
    CoordinateDescent,
    CoordinateDescentConfig,
    LearnedPrior,
)
from combiner_core.siren.coordinates import FieldData
from combiner_core.siren.network import SirenConfig
from combiner_core.siren.posterior import OptimiserConfig
from combiner_core.siren.preset import Framing, SirenPreset
from combiner_core.siren.prior import RATE_UNITS_PER_BIT

IMAGE, AUDIO = "tiny-image", "tiny-audio"
MULTIRES_IMAGE, MULTIRES_AUDIO = "tiny-multires-image", "tiny-multires-audio"
FRAMING = Framing(sample_rate=8000, segment_samples=2000)
TRELLIS, ASTAR = b"\x00\x0a", b"\x01\x10"
ONE_TILE = b"\x01\x01"

_OPTIMISER = OptimiserConfig(batch=64, control_gain=0.02)


def image_config(updates: int = 20) -> CoordinateDescentConfig:
    """A network of 531 weights, 1,200 bits a picture."""
    network = SirenConfig(2, 3, frequencies=6, max_cycles=3.0, hidden=16, layers=3)
    return CoordinateDescentConfig(
        network, 1200.0, updates, steps_per_update=20, optimiser=_OPTIMISER
    )


def image_targets(count: int = 5) -> list[FieldData]:
    """Pictures that differ in place and colour."""
    wide = picture(24, 40 + 6 * count)
    return [FieldData.image(np.roll(wide[:, 6 * i : 6 * i + 36], i, axis=2)) for i in range(count)]


def write_presets(directory: Path) -> None:
    """An image preset of number 60001 and an audio preset of number 60002."""
    image, audio = image_config(updates=12), _audio_config()
    tones = tone(3 * 2000, 8000)[0].reshape(3, 2000)
    clips = [FieldData.audio(part, FRAMING.segment_samples) for part in tones]
    for config, targets, card, framing in (
        (image, image_targets(), _card(IMAGE, 60001, "image"), None),
        (audio, clips, _card(AUDIO, 60002, "audio"), FRAMING),
    ):
        *_, result = CoordinateDescent(config, targets).run()
        assert isinstance(result, LearnedPrior)
        # no weight with many bits, so that budgets far above the nominal one are possible
        rates = np.minimum(result.prior.rates, 2 * RATE_UNITS_PER_BIT)
        prior = replace(result.prior, rates=rates)
        SirenPreset(card, config.network, prior, framing).save(directory)


def image_model(seed: int = 0) -> ImageModel:
    """A pyramid of random narrow networks, quantised, about right for pictures."""
    width = 8
    model = ImageModel(
        ImageModelConfig(
            ImagePriorConfig((width,) * 7, (1,) * 7, (6, 8, 8, 6, 4, 4, 4)),
            PostfilterConfig((width,) * 3, (1, 2, 1), width),
        )
    )
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        _randomise(model, rng)
        for number, level in enumerate(model.prior.levels):
            _randomise(level.head, rng, amplitude=0.1)
            level.log_variance.fill_(3.0 + 2 * number)
            level.log_variance[list(folded_channels((1, 2, 4, 5, 7, 8)))] -= 3
        for mixture in model.prior.mixtures:
            mixture.load_state_dict(ScaleMixture().state_dict())
        model.prior.low_mean.zero_()
        model.prior.low_log_variance.fill_(20.0)
        _randomise(model.postfilter.leave, rng, amplitude=0.003)
    quantise(model)
    return model


def audio_model(seed: int = 0) -> AudioModel:
    """Three bands of random narrow networks, quantised, about right for tones."""
    model = AudioModel(AudioModelConfig(AudioPriorConfig(64, (8, 8, 8)), 8000))
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        _randomise(model, rng)
        for number, band in enumerate(model.prior.bands):
            _randomise(band.head, rng, amplitude=0.02)
            band.log_variance.fill_(-8.0 - 4 * number)
    quantise(model)
    return model


def write_multires_presets(directory: Path) -> None:
    """An image preset of number 60003 and an audio preset of number 60004."""
    for model, card in (
        (image_model(), _card(MULTIRES_IMAGE, 60003, "image", "multires")),
        (audio_model(), _card(MULTIRES_AUDIO, 60004, "audio", "multires")),
    ):
        MultiresPreset(card, model, untrained_tables(model)).save(directory)


def untrained_tables(model: Model) -> EntropyTables:
    """Plausible tables, in which all neighbours of a weight count alike."""
    prior = model.prior
    weights = np.full((prior.table_count, 3 + kinds_of(prior.neighbours)), 0.05)
    weights[:, 0] = 0.4
    return EntropyTables.untrained(taps_of(prior.neighbours, weights))


def _randomise(module: nn.Module, rng: np.random.Generator, amplitude: float = 0.25) -> None:
    """Uniform parameters of both signs: from bits alone, so that they are the same everywhere."""
    for parameter in module.parameters():
        values = rng.uniform(-amplitude, amplitude, tuple(parameter.shape))
        parameter.copy_(torch.from_numpy(values.astype(np.float32)))


def card_for(shape: Shape, library: PresetLibrary, model: str = "siren") -> Card:
    """The tiny preset of a family for signals of this shape."""
    return library.card_for(model, shape, 1.0)


def file_of_noise(
    shape: Shape, library: PresetLibrary, payload_bytes: int = 150, parameters: bytes = TRELLIS
) -> bytes:
    """A file nobody fitted: any payload stands for some weights."""
    card = card_for(shape, library)
    # no zero byte: the first ones can be shares of the payload
    payload = np.random.default_rng(3).integers(1, 256, payload_bytes, np.uint8).tobytes()
    grid = b"" if isinstance(shape, AudioShape) else ONE_TILE
    return bitstream.write(Header(shape, card.id, card.prior_hash, 1, parameters + grid), payload)


def received_weights(data: bytes, library: PresetLibrary) -> NDArray[np.generic]:
    """The weights in a complete file: float32, one row a siren field, or int32 of a multires."""
    container = bitstream.read(data)
    codec = library.for_file(container.header)
    return codec.weights(container.header, container.payload, container.payload_bytes)


def weights_sha256(data: bytes, library: PresetLibrary) -> str:
    """Digest of the received weights as little-endian numbers of four bytes."""
    weights = received_weights(data, library)
    little_endian = weights.astype(weights.dtype.newbyteorder("<"))
    return hashlib.sha256(little_endian.tobytes()).hexdigest()


def _audio_config() -> CoordinateDescentConfig:
    network = SirenConfig(1, 1, frequencies=10, max_cycles=150.0, hidden=12, layers=3)
    return CoordinateDescentConfig(
        network, 800.0, updates=10, steps_per_update=20, optimiser=_OPTIMISER
    )


def _card(name: str, number: int, kind: str, family: str = "siren") -> Card:
    return Card(name, number, family, kind, "", 0.0, "For tests.", {})  # type: ignore[arg-type]
