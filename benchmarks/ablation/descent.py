"""Priors of coordinate descent after 1, 4, 16 and more updates, as presets of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from combiner_core.card import Card
from combiner_core.errors import CombinerError
from combiner_core.siren.coordinate_descent import (
    CoordinateDescent,
    CoordinateDescentConfig,
    CoordinateDescentProgress,
)
from combiner_core.siren.network import SirenConfig
from combiner_core.siren.posterior import OptimiserConfig
from combiner_core.siren.preset import SirenPreset
from combiner_core.siren.training_data import TEXTURED_SHARE, image_targets

_CHECKPOINT = "descent.safetensors"
# presets of the product have small numbers
_FIRST_ID = 50000


@dataclass(frozen=True)
class Descent:
    """Training from the beginning.

    Attributes:
        updates: of the prior, a power of four.
        signals: training images.
        rate_bits: bits each is held at.
        hidden: width of the network.
        tiles: along each side; a random one of tiles x tiles parts stands for each image.
        batch: pixels of each signal at a step.
        learning_rate: at the start.
        seed: of everything random.
    """

    updates: int = 64
    signals: int = 64
    rate_bits: float = 27500.0
    hidden: int = 32
    tiles: int = 2
    batch: int = 512
    learning_rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not _is_power_of_four(self.updates):
            raise CombinerError(f"{self.updates} updates are not a power of four.")


def learn(
    descent: Descent, folders: Sequence[Path], output: Path
) -> Iterator[CoordinateDescentProgress]:
    """Train, and write the presets updates-1, updates-4, updates-16 and so on.

    Resumes from its checkpoint in the folder `output`, where the presets go.

    Raises:
        CombinerError: there are too few images, or the checkpoint is of another training.
    """
    targets, _ = image_targets(
        folders, descent.signals, TEXTURED_SHARE, descent.tiles, descent.seed, "cpu"
    )
    config = CoordinateDescentConfig(
        SirenConfig(2, 3, hidden=descent.hidden),
        descent.rate_bits,
        descent.updates,
        optimiser=OptimiserConfig(descent.batch, descent.learning_rate, draws=2),
        seed=descent.seed,
    )
    try:
        trainer = CoordinateDescent(config, targets, output / _CHECKPOINT)
    except ValueError as error:
        raise CombinerError(f"This training cannot go on: {error}.") from error
    for event in trainer.run():
        if isinstance(event, CoordinateDescentProgress):
            if _is_power_of_four(event.update):
                card = _card(event.update, descent)
                SirenPreset(card, config.network, trainer.prior, None).save(output)
            yield event


def _is_power_of_four(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0 and number.bit_length() % 2 == 1


def _card(updates: int, descent: Descent) -> Card:
    return Card(
        name=f"updates-{updates}",
        id=_FIRST_ID + updates.bit_length(),
        family="siren",
        kind="image",
        sha256="",
        nominal_bits=0.0,
        about=f"SIREN of width {descent.hidden} after {updates} prior updates.",
        training={"updates": updates, "signals": descent.signals, "seed": descent.seed},
    )
