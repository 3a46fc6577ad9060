"""A siren field and its prior as a preset: in memory, and as tensors and settings on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from combiner_core.card import Card
from combiner_core.presets import PresetFile
from combiner_core.siren.network import SirenConfig
from combiner_core.siren.positional_encodings import PositionalEncodings
from combiner_core.siren.prior import FactorisedPrior


@dataclass(frozen=True)
class Framing:
    """How a clip becomes fields of a size the prior knows.

    Attributes:
        sample_rate: rate in Hz at which the clip is modelled.
        segment_samples: most samples in one field, and the unit of its coordinate.
    """

    sample_rate: int
    segment_samples: int

    def __post_init__(self) -> None:
        if self.sample_rate < 1 or self.segment_samples < 1:
            raise ValueError("sample rate and segment length must be positive")


@dataclass(frozen=True, eq=False)
class SirenPreset:
    """A siren field, its prior and, for audio, its framing."""

    card: Card
    field: SirenConfig
    prior: FactorisedPrior
    framing: Framing | None

    @classmethod
    def unsaved(
        cls, field: SirenConfig, prior: FactorisedPrior, framing: Framing | None = None
    ) -> SirenPreset:
        """A preset that is on no disk: its files tell it by its hash, under the number 0."""
        kind = "image" if framing is None else "audio"
        card = Card("siren-unsaved", 0, "siren", kind, "", 0.0, "A prior in memory.", {})  # type: ignore[arg-type]
        preset = cls(card, field, prior, framing)
        return replace(preset, card=preset.file().card)

    @classmethod
    def from_arrays(
        cls, card: Card, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> SirenPreset:
        """From what `file` serialises.

        Raises:
            KeyError, TypeError, ValueError: it is no such preset.
        """
        framing = Framing(**config["framing"]) if "framing" in config else None
        prior = FactorisedPrior(
            arrays["mean"].astype(np.float32, copy=False),
            arrays["std"].astype(np.float32, copy=False),
            arrays["rates"].astype(np.int32, copy=False),
        )
        field = dict(config["field"])
        if "encodings" in field:
            field["encodings"] = PositionalEncodings(**field["encodings"])
        return cls(card, SirenConfig(**field), prior, framing)

    def file(self) -> PresetFile:
        """The preset as bytes."""
        field = asdict(self.field)
        if self.field.encodings is None:
            del field["encodings"]
        config: dict[str, Any] = {"family": "siren", "field": field}
        card = replace(self.card, nominal_bits=round(self.prior.nominal_bits, 1))
        if self.framing is not None:
            config["framing"] = asdict(self.framing)
            card = replace(card, **asdict(self.framing))
        prior = self.prior
        arrays = {"mean": prior.mean, "std": prior.std, "rates": prior.rates}
        return PresetFile.of(card, arrays, config)

    def save(self, directory: Path) -> Card:
        """Write it; returns its card with the hash of what was written.

        Raises:
            SignalError: it cannot be written there.
        """
        return self.file().save(directory)
