"""Cards: what is known of a trained model, and whether a file was made with it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from combiner_core.errors import BitstreamError, PresetError
from combiner_core.signals.shape import Kind

if TYPE_CHECKING:
    from combiner_core.bitstream import Header


@dataclass(frozen=True)
class Card:
    """What is known of a trained model.

    Attributes:
        name: unique, as users type it.
        id: unique number, as files store it; 0 for priors that are on no disk.
        family: one of `families.FAMILIES`.
        kind: "image" or "audio".
        sha256: of the safetensors file.
        nominal_bits: bits per field that the prior was trained for; 0 if for every rate.
        about: one sentence.
        training: data, command, duration, settings and curve, as the trainer wrote them.
        sample_rate: in Hz of the clips that the prior was trained on, if only one.
        segment_samples: at this rate that make one field, if clips are divided into segments.
    """

    name: str
    id: int
    family: str
    kind: Kind
    sha256: str
    nominal_bits: float
    about: str
    training: dict[str, Any]
    sample_rate: int | None = None
    segment_samples: int | None = None

    @classmethod
    def read(cls, path: Path) -> Card:
        """Read a card.

        Raises:
            PresetError: it is missing or damaged.
        """
        try:
            card = cls(**json.loads(path.read_text(encoding="utf-8")))
            if len(bytes.fromhex(card.sha256)) != hashlib.sha256().digest_size:
                raise ValueError("not a SHA-256")
            return card
        except (OSError, TypeError, ValueError) as error:
            raise PresetError(f"The preset card {path.name} is damaged.") from error

    @property
    def prior_hash(self) -> int:
        """The four bytes that tie a file to this exact prior."""
        return int.from_bytes(bytes.fromhex(self.sha256)[:4], "little")

    def check_kind(self, kind: Kind) -> None:
        """Check that the model is for this kind of signal.

        Raises:
            PresetError: it is for the other.
        """
        if self.kind != kind:
            raise PresetError(f"The model {self.name} is for {self.kind}, not for {kind}.")

    def check_file(self, header: Header) -> None:
        """Check that a file was made with exactly this prior.

        Raises:
            PresetError: with another, or another version of it.
            BitstreamError: the file says that it holds another kind of signal.
        """
        if header.model_id != self.id:
            raise PresetError(
                f"The file was made with model number {header.model_id}, not with {self.name}."
            )
        if header.prior_hash != self.prior_hash:
            raise PresetError(
                f"The file was made with another version of the model {self.name}: "
                f"its prior has hash {header.prior_hash:08x}, the one here {self.prior_hash:08x}."
            )
        if header.shape.kind != self.kind:
            raise BitstreamError(
                f"The file holds {header.shape.kind} but its model is for {self.kind}."
            )
