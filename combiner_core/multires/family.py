"""The multires family: fields of localised waves under a prior that networks predict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from combiner_core.card import Card
from combiner_core.families import Intent
from combiner_core.multires.intent import intent_of
from combiner_core.signals import AudioShape, ImageShape, Shape

if TYPE_CHECKING:
    from combiner_core.bitstream import Header
    from combiner_core.families import Subparsers
    from combiner_core.multires.codec import MultiresCodec


class MultiresFamily:
    """See `families.Family`."""

    def load(
        self, card: Card, arrays: dict[str, NDArray[Any]], config: dict[str, Any]
    ) -> MultiresCodec:
        """The codec of a preset."""
        # what looks into a file is not to wait for torch
        from combiner_core.multires.codec import MultiresCodec
        from combiner_core.multires.preset import MultiresPreset

        return MultiresCodec(MultiresPreset.from_arrays(card, arrays, config))

    def mismatch(self, card: Card, shape: Shape, bits: float) -> float:
        """How far a clip's sample rate is from that of the prior, as a log; any rate suits."""
        if not isinstance(shape, AudioShape) or card.sample_rate is None:
            return 0.0
        return abs(math.log(shape.sample_rate / card.sample_rate))

    def intent(self, header: Header) -> Intent:
        """As the parameters say; of a constant signal there are none."""
        if not header.parameters:
            return Intent()
        return intent_of(header.parameters, is_image=isinstance(header.shape, ImageShape))

    def add_train_command(self, commands: Subparsers) -> None:
        """Add `multires` to the parser of training commands."""
        from combiner_core.multires.train import command

        command.add_to(commands)
