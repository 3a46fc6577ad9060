"""How large a signal may be, however it comes: read, encoded or in a file to be decoded."""

from __future__ import annotations

from dataclasses import dataclass, fields

from combiner_core._numbers import is_whole
from combiner_core.errors import CombinerError


@dataclass(frozen=True)
class Limits:
    """The most that is accepted, the same of files, of encoders and of decoders.

    The defaults keep a decoder, whatever the bytes that it is given, within about 2 GB and half a
    minute of two cores, two minutes without AMX; docs/limits.md has the measurements.

    Attributes:
        pixels: of an image.
        side: pixels along either side of an image; up to 2^18 a strip of two rows, which the format
            codes together, takes no more memory than one of a photograph.
        samples: of a clip over all channels, at its own rate and at that of its model.
        channels: of a clip.
        scaled_pixels: of an image decoded on another grid.
        scaled_samples: of a clip decoded on another grid, likewise over all channels.
        fields: tiles of an image or segments of a clip that have networks of their own.
        payload_bytes: of a file, present or only stated; an encoder that may write more does not.

    Raises:
        CombinerError: one is not a positive whole number.
    """

    pixels: int = 25_000_000
    side: int = 1 << 18
    samples: int = 30_000_000
    channels: int = 8
    scaled_pixels: int = 25_000_000
    scaled_samples: int = 30_000_000
    fields: int = 2048
    payload_bytes: int = 10_000_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not is_whole(value) or value < 1:
                raise CombinerError(
                    f"The limit of {field.name} is a positive whole number, not {value!r}."
                )


DEFAULT_LIMITS = Limits()
