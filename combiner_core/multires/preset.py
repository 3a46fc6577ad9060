"""A multires model as a preset: in memory, and as tensors and settings on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from combiner_core.card import Card
from combiner_core.errors import PresetError
from combiner_core.multires.model import ImageModel, Model, build, config_from, quantise
from combiner_core.multires.storage import from_arrays, to_arrays
from combiner_core.presets import PresetFile
from combiner_core.rec import EntropyTables, Taps
from combiner_core.signals import Kind

# of the tables; 1 was that of tiles' scale factors, 2 that of a code without mixing
_FORMAT = 3
_PREFIX = "model."
_ENTROPY = "entropy."
_TABLES = ("steps", "corrections", "probabilities", "confidences")
_TAPS = ("places", "weights", "parents", "expected")
# what the parts of a model are called in files
_PARTS_IN_FILES: Mapping[Kind, Mapping[str, str]] = MappingProxyType(
    {
        "image": MappingProxyType({"prior": "pyramid", "postfilter": "correction"}),
        "audio": MappingProxyType({"prior": "bands", "postfilter": "correction"}),
    }
)
_POSTFILTER, _POSTFILTER_IN_FILES = "postfilter.", "correction."


@dataclass(frozen=True, eq=False)
class MultiresPreset:
    """A multires model, quantised, and the entropy tables of its groups of weights."""

    card: Card
    model: Model
    tables: EntropyTables

    @classmethod
    def unsaved(cls, model: Model, tables: EntropyTables) -> MultiresPreset:
        """A preset that is on no disk: its files tell it by its hash, under the number 0."""
        kind: Kind = "image" if isinstance(model, ImageModel) else "audio"
        card = Card("multires-unsaved", 0, "multires", kind, "", 0.0, "A prior in memory.", {})
        preset = cls(card, model, tables)
        return replace(preset, card=preset.file().card)

    @classmethod
    def from_arrays(
        cls, card: Card, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> MultiresPreset:
        """From what `file` serialises.

        Raises:
            KeyError, TypeError, ValueError: it is no such preset.
            PresetError: it is of an earlier or a later version.
        """
        found = config.get("format", 1)
        if found != _FORMAT:
            raise PresetError(
                f"The preset {card.name} has format {found}, and this version reads {_FORMAT}: "
                "new entropy tables have to be learned for its networks."
            )
        return cls(card, networks_from(card.kind, arrays, config), _tables_from(arrays))

    def file(self) -> PresetFile:
        """The preset as bytes."""
        parts = _PARTS_IN_FILES[self.card.kind]
        settings = asdict(self.model.config)
        config = {
            "family": "multires",
            "format": _FORMAT,
            "model": {
                parts.get(name, name): value
                for name, value in settings.items()
                if value is not None
            },
        }
        arrays = {
            _PREFIX + _renamed(name, _POSTFILTER, _POSTFILTER_IN_FILES): array
            for name, array in to_arrays(self.model).items()
        }
        return PresetFile.of(self.card, arrays | _arrays_of(self.tables), config)

    def save(self, directory: Path) -> Card:
        """Write it; returns its card with the hash of what was written.

        Raises:
            SignalError: it cannot be written there.
        """
        return self.file().save(directory)


def networks_from(
    kind: Kind, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
) -> Model:
    """The networks of what `MultiresPreset.file` serialises, whatever its entropy tables are.

    Raises:
        KeyError, TypeError, ValueError: there are none of this kind.
    """
    parts = _PARTS_IN_FILES[kind]
    settings = dict(config["model"])
    known = {part: settings[name] for part, name in parts.items() if name in settings}
    model = build(config_from(settings | known))
    from_arrays(
        model,
        {
            _renamed(name.removeprefix(_PREFIX), _POSTFILTER_IN_FILES, _POSTFILTER): array
            for name, array in arrays.items()
            if name.startswith(_PREFIX)
        },
    )
    quantise(model)
    return model


def _arrays_of(tables: EntropyTables) -> dict[str, NDArray[Any]]:
    """Entropy tables as named arrays."""
    own = {name: getattr(tables, name) for name in _TABLES}
    return {_ENTROPY + name: array for name, array in own.items()} | {
        _ENTROPY + name: getattr(tables.taps, name) for name in _TAPS
    }


def _tables_from(arrays: Mapping[str, NDArray[Any]]) -> EntropyTables:
    """The inverse of `_arrays_of`."""
    own = {name: arrays[_ENTROPY + name] for name in _TABLES}
    taps = Taps(**{name: arrays[_ENTROPY + name] for name in _TAPS})
    return EntropyTables(taps=taps, **own)


def _renamed(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old) else name
