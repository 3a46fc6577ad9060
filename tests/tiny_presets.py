"""Presets so small that they are trained while a test waits, and files for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from signal_files import picture, tone

from combiner_core import bitstream
from combiner_core.bitstream import AudioShape, Header, Shape
from combiner_core.families import SirenFamily
from combiner_core.fields.grids import Target
from combiner_core.fields.siren import SirenConfig
from combiner_core.fit import OptimiserConfig
from combiner_core.presets import AudioFraming, Card, PresetLibrary, SirenPreset, save_siren
from combiner_core.priors.factorised import RATE_UNITS_PER_BIT
from combiner_core.train.siren import PriorTrainer, TrainConfig, TrainResult

IMAGE, AUDIO = "tiny-image", "tiny-audio"
FRAMING = AudioFraming(sample_rate=8000, segment_samples=2000)
TRELLIS, ASTAR = b"\x00\x0a", b"\x01\x10"
ONE_TILE = b"\x01\x01"

_OPTIMISER = OptimiserConfig(batch=64, control_gain=0.02)


def image_config(updates: int = 20) -> TrainConfig:
    """A network of 531 weights, 1,200 bits a picture."""
    network = SirenConfig(2, 3, frequencies=6, max_cycles=3.0, hidden=16, layers=3)
    return TrainConfig(network, 1200.0, updates, steps_per_update=20, optimiser=_OPTIMISER)


def image_targets(count: int = 5) -> list[Target]:
    """Pictures that differ in place and colour."""
    wide = picture(24, 40 + 6 * count)
    return [Target.image(np.roll(wide[:, 6 * i : 6 * i + 36], i, axis=2)) for i in range(count)]


def write_presets(directory: Path) -> None:
    """An image preset of number 60001 and an audio preset of number 60002."""
    image, audio = image_config(updates=12), _audio_config()
    tones = tone(3 * 2000, 8000)[0].reshape(3, 2000)
    clips = [Target.audio(part, FRAMING.segment_samples) for part in tones]
    for config, targets, card, framing in (
        (image, image_targets(), _card(IMAGE, 60001, "image"), None),
        (audio, clips, _card(AUDIO, 60002, "audio"), FRAMING),
    ):
        *_, result = PriorTrainer(config, targets).run()
        assert isinstance(result, TrainResult)
        # no weight with many bits, so that budgets far above the nominal one are possible
        rates = np.minimum(result.prior.rates, 2 * RATE_UNITS_PER_BIT)
        prior = replace(result.prior, rates=rates)
        save_siren(directory, SirenPreset(card, config.network, prior, framing))


def card_for(shape: Shape, library: PresetLibrary) -> Card:
    """The tiny preset for signals of this kind."""
    kind = "audio" if isinstance(shape, AudioShape) else "image"
    return library.choose("siren", kind, 1.0, 1)


def file_of_noise(
    shape: Shape, library: PresetLibrary, payload_bytes: int = 150, parameters: bytes = TRELLIS
) -> bytes:
    """A file nobody fitted: any payload stands for some weights."""
    card = card_for(shape, library)
    # no zero byte: the first ones can be shares of the payload
    payload = np.random.default_rng(3).integers(1, 256, payload_bytes, np.uint8).tobytes()
    grid = b"" if isinstance(shape, AudioShape) else ONE_TILE
    return bitstream.write(Header(shape, card.id, card.prior_hash, 1, parameters + grid), payload)


def received_weights(data: bytes, library: PresetLibrary) -> NDArray[np.float32]:
    """The weights in a complete file, one row a field."""
    container = bitstream.read(data)
    card = library.for_file(container.header.model_id, container.header.prior_hash)
    family = SirenFamily(library.load(card))
    return family.weights(container.header, container.payload, container.payload_bytes)


def weights_sha256(data: bytes, library: PresetLibrary) -> str:
    """Digest of the received weights as little-endian float32."""
    return hashlib.sha256(received_weights(data, library).astype("<f4").tobytes()).hexdigest()


def _audio_config() -> TrainConfig:
    network = SirenConfig(1, 1, frequencies=10, max_cycles=150.0, hidden=12, layers=3)
    return TrainConfig(network, 800.0, updates=10, steps_per_update=20, optimiser=_OPTIMISER)


def _card(name: str, number: int, kind: str) -> Card:
    return Card(name, number, "siren", kind, "", 0.0, "For tests.", {})  # type: ignore[arg-type]
