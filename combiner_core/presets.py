"""Trained models on disk: a safetensors file with the tensors, a JSON card with the story."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from combiner_core._installation import presets_directory
from combiner_core.card import Card
from combiner_core.errors import PresetError
from combiner_core.families import FAMILIES, Codec, Intent, family_named
from combiner_core.signals.shape import Shape

if TYPE_CHECKING:
    from combiner_core.bitstream import Header

DEFAULT_DIRECTORY = presets_directory()
DIRECTORY_VARIABLE = "COMBINER_PRESETS"
_ARRIVING = ".{}.arriving.safetensors"

CodecT = TypeVar("CodecT", bound=Codec)


@dataclass(frozen=True, eq=False)
class PresetFile:
    """A model as bytes.

    Attributes:
        card: with the hash of the bytes.
        content: of the safetensors file.
    """

    card: Card
    content: bytes

    @classmethod
    def of(
        cls, card: Card, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> PresetFile:
        """Serialise tensors and settings; the card gets their hash."""
        import safetensors.numpy

        # safetensors takes contiguous arrays only
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        metadata = {"config": json.dumps(config, sort_keys=True)}
        content = safetensors.numpy.save(contiguous, metadata=metadata)
        return cls(replace(card, sha256=hashlib.sha256(content).hexdigest()), content)

    def save(self, directory: Path) -> Card:
        """Write both files, which at every moment are both the old ones or both the new ones.

        Returns the card.

        Raises:
            SignalError: they cannot be written there.
        """
        from combiner_core.signals.storage import make_folder, write_atomically

        make_folder(directory)
        arriving, tensors = _tensor_files(directory, self.card)
        write_atomically(arriving, self.content)
        text = json.dumps(asdict(self.card), indent=2) + "\n"
        write_atomically(directory / f"{self.card.name}.json", text.encode())
        arriving.replace(tensors)
        # of writers that were killed
        for leftover in directory.glob(f"{self.card.name}{_ARRIVING.format('*')}"):
            leftover.unlink(missing_ok=True)
        return self.card


class PresetLibrary:
    """The presets of one directory.

    Args:
        directory: where to look; by default the environment variable COMBINER_PRESETS, or the
            presets shipped with the program.
        families: the model families, by name.
    """

    def __init__(
        self, directory: Path | None = None, families: Mapping[str, str] = FAMILIES
    ) -> None:
        chosen = directory or os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY
        self._directory, self._families = Path(chosen), families
        self._loaded: dict[str, Codec] = {}

    def cards(self) -> list[Card]:
        """The cards of all presets, by kind, family and rate, but those that are damaged.

        Raises:
            PresetError: there are no presets at all.
        """
        cards, _ = self._read()
        if not cards:
            raise self._missing(f"The folder {self._directory.name} holds no trained models.")
        return sorted(cards, key=lambda card: (card.kind, card.family, card.nominal_bits))

    def damage(self) -> list[str]:
        """A sentence on each card that cannot be read, or is none."""
        return self._read()[1]

    def _read(self) -> tuple[list[Card], list[str]]:
        cards, damage = [], []
        for path in sorted(self._directory.glob("*.json")):
            try:
                cards.append(Card.read(path))
            except PresetError as error:
                damage.append(str(error))
        return cards, damage

    def _missing(self, sentence: str) -> PresetError:
        """That something is not there: perhaps because it is damaged."""
        return PresetError(" ".join([sentence, *self.damage()]))

    def choose(self, model: str, shape: Shape, bits: float) -> Codec:
        """The codec of the preset of that name, or of that family's which suits best.

        Args:
            model: name of a preset or of a family.
            shape: of the signal.
            bits: for the whole of it.

        Raises:
            PresetError: no such model, or none for this kind of signal.
        """
        return self.load(self.card_for(model, shape, bits))

    def named(self, name: str, codec_type: type[CodecT]) -> CodecT:
        """The codec of the preset of that name, as what it is: with all that its family offers.

        Args:
            name: of a preset.
            codec_type: class of the codec, such as `siren.codec.SirenCodec`.

        Raises:
            PresetError: there is no such preset, or it is of another family.
        """
        cards = {card.name: card for card in self.cards()}
        if name not in cards:
            known = ", ".join(sorted(cards))
            raise self._missing(f"There is no preset named {name}; there are: {known}.")
        codec = self.load(cards[name])
        if not isinstance(codec, codec_type):
            raise PresetError(f"The preset {name} is of the family {cards[name].family}.")
        return codec

    def card_for(self, model: str, shape: Shape, bits: float) -> Card:
        """The card of the preset that `choose` takes.

        Raises:
            PresetError: as `choose`.
        """
        cards = self.cards()
        for card in cards:
            if card.name == model:
                card.check_kind(shape.kind)
                return card
        members = [card for card in cards if card.family == model]
        if not members:
            known = ", ".join(sorted({c.family for c in cards} | {c.name for c in cards}))
            raise self._missing(f"There is no model named {model}; there are: {known or 'none'}.")
        fitting = [card for card in members if card.kind == shape.kind]
        if not fitting:
            raise self._missing(f"The model {model} has no preset for {shape.kind}.")
        family = family_named(model, self._families)
        return min(fitting, key=lambda card: family.mismatch(card, shape, bits))

    def for_file(self, header: Header) -> Codec:
        """The codec that a file was made with.

        Raises:
            PresetError: it is not here, or here in another version.
            BitstreamError: the file says that it holds another kind of signal.
        """
        return self.load(self.card_of(header))

    def card_of(self, header: Header) -> Card:
        """The card of the preset that a file was made with.

        Raises:
            PresetError, BitstreamError: as `for_file`.
        """
        for card in self.cards():
            if card.id == header.model_id:
                card.check_file(header)
                return card
        raise self._missing(
            f"The file was made with model number {header.model_id}, which is not here."
        )

    def intent_of(self, header: Header) -> Intent:
        """What a file is made for.

        Raises:
            BitstreamError: its parameters are none that an encoder writes.
            PresetError: its model is not here.
        """
        return family_named(self.card_of(header).family, self._families).intent(header)

    def load(self, card: Card) -> Codec:
        """Read a preset's tensors and check them against its card; once only.

        Raises:
            PresetError: the file is missing or damaged, or is not what the card describes.
        """
        if card.sha256 in self._loaded:
            return self._loaded[card.sha256]
        with _damage(f"The preset {card.name}.safetensors is missing or damaged."):
            arriving, tensors = _tensor_files(self._directory, card)
            content = (arriving if arriving.exists() else tensors).read_bytes()
            if hashlib.sha256(content).hexdigest() != card.sha256:
                raise PresetError(
                    f"The preset {card.name}.safetensors does not have the hash on its card."
                )
            arrays, config = parsed(content)
            codec = family_named(card.family, self._families).load(card, arrays, config)
        self._loaded[card.sha256] = codec
        return codec


def _tensor_files(directory: Path, card: Card) -> tuple[Path, Path]:
    """Where a preset's tensors are while its card is being replaced, and usually."""
    arriving = _ARRIVING.format(card.sha256[:8])
    return directory / f"{card.name}{arriving}", directory / f"{card.name}.safetensors"


def parsed(content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tensors and settings of a preset's safetensors file.

    Raises:
        SafetensorError, KeyError, TypeError, ValueError: it is none.
    """
    import safetensors.numpy

    arrays = safetensors.numpy.load(content)
    # the file begins with the length of its header
    length = int.from_bytes(content[:8], "little")
    config = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["config"])
    return arrays, config


@contextmanager
def _damage(sentence: str) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise PresetError(sentence) from error
