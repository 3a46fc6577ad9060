"""The siren family: the paper's own field and prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from combiner_core.card import Card
from combiner_core.families import Intent
from combiner_core.signals import AudioShape, Shape

if TYPE_CHECKING:
    from combiner_core.bitstream import Header
    from combiner_core.families import Subparsers
    from combiner_core.siren.codec import SirenCodec


class SirenFamily:
    """See `families.Family`."""

    def load(
        self, card: Card, arrays: dict[str, NDArray[Any]], config: dict[str, Any]
    ) -> SirenCodec:
        """The codec of a preset."""
        # what looks into a file is not to wait for torch
        from combiner_core.siren.codec import SirenCodec
        from combiner_core.siren.preset import SirenPreset

        return SirenCodec(SirenPreset.from_arrays(card, arrays, config))

    def mismatch(self, card: Card, shape: Shape, bits: float) -> float:
        """How far the bits of a field are from those that the prior was trained for, as a log."""
        from combiner_core.siren.preset import Framing
        from combiner_core.siren.tiling import AudioTiling, fields_for

        if isinstance(shape, AudioShape):
            fields = 1
            if card.sample_rate is not None and card.segment_samples is not None:
                framing = Framing(card.sample_rate, card.segment_samples)
                fields = AudioTiling(shape, framing).fields
        else:
            fields = max(1, round(fields_for(bits, card.nominal_bits)))
        return abs(math.log(max(bits, 1.0) / fields / card.nominal_bits))

    def intent(self, header: Header) -> Intent:
        """Always the same."""
        return Intent()

    def add_train_command(self, commands: Subparsers) -> None:
        """Add `siren` to the parser of training commands."""
        from combiner_core.siren import train_command

        train_command.add_to(commands)
