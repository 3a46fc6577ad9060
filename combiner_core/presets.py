"""Trained models on disk: a safetensors file with the tensors, a JSON card with the story."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from combiner_core._installation import presets_directory
from combiner_core.errors import PresetError
from combiner_core.fields.siren import SirenConfig
from combiner_core.multires import Model, build, config_from, quantise
from combiner_core.priors.factorised import FactorisedPrior
from combiner_core.priors.storage import from_arrays, to_arrays
from combiner_core.rec.model import GroupModel

DEFAULT_DIRECTORY = presets_directory()
# measured on validation images: a field does best a little below what it was trained for
_BEST_LOAD = 0.73
DIRECTORY_VARIABLE = "COMBINER_PRESETS"


@dataclass(frozen=True)
class AudioFraming:
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


@dataclass(frozen=True)
class Card:
    """What is known of a trained model.

    Attributes:
        name: unique, as users type it.
        id: unique number, as files store it.
        family: "siren" or "multires".
        kind: "image" or "audio".
        sha256: of the safetensors file.
        nominal_bits: bits per field that the prior was trained for; 0 if for every rate.
        about: one sentence.
        training: data, command, duration, settings and curve, as the trainer wrote them.
        sample_rate: in Hz of the clips that the prior was trained on, if only one.
    """

    name: str
    id: int
    family: Literal["siren", "multires"]
    kind: Literal["image", "audio"]
    sha256: str
    nominal_bits: float
    about: str
    training: dict[str, Any]
    sample_rate: int | None = None

    @property
    def prior_hash(self) -> int:
        """The four bytes that tie a file to this exact prior."""
        return int.from_bytes(bytes.fromhex(self.sha256)[:4], "little")

    def fields_for(self, bits: float) -> float:
        """Into how many fields an image is best divided, as a number to be rounded."""
        return bits / (_BEST_LOAD * self.nominal_bits)


@dataclass(frozen=True, eq=False)
class SirenPreset:
    """A siren field, its prior and, for audio, its framing."""

    card: Card
    field: SirenConfig
    prior: FactorisedPrior
    framing: AudioFraming | None


@dataclass(frozen=True, eq=False)
class MultiresPreset:
    """A multires model, quantised, and the tables for coding its groups of weights."""

    card: Card
    model: Model
    groups: GroupModel


Preset = SirenPreset | MultiresPreset


def save_multires(directory: Path, preset: MultiresPreset) -> Card:
    """Write a preset; returns its card with the hash of what was written."""
    groups = preset.groups
    config = {
        "family": "multires",
        "model": asdict(preset.model.config),
        "tile": groups.tile,
        "exponents": groups.exponents,
    }
    arrays = {f"model.{name}": array for name, array in to_arrays(preset.model).items()}
    arrays["exponent_counts"] = groups.exponent_counts
    arrays["scalar_counts"] = groups.scalar_counts
    return _write(directory, preset.card, arrays, config)


def save_siren(directory: Path, preset: SirenPreset) -> Card:
    """Write a preset; returns its card with the hash of what was written."""
    config: dict[str, Any] = {"family": "siren", "field": asdict(preset.field)}
    if preset.framing is not None:
        config["framing"] = asdict(preset.framing)
    prior = preset.prior
    arrays = {"mean": prior.mean, "std": prior.std, "rates": prior.rates}
    card = replace(preset.card, nominal_bits=round(prior.nominal_bits, 1))
    return _write(directory, card, arrays, config)


def _write(
    directory: Path, card: Card, arrays: dict[str, NDArray[Any]], config: dict[str, Any]
) -> Card:
    directory.mkdir(parents=True, exist_ok=True)
    # safetensors takes contiguous arrays only
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    blob = safetensors.numpy.save(arrays, metadata={"config": json.dumps(config, sort_keys=True)})
    card = replace(card, sha256=hashlib.sha256(blob).hexdigest())
    (directory / f"{card.name}.safetensors").write_bytes(blob)
    text = json.dumps(asdict(card), indent=2)
    (directory / f"{card.name}.json").write_text(text + "\n", encoding="utf-8")
    return card


class PresetLibrary:
    """The presets of one directory.

    Args:
        directory: where to look; by default the environment variable COMBINER_PRESETS, or the
            presets shipped with the program.
    """

    def __init__(self, directory: Path | None = None) -> None:
        chosen = directory or os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY
        self._directory = Path(chosen)
        self._loaded: dict[str, Preset] = {}

    def cards(self) -> list[Card]:
        """The cards of all presets, by kind, family and rate.

        Raises:
            PresetError: a card is damaged, or there are no presets at all.
        """
        cards = [_read_card(path) for path in self._directory.glob("*.json")]
        if not cards:
            raise PresetError(f"The folder {self._directory.name} holds no trained models.")
        return sorted(cards, key=lambda card: (card.kind, card.family, card.nominal_bits))

    def choose(
        self,
        model: str,
        kind: str,
        bits: float,
        fields: int | None,
        sample_rate: int | None = None,
    ) -> Card:
        """The preset of that name, or the one of that family which suits a number of bits.

        Args:
            model: name of a preset or of a family.
            kind: "image" or "audio".
            bits: for the whole signal.
            fields: into how many the signal is divided; None if that is still free, as for an
                image, which is then divided so that a field gets about its nominal bits.
            sample_rate: of a clip, in Hz.

        Raises:
            PresetError: no such model, or none for this kind of signal.
        """
        cards = self.cards()
        for card in cards:
            if card.name == model:
                if card.kind != kind:
                    raise PresetError(f"The model {model} is for {card.kind}, not for {kind}.")
                return card
        family = [card for card in cards if card.family == model]
        if not family:
            known = ", ".join(sorted({c.family for c in cards} | {c.name for c in cards}))
            raise PresetError(f"There is no model named {model}; there are: {known or 'none'}.")
        fitting = [card for card in family if card.kind == kind]
        if not fitting:
            raise PresetError(f"The model {model} has no preset for {kind}.")

        def mismatch(card: Card) -> float:
            if card.sample_rate is not None and sample_rate is not None:
                return abs(math.log(sample_rate / card.sample_rate))
            if not card.nominal_bits:
                return 0.0
            natural = fields or max(1, round(card.fields_for(bits)))
            return abs(math.log(max(bits, 1.0) / natural / card.nominal_bits))

        return min(fitting, key=mismatch)

    def for_file(self, model_id: int, prior_hash: int) -> Card:
        """The preset a file was made with.

        Raises:
            PresetError: it is not here, or here in another version.
        """
        for card in self.cards():
            if card.id == model_id:
                if card.prior_hash != prior_hash:
                    raise PresetError(
                        f"The file was made with another version of the model {card.name}: "
                        f"its prior has hash {prior_hash:08x}, the one here {card.prior_hash:08x}."
                    )
                return card
        raise PresetError(f"The file was made with model number {model_id}, which is not here.")

    def load(self, card: Card) -> Preset:
        """Read a preset's tensors and check them against its card; once only.

        Raises:
            PresetError: the file is missing or damaged, or is not what the card describes.
        """
        if card.sha256 in self._loaded:
            return self._loaded[card.sha256]
        path = self._directory / f"{card.name}.safetensors"
        try:
            blob = path.read_bytes()
            if hashlib.sha256(blob).hexdigest() != card.sha256:
                raise PresetError(f"The preset {path.name} does not have the hash on its card.")
            tensors = safetensors.numpy.load(blob)
            with safe_open(path, framework="numpy") as file:
                config = json.loads(file.metadata()["config"])
            preset = _LOADERS[card.family](card, tensors, config)
            self._loaded[card.sha256] = preset
            return preset
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise PresetError(f"The preset {path.name} is missing or damaged.") from error


def _load_siren(card: Card, tensors: dict[str, NDArray[Any]], config: dict[str, Any]) -> Preset:
    framing = AudioFraming(**config["framing"]) if "framing" in config else None
    prior = FactorisedPrior(
        tensors["mean"].astype(np.float32, copy=False),
        tensors["std"].astype(np.float32, copy=False),
        tensors["rates"].astype(np.int32, copy=False),
    )
    return SirenPreset(card, SirenConfig(**config["field"]), prior, framing)


def _load_multires(card: Card, tensors: dict[str, NDArray[Any]], config: dict[str, Any]) -> Preset:
    model = build(config_from(config["model"]))
    prefix = "model."
    from_arrays(
        model,
        {name[len(prefix) :]: array for name, array in tensors.items() if name.startswith(prefix)},
    )
    quantise(model)
    rows, columns = config["tile"]
    groups = GroupModel(
        (rows, columns),
        tuple(config["exponents"]),
        tensors["exponent_counts"],
        tensors["scalar_counts"],
    )
    return MultiresPreset(card, model, groups)


_LOADERS: Mapping[str, Callable[[Card, dict[str, NDArray[Any]], dict[str, Any]], Preset]] = (
    MappingProxyType({"siren": _load_siren, "multires": _load_multires})
)


def _read_card(path: Path) -> Card:
    try:
        card = Card(**json.loads(path.read_text(encoding="utf-8")))
        if len(bytes.fromhex(card.sha256)) != hashlib.sha256().digest_size:
            raise ValueError("not a SHA-256")
        return card
    except (OSError, TypeError, ValueError) as error:
        raise PresetError(f"The preset card {path.name} is damaged.") from error
