"""What a `.cmb` file says of itself, without what decoding it needs."""

from __future__ import annotations

from dataclasses import dataclass

from combiner_core import bitstream
from combiner_core.bitstream import Header, Shape
from combiner_core.errors import BitstreamError
from combiner_core.presets import Card, PresetLibrary


@dataclass(frozen=True)
class FileInfo:
    """What a `.cmb` file says of itself.

    Attributes:
        shape: dimensions of the signal.
        model: name of the preset it was made with.
        seed: of the shared randomness.
        file_bytes: bytes present.
        payload_bytes: length of the payload in the header.
        present_bytes: payload bytes present; fewer in a truncated file.
    """

    shape: Shape
    model: str
    seed: int
    file_bytes: int
    payload_bytes: int
    present_bytes: int


def inspect(data: bytes, presets: PresetLibrary | None = None) -> FileInfo:
    """What a file says of itself, without decoding it; a file cut short will do.

    Raises:
        BitstreamError: the bytes are not a file this program can decode.
        PresetError: the file's model is not here in this version.
    """
    container = bitstream.read(data, allow_truncated=True)
    header = container.header
    return FileInfo(
        shape=header.shape,
        model=card_of(header, presets or PresetLibrary()).name,
        seed=header.seed,
        file_bytes=len(data),
        payload_bytes=container.payload_bytes,
        present_bytes=len(container.payload),
    )


def card_of(header: Header, library: PresetLibrary) -> Card:
    """The card of the preset a file was made with.

    Raises:
        BitstreamError: it is for another kind of signal.
        PresetError: it is not here in this version.
    """
    card = library.for_file(header.model_id, header.prior_hash)
    if card.kind != header.kind:
        raise BitstreamError(f"The file holds {header.kind} but its model is for {card.kind}.")
    return card
