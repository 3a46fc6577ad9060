"""What the header of a multires file says before the payload."""

from __future__ import annotations

from dataclasses import dataclass

from combiner_core.errors import BitstreamError
from combiner_core.multires.intent import (
    PLAIN_BYTES,
    SIDE_BYTES,
    TUNE_BYTES,
    TUNED_BYTES,
    TUNES,
)
from combiner_core.multires.noise_scale import MAX_INDEX, MIN_INDEX
from combiner_core.options import TuneName
from combiner_core.rec import STATE_COUNTS

_STATE_BYTES = 1
# the first byte has log2 of the states below and the setting above
_SETTING_SHIFT, _STATES_MASK, MAX_SETTING = 4, 15, 15
_SCALE_BYTES = PLAIN_BYTES - _STATE_BYTES


@dataclass(frozen=True)
class Parameters:
    """Parameters of a file; those with the defaults of all but the first two are short.

    Attributes:
        states: of the trellis.
        noise_index: of the noise scale.
        tune: what the file is made for; decoders need not know.
        manner: how the noise scale varies, as the field's kind says it.
        side_bytes: of the payload's beginning, which belongs to the manner.
        setting: 0 to 15, which the field's kind gives a meaning.

    Raises:
        ValueError: no encoder writes these.
    """

    states: int
    noise_index: int
    tune: TuneName = "psnr"
    manner: bytes = b""
    side_bytes: int = 0
    setting: int = 0

    def __post_init__(self) -> None:
        if self.states not in STATE_COUNTS:
            raise ValueError(f"trellis, of {self.states} states,")
        if not MIN_INDEX <= self.noise_index <= MAX_INDEX:
            raise ValueError(f"noise scale, number {self.noise_index},")

    def to_bytes(self) -> bytes:
        """For the header, all numbers little-endian."""
        plain = bytes([self.states.bit_length() - 1 | self.setting << _SETTING_SHIFT])
        plain += self.noise_index.to_bytes(_SCALE_BYTES, "little", signed=True)
        if self.tune == TUNES[0] and not self.manner and not self.side_bytes:
            return plain
        side = self.side_bytes.to_bytes(SIDE_BYTES, "little")
        return plain + bytes([TUNES.index(self.tune)]) + side + self.manner

    @classmethod
    def from_bytes(cls, content: bytes) -> Parameters:
        """The inverse.

        Raises:
            BitstreamError: no encoder writes these.
        """
        if len(content) != PLAIN_BYTES and len(content) < TUNED_BYTES:
            raise BitstreamError("The file's parameters are not those of this model.")
        state_bits, setting = content[0] & _STATES_MASK, content[0] >> _SETTING_SHIFT
        states = 1 << state_bits
        if states not in STATE_COUNTS:
            raise BitstreamError(f"The file's trellis, of {state_bits} bits, is impossible.")
        index = int.from_bytes(content[_STATE_BYTES:PLAIN_BYTES], "little", signed=True)
        rest = content[PLAIN_BYTES:]
        try:
            if not rest:
                return cls(states, index, setting=setting)
            if rest[0] >= len(TUNES):
                raise ValueError(f"tune, number {rest[0]},")
            side_bytes = int.from_bytes(rest[TUNE_BYTES : TUNE_BYTES + SIDE_BYTES], "little")
            manner = rest[TUNE_BYTES + SIDE_BYTES :]
            parameters = cls(states, index, TUNES[rest[0]], manner, side_bytes, setting)
        except ValueError as error:
            raise BitstreamError(f"The file's {error} is impossible.") from error
        if parameters.to_bytes() != content:
            raise BitstreamError("The file's parameters are not those of this model.")
        return parameters


def parameters_bytes(tune: TuneName, manner_bytes: int) -> int:
    """Length of parameters with a manner of so many bytes, 0 for none."""
    return PLAIN_BYTES if tune == TUNES[0] and not manner_bytes else TUNED_BYTES + manner_bytes
