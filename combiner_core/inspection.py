"""What a `.cmb` file says of itself, without what decoding it needs."""

from __future__ import annotations

from dataclasses import dataclass

from combiner_core import bitstream
from combiner_core.families import Intent
from combiner_core.presets import PresetLibrary
from combiner_core.signals.about import NOTHING_KNOWN, About
from combiner_core.signals.shape import Shape


@dataclass(frozen=True)
class FileInfo:
    """What a `.cmb` file says of itself.

    Attributes:
        shape: dimensions of the signal.
        model: name of the preset it was made with.
        intent: what it is made for, and how it is meant to look.
        seed: of the shared randomness.
        file_bytes: bytes present.
        payload_bytes: length of the payload in the header.
        present_bytes: payload bytes present; fewer in a truncated file.
        about: who made the signal, if the file says so.
    """

    shape: Shape
    model: str
    intent: Intent
    seed: int
    file_bytes: int
    payload_bytes: int
    present_bytes: int
    about: About = NOTHING_KNOWN


def inspect(data: bytes, presets: PresetLibrary | None = None) -> FileInfo:
    """What a file says of itself, without decoding it; a file cut short will do.

    Raises:
        BitstreamError: the bytes are not a file this program can decode.
        PresetError: the file's model is not here in this version.
    """
    container = bitstream.read(data, allow_truncated=True)
    header = container.header
    library = presets or PresetLibrary()
    return FileInfo(
        shape=header.signal_shape,
        model=library.card_of(header).name,
        intent=library.intent_of(header),
        seed=header.seed,
        file_bytes=len(data),
        payload_bytes=container.payload_bytes,
        present_bytes=len(container.payload),
        about=header.sections.about,
    )
