"""All that is done to one clip besides coding its weights, as its file tells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from combiner_core.errors import BitstreamError
from combiner_core.multires.audio import filling, gain_control, windows
from combiner_core.multires.audio.manner import PLAIN, AudioManner
from combiner_core.multires.audio.mdct import frame_count
from combiner_core.multires.parameters import Parameters
from combiner_core.signals import AudioShape

# what the peaks of clips are brought near to, by gains of whole octaves: loud ones stay as they are
_USUAL_PEAK, _MOST_OCTAVES = 0.25, 15


@dataclass(frozen=True, eq=False)
class Treatment:
    """How one clip is treated; by default as usual.

    Attributes:
        manner: what its file tells in a few bytes.
        octaves: by which it is made louder before anything else, 0 to 15.
        gains: by which moments of it are made louder after that, see `gain_control`; none if None.
        divided: its frames that are divided, see `windows`; none if None.
        levels: of the noise that fills what is not coded, see `filling`; as usual if None.
    """

    manner: AudioManner = PLAIN
    octaves: int = 0
    gains: gain_control.Gains | None = None
    divided: Tensor | None = None
    levels: filling.Levels | None = None

    @classmethod
    def of_peak(cls, peak: float) -> Treatment:
        """As usual, of a clip made as loud as others."""
        octaves = int(np.log2(_USUAL_PEAK / max(peak, 2.0**-_MOST_OCTAVES * _USUAL_PEAK)))
        return cls(octaves=max(0, octaves))

    @classmethod
    def received(
        cls, parameters: Parameters, side: bytes, shape: AudioShape, hop: int
    ) -> Treatment:
        """What a file tells.

        Args:
            parameters: from its header.
            side: first bytes of its payload, as many as the parameters say, or as there are.
            shape: of the clip.
            hop: bins of a frame.

        Raises:
            BitstreamError: no encoder writes these.
        """
        manner = AudioManner.from_bytes(parameters.manner)
        level_bytes = parameters.side_bytes - manner.told_bytes
        is_known = not manner.window_bytes or windows.can_divide(hop)
        if level_bytes < 0 or (level_bytes and not manner.filling) or not is_known:
            raise BitstreamError("The file's parameters are not those of this model.")
        frames, is_cut = frame_count(shape.samples, hop), len(side) < parameters.side_bytes
        gains = divided = levels = None
        if manner.gain_bytes:
            count = gain_control.gain_count(shape.samples, hop)
            gains = gain_control.from_bytes(side[: manner.gain_bytes], count, is_cut)
        if manner.window_bytes:
            message = side[manner.gain_bytes : manner.told_bytes]
            divided = windows.from_bytes(message, frames, is_cut)
        if manner.filling:
            size = filling.levels_shape(shape.channels, frames, hop)
            levels = filling.from_bytes(side[manner.told_bytes :], size, is_cut)
        return cls(manner, parameters.setting, gains, divided, levels)

    def told(self, most_bytes: int) -> bytes:
        """The messages of gains and windows, each within so many bytes."""
        gains = b"" if self.gains is None else gain_control.to_bytes(self.gains, most_bytes)
        return gains + windows.to_bytes(self.divided, most_bytes)

    def gain_curve(self, points: int, hop: int) -> Tensor | None:
        """What samples are multiplied by besides: (points,), of which a hop has so many."""
        return None if self.gains is None else gain_control.curve(self.gains, hop, points)
