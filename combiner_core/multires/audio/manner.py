"""How the weights of a clip are treated besides: what a file tells of it in a few bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from combiner_core.errors import BitstreamError

# of the numbers in files
SHAPING_UNITS, FILLING_UNITS = 64, 16
MAX_SHAPING, MAX_FILLING = 64, 32
MAX_MESSAGE_BYTES = (1 << 16) - 1
_NUMBERS = struct.Struct("<BBBBHH")
# from which on the filling falls no further
_LAST_FALLING_BIN = 192


@dataclass(frozen=True)
class AudioManner:
    """What is done to a clip's weights; by default nothing.

    Attributes:
        shaping: octaves of the noise scale for two octaves of the expected energy, in 1/64: see
            `shaping`.
        filling: deviation of the noise in the place of what is not coded, as a share of what
            its level says, in 1/16: see `filling`.
        falling: by how much less that share is from bin 192 on, up to which it falls evenly.
        apart: whether the two channels of a clip are coded as they are, not as middle and side.
        gain_bytes: of the message of the gains, see `gain_control`.
        window_bytes: of the message of the windows, see `windows`.

    Raises:
        ValueError: a number is out of range.
    """

    BYTES: ClassVar[int] = _NUMBERS.size

    shaping: int = 0
    filling: int = 0
    falling: int = 0
    apart: bool = False
    gain_bytes: int = 0
    window_bytes: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.shaping <= MAX_SHAPING:
            raise ValueError(f"a shaping of {self.shaping}")
        if not 0 <= self.filling <= MAX_FILLING:
            raise ValueError(f"a filling of {self.filling}")
        if not 0 <= self.falling <= self.filling:
            raise ValueError(f"a filling that falls by {self.falling}")
        for name in ("gain", "window"):
            size = getattr(self, f"{name}_bytes")
            if not 0 <= size <= MAX_MESSAGE_BYTES:
                raise ValueError(f"a message of {name}s of {size} bytes")

    @property
    def is_treated(self) -> bool:
        """Whether weights have noise scales of their own, or noise is filled in."""
        return self.shaping > 0 or self.filling > 0

    @property
    def told_bytes(self) -> int:
        """Of both messages."""
        return self.gain_bytes + self.window_bytes

    def strengths(self, hop: int) -> Tensor:
        """Share of the levels that the noise has, by bin (hop,)."""
        fallen = (torch.arange(hop) / _LAST_FALLING_BIN).clamp_max(1)
        return (self.filling - self.falling * fallen) / FILLING_UNITS

    def to_bytes(self) -> bytes:
        """For the parameters of a file."""
        numbers = self.shaping, self.filling, self.falling, self.apart
        return _NUMBERS.pack(*numbers, self.gain_bytes, self.window_bytes)

    @classmethod
    def from_bytes(cls, content: bytes) -> AudioManner:
        """The inverse; of no bytes the default.

        Raises:
            BitstreamError: no encoder writes these.
        """
        if not content:
            return PLAIN
        try:
            shaping, filling, falling, apart, *sizes = _NUMBERS.unpack(content)
            if apart > 1:
                raise ValueError(f"channels apart in way {apart}")
            return cls(shaping, filling, falling, bool(apart), *sizes)
        except (ValueError, struct.error) as error:
            raise BitstreamError("The file's manner of sound is none that there is.") from error


PLAIN = AudioManner()
